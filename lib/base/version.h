// Which pagesnap this is.
#ifndef LIB_BASE_VERSION_H_
#define LIB_BASE_VERSION_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace pagesnap {

// Returns the version of the release, as in "0.5.0": that of project() in CMakeLists.txt.
std::string_view ReleaseVersion();

// Returns the commit that was built, as git abbreviates it, with "-dirty" if files differed from
// it;
// "" where the source was no git repository.
std::string_view SourceCommit();

// Returns what --version of a program prints, with the line end. `format_version` is that of the
// files which it writes, or the newest that it reads.
std::string VersionLine(std::string_view program, int64_t format_version);

}  // namespace pagesnap

#endif  // LIB_BASE_VERSION_H_
