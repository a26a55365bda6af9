#include <fmt/format.h>

#include "lib/base/version.h"

namespace pagesnap {

std::string VersionLine(std::string_view program, int64_t format_version) {
  const std::string_view commit = SourceCommit();
  return fmt::format("{} (pagesnap) {}, {}{}{}format version {}\n", program, ReleaseVersion(),
                     commit.empty() ? "" : "commit ", commit, commit.empty() ? "" : ", ",
                     format_version);
}

}  // namespace pagesnap
