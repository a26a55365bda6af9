#include "lib/base/error.h"

#include <cerrno>
#include <system_error>

namespace pagesnap {

std::string ErrnoText(int error_number) { return std::system_category().message(error_number); }

std::string WriteErrorText(int error_number) {
  const std::string text = ErrnoText(error_number);
  switch (error_number) {
    case EFBIG:
      return text + "; raise the limit on the size of files (ulimit -f), or write it elsewhere";
    case ENOSPC:
      return text + "; free some, or write it elsewhere";
    case EDQUOT:
      return text + "; free some of the quota, or write it elsewhere";
    default:
      return text;
  }
}

}  // namespace pagesnap
