#include "lib/query/sharing/mapping_origin.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/work_limit.h"
#include "lib/query/scan/owner.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// A file that mappings of the snapshot map.
struct SourceFile {
  FileName name = FileName::kUnknown;
  std::string identity = {};  // device and inode; "": it is no file
  std::optional<int64_t> block_count = std::nullopt;
};

// An unnamed file, and who maps it.
struct FileUsers {
  uint32_t number;  // in MappingOrigins::files
  Owner owner;
};

// Of the files of one source, by id; each is read when a mapping first refers to it.
class SourceFiles {
 public:
  explicit SourceFiles(const Source& source)
      : source_(source),
        file_(*source.database,
              "SELECT path, link_count, device, inode, block_count FROM file WHERE id = ?") {}

  // 0, and what is not there, is no file.
  const SourceFile& Of(int64_t file_id) {
    const auto [place, is_new] = files_.try_emplace(file_id);
    SourceFile& file = place->second;
    const std::optional<int64_t> local = source_.Local(IdSpace::kFile, file_id);
    if (!is_new || !local) return file;
    file_.Reset();
    file_.Bind(1, *local);
    if (!file_.Step()) return file;
    const std::optional<int64_t> link_count =
        file_.IsNull(1) ? std::nullopt : std::optional(file_.Int(1));
    file.name = FileNameOf(file_.Text(0), link_count);
    // One without a name is in one mount alone: device and inode are enough.
    if (!file_.IsNull(4)) file.block_count = file_.Int(4);
    if (file_.Int(3) != 0) file.identity = fmt::format("{} {}", file_.Text(2), file_.Int(3));
    return file;
  }

 private:
  const Source& source_;
  Statement file_;
  std::unordered_map<int64_t, SourceFile> files_;
};

}  // namespace

MappingOrigins OriginsOf(SnapshotReader& reader, int64_t snapshot_id, const SnapshotLayout& layout,
                         const GroupLayout& groups) {
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, snapshot_id);
  SourceFiles files(source);
  std::unordered_map<std::string_view, FileUsers> unnamed;  // by identity
  MappingOrigins origins;
  std::vector<const FileUsers*> users;  // of the files of these mappings
  origins.of_mapping.reserve(layout.mappings().size());
  users.reserve(layout.mappings().size());
  std::unordered_map<int64_t, uint32_t> numbers;  // of groups
  for (const MappingInfo& mapping : layout.mappings()) {
    CheckWork();
    const SourceFile& file = files.Of(mapping.file_id);
    const auto index = static_cast<uint32_t>(origins.of_mapping.size());
    const int64_t group_id = groups.GroupOf(index);
    const auto next = static_cast<uint32_t>(origins.group_ids.size());
    const auto [group, is_new_group] = numbers.try_emplace(group_id, next);
    if (is_new_group) origins.group_ids.push_back(group_id);
    origins.of_mapping.push_back({group->second, file.name, groups.IsShared(index)});
    users.push_back(nullptr);
    if (file.identity.empty() || file.name == FileName::kNamed) continue;
    const auto number = static_cast<uint32_t>(origins.files.size());
    const auto [place, is_new] = unnamed.try_emplace(file.identity, FileUsers{number, {}});
    if (is_new) origins.files.push_back({index, file.block_count});
    place->second.owner.Add(Owner(group_id));
    users.back() = &place->second;
  }
  for (size_t i = 0; i < users.size(); ++i) {
    if (users[i] == nullptr) continue;
    MappingOrigin& origin = origins.of_mapping[i];
    if (users[i]->owner.is_several()) {
      origin.name = FileName::kHeld;
    } else {
      origin.file = users[i]->number;
    }
  }
  return origins;
}

}  // namespace pagesnap
