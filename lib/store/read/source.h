// One of the files that a reader sees, and how its ids stay apart from those of the others.
#ifndef LIB_STORE_READ_SOURCE_H_
#define LIB_STORE_READ_SOURCE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/store/read/mapping_rows.h"
#include "lib/store/sqlite/database.h"

namespace pagesnap {

// What ids count. Columns that refer to one are called NAME_id.
enum class IdSpace {
  kSnapshot,
  kProcess,
  kMapping,
  kFile,
  kVmFlags,
  kContent,
  kFrameContent,
  kGap
};
inline constexpr size_t kIdSpaceCount = 8;

// Returns the id space of a column of a stored table, or nothing for a column that is no id.
std::optional<IdSpace> IdSpaceOf(std::string_view table, std::string_view column);

// What an id becomes that its own file does not have.
inline constexpr int64_t kNoId = INT64_MAX;

// Ids of a source are those in its file plus an offset: the sum of the highest ids in the sources
// before it. The first source has the ids that are in its file.
struct Source {
  const Database* database;
  std::shared_ptr<const MappingCopies> copies;  // the file's mapping_copy
  std::array<int64_t, kIdSpaceCount> offset{};
  std::array<int64_t, kIdSpaceCount> last{};  // the highest id here, offset included

  // Returns the id among all sources of an id in the file, kNoId when it is above the highest there
  // or below 1: it must not become that of another file's row.
  [[nodiscard]] int64_t Global(IdSpace space, int64_t local) const {
    const auto index = static_cast<size_t>(space);
    if (local < 1 || local > last[index] - offset[index]) return kNoId;
    return local + offset[index];
  }
  [[nodiscard]] int64_t OffsetOf(IdSpace space) const { return offset[static_cast<size_t>(space)]; }
  // Returns the id in the file, or nothing when it is an id of another source.
  [[nodiscard]] std::optional<int64_t> Local(IdSpace space, int64_t global) const {
    auto index = static_cast<size_t>(space);
    if (global <= offset[index] || global > last[index]) return std::nullopt;
    return global - offset[index];
  }
};

// Returns the sources of these files, which are borrowed. Throws Error for what no capture writes:
// ids below 1 or above 2^40, values of other types than their columns, paths and names of over 64
// KiB, and command lines of over kMaxTextBytes.
std::vector<Source> MakeSources(const std::vector<const Database*>& databases);

}  // namespace pagesnap

#endif  // LIB_STORE_READ_SOURCE_H_
