#include "lib/base/error.h"

#include <system_error>

namespace pagesnap {

std::string ErrnoText(int error_number) { return std::system_category().message(error_number); }

}  // namespace pagesnap
