#include "lib/query/sharing/slot_holders.h"

#include <mutex>
#include <vector>

#include "lib/query/scan/content_scan.h"
#include "lib/query/scan/group_layout.h"

namespace pagesnap {

SlotHolders::SlotHolders(SnapshotReader& reader, const ProcessGroups& groups,
                         std::span<const SlotPage> pages) {
  const int64_t snapshot_id = groups.request().snapshot_id;
  for (const SlotPage& page : pages) holders_.try_emplace(page.page);
  const SnapshotInfo& snapshot = reader.snapshot(snapshot_id);
  const SnapshotLayout layout(reader, snapshot_id, LayoutPages::kSwapFormat);
  const GroupLayout owners(layout, groups);
  std::mutex mutex;
  ForEachContent(reader, layout.contents(), OnDamage::kThrow,
                 [&](size_t content, std::span<const uint64_t> words, size_t) {
                   const std::lock_guard lock(mutex);
                   for (size_t i = 0; i < words.size(); ++i) {
                     const PageState state = snapshot.decoder.State(PageWord(words[i]));
                     if (ClassOf(state) != PageClass::kSwapped) continue;
                     for (const ContentUse& use : layout.UsesOf(content)) {
                       const auto found = holders_.find(use.first_page + i);
                       if (found == holders_.end()) continue;
                       found->second.Add(Owner(owners.GroupOf(use.mapping)));
                     }
                   }
                 });
}

bool SlotHolders::HasOther(const SlotPage& page) const {
  const Owner owner = holders_.at(page.page);
  return owner.is_several() || (owner.is_one() && owner.process_id() != page.group_id);
}

}  // namespace pagesnap
