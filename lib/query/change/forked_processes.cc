#include "lib/query/change/forked_processes.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <unordered_map>

#include "lib/base/work_limit.h"
#include "lib/query/scan/family.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// What a fork leaves as it is.
struct Image {
  std::string exe;         // "": unknown
  uint64_t stack_end = 0;  // virtual page number
  uint64_t vdso = 0;       // likewise; 0: none
  int64_t memory_id = 0;   // the process that has the mappings
  int64_t start_ticks = 0;
  int64_t pid = 0;

  [[nodiscard]] bool IsOf(const Image& parent) const {
    return stack_end != 0 && stack_end == parent.stack_end && vdso == parent.vdso &&
           (exe == parent.exe || exe.empty() || parent.exe.empty());
  }
};

using Images = std::unordered_map<int64_t, Image>;

Images ReadImages(SnapshotReader& reader, int64_t snapshot_id) {
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, snapshot_id);
  const int64_t local_id = *source.Local(IdSpace::kSnapshot, snapshot_id);
  Images images;
  Statement rows(*source.database,
                 "SELECT id, exe, COALESCE(memory_process_id, id), start_time_ticks, pid "
                 "FROM process WHERE snapshot_id = ? AND NOT kernel_thread AND NOT ended");
  rows.Bind(1, local_id);
  while (rows.Step()) {
    Image& image = images[source.Global(IdSpace::kProcess, rows.Int(0))];
    image.exe = rows.Text(1);
    image.memory_id = source.Global(IdSpace::kProcess, rows.Int(2));
    image.start_ticks = rows.Int(3);
    image.pid = rows.Int(4);
  }
  Statement places(*source.database,
                   "SELECT m.process_id, f.path, m.first_page, m.page_count FROM process p "
                   "JOIN mapping m ON m.process_id = p.id JOIN file f ON f.id = m.file_id "
                   "WHERE p.snapshot_id = ?1 AND f.path IN ('[stack]', '[vdso]') "
                   // And where these are copies of a relative's.
                   "UNION ALL SELECT c.process_id, f.path, m.first_page, m.page_count "
                   "FROM file f CROSS JOIN mapping m ON m.file_id = f.id "
                   "CROSS JOIN mapping_copy c ON m.id >= c.source_mapping_id "
                   "AND m.id < c.source_mapping_id + c.row_count "
                   "CROSS JOIN process p ON p.id = c.process_id AND p.snapshot_id = ?1 "
                   "WHERE f.path IN ('[stack]', '[vdso]')");
  places.Bind(1, local_id);
  while (places.Step()) {
    CheckWork();
    const auto image = images.find(source.Global(IdSpace::kProcess, places.Int(0)));
    if (image == images.end()) continue;
    const auto first_page = static_cast<uint64_t>(places.Int(2));
    if (places.Text(1) == "[vdso]") {
      image->second.vdso = first_page;
    } else {
      image->second.stack_end = first_page + static_cast<uint64_t>(places.Int(3));
    }
  }
  return images;
}

}  // namespace

ForkedProcesses::ForkedProcesses(SnapshotReader& reader, int64_t snapshot_id) {
  const Family family(reader, snapshot_id);
  const Images images = ReadImages(reader, snapshot_id);
  for (const auto& [id, image] : images) {
    const auto parent = images.find(family.ParentOf(family, id));
    if (parent == images.end()) continue;
    const auto memory = images.find(parent->second.memory_id);
    if (memory == images.end() || memory->first == id || !image.IsOf(memory->second)) continue;
    children_.push_back({.process_id = id, .parent_id = memory->first});
  }
  std::ranges::sort(children_, {}, &Child::process_id);
  std::map<int64_t, std::vector<int64_t>> by_parent;  // the oldest first
  for (const Child& child : children_) by_parent[child.parent_id].push_back(child.process_id);
  for (auto& [parent, ids] : by_parent) {
    std::ranges::sort(ids, {}, [&](int64_t id) {
      const Image& image = images.at(id);
      return std::tuple(image.start_ticks, image.pid, id);
    });
  }
  AddRelatives(by_parent);
}

void ForkedProcesses::AddRelatives(const std::map<int64_t, std::vector<int64_t>>& by_parent) {
  constexpr ptrdiff_t kMax = 16;
  for (Child& child : children_) {
    const std::vector<int64_t>& all = by_parent.at(child.parent_id);
    const auto self = std::ranges::find(all, child.process_id);
    // The nearest ones: what a page that was not written is shared with is shared by nearly all,
    // and every page that differs is looked for in all of these.
    child.older_siblings.assign(self - std::min(self - all.begin(), kMax), self);
    child.younger_siblings.assign(self + 1, self + 1 + std::min(all.end() - self - 1, kMax));
    if (const auto own = by_parent.find(child.process_id); own != by_parent.end()) {
      const ptrdiff_t count = std::min(own->second.end() - own->second.begin(), kMax);
      child.children.assign(own->second.begin(), own->second.begin() + count);
    }
    const auto parent =
        std::ranges::lower_bound(children_, child.parent_id, {}, &Child::process_id);
    if (parent != children_.end() && parent->process_id == child.parent_id) {
      child.grandparent_id = parent->parent_id;
    }
  }
}

}  // namespace pagesnap
