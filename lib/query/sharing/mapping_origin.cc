#include "lib/query/sharing/mapping_origin.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "lib/base/work_limit.h"
#include "lib/query/scan/owner.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// A file that mappings of the snapshot map.
struct MappedFile {
  FileName name = FileName::kUnknown;
  std::string identity = {};  // device and inode; "": it is no file
};

// Of the files of one source, by id; each is read when a mapping first refers to it.
class MappedFiles {
 public:
  explicit MappedFiles(const Source& source)
      : source_(source),
        file_(*source.database, "SELECT path, link_count, device, inode FROM file WHERE id = ?") {}

  // 0, and what is not there, is no file.
  const MappedFile& Of(int64_t file_id) {
    const auto [place, is_new] = files_.try_emplace(file_id);
    MappedFile& file = place->second;
    const std::optional<int64_t> local = source_.Local(IdSpace::kFile, file_id);
    if (!is_new || !local) return file;
    file_.Reset();
    file_.Bind(1, *local);
    if (!file_.Step()) return file;
    const std::optional<int64_t> link_count =
        file_.IsNull(1) ? std::nullopt : std::optional(file_.Int(1));
    file.name = FileNameOf(file_.Text(0), link_count);
    // One without a name is in one mount alone: device and inode are enough.
    if (file_.Int(3) != 0) file.identity = fmt::format("{} {}", file_.Text(2), file_.Int(3));
    return file;
  }

 private:
  const Source& source_;
  Statement file_;
  std::unordered_map<int64_t, MappedFile> files_;
};

// Returns the processes whose memory others have, too.
std::unordered_set<int64_t> SharedProcesses(const Source& source, int64_t snapshot_id) {
  Statement statement(*source.database,
                      "SELECT DISTINCT memory_process_id FROM process "
                      "WHERE snapshot_id = ? AND memory_process_id IS NOT NULL");
  statement.Bind(1, *source.Local(IdSpace::kSnapshot, snapshot_id));
  std::unordered_set<int64_t> processes;
  while (statement.Step()) processes.insert(source.Global(IdSpace::kProcess, statement.Int(0)));
  return processes;
}

}  // namespace

std::vector<MappingOrigin> OriginsOf(SnapshotReader& reader, int64_t snapshot_id,
                                     const SnapshotLayout& layout) {
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, snapshot_id);
  const std::unordered_set<int64_t> shared = SharedProcesses(source, snapshot_id);
  MappedFiles files(source);
  std::unordered_map<std::string_view, Owner> mapped_by;  // of files without a name, by identity
  std::vector<MappingOrigin> origins;
  std::vector<const Owner*> owners;  // of the files of these mappings
  origins.reserve(layout.mappings().size());
  owners.reserve(layout.mappings().size());
  int64_t process_id = 0;
  uint32_t process_count = 0;
  for (const MappingInfo& mapping : layout.mappings()) {
    CheckWork();
    if (mapping.process_id != process_id) ++process_count;
    process_id = mapping.process_id;
    const MappedFile& file = files.Of(mapping.file_id);
    origins.push_back({process_count - 1, file.name, shared.contains(process_id)});
    owners.push_back(nullptr);
    if (file.identity.empty() || file.name == FileName::kNamed) continue;
    Owner& owner = mapped_by[file.identity];
    owner.Add(Owner(process_id));
    owners.back() = &owner;
  }
  for (size_t i = 0; i < origins.size(); ++i) {
    if (owners[i] != nullptr && owners[i]->is_several()) origins[i].name = FileName::kHeld;
  }
  return origins;
}

}  // namespace pagesnap
