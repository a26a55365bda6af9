// What a SnapshotReader keeps of the snapshots that were asked for last, and of damage.
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

std::shared_ptr<const SnapshotReader::ContentUsages> SnapshotReader::Usages(int64_t snapshot_id) {
  auto load = [&] {
    const Source& source = SourceOf(IdSpace::kSnapshot, snapshot_id);
    auto usages = std::make_shared<ContentUsages>();
    LoadContentUsages(*source.database, *source.Local(IdSpace::kSnapshot, snapshot_id),
                      snapshot(snapshot_id).page_size,
                      [&](int64_t content_id, const ContentUsage& usage) {
                        usages->emplace(source.Global(IdSpace::kContent, content_id), usage);
                      });
    return std::make_shared<UsagesOf>(UsagesOf{snapshot_id, std::move(usages)});
  };
  return usages_.Get([&](const UsagesOf& one) { return one.snapshot_id == snapshot_id; }, load)
      ->usages;
}

const ContentUsage* SnapshotReader::Usage(int64_t snapshot_id, int64_t content_id) {
  const auto usages = Usages(snapshot_id);
  const auto found = usages->find(content_id);
  return found != usages->end() ? &found->second : nullptr;
}

void SnapshotReader::NoteDamage(std::string_view problem) {
  const std::lock_guard lock(damage_mutex_);
  if (damage_.empty()) damage_ = problem;
}

std::string SnapshotReader::damage() const {
  const std::lock_guard lock(damage_mutex_);
  return damage_;
}

std::shared_ptr<FrameTable> SnapshotReader::Frames(int64_t snapshot_id) {
  const Source& source = SourceOf(IdSpace::kSnapshot, snapshot_id);
  const int64_t local_id = *source.Local(IdSpace::kSnapshot, snapshot_id);
  return frames_.Get(
      [&](const FrameTable& one) {
        return one.snapshot_id() == local_id && &one.database() == source.database;
      },
      [&] { return std::make_shared<FrameTable>(*source.database, local_id); });
}

}  // namespace pagesnap
