// Goes over many contents on all cores.
#ifndef LIB_QUERY_CONTENT_SCAN_H_
#define LIB_QUERY_CONTENT_SCAN_H_

#include <span>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/pipeline.h"
#include "lib/store/snapshot_reader.h"

namespace pagesnap {

// What to do with a content that is damaged: fail, or leave it out.
enum class OnDamage { kThrow, kSkip };

// Calls work(index, words, worker) for each of the contents, where `index` is its place in `ids`
// and `worker` is as in RunPipeline. Contents that stand together in the file are read together
// when `ids` ascends. Rethrows what `work` throws.
template <typename Work>
void ForEachContent(SnapshotReader& reader, std::span<const int64_t> ids, OnDamage on_damage,
                    const Work& work) {
  struct Item {
    size_t index = 0;
    StoredBlob content;
  };
  std::vector<std::vector<uint64_t>> words(WorkerCount());
  size_t next = 0;
  auto fetch = [&](Item* item) {
    while (next < ids.size()) {
      item->index = next++;
      try {
        reader.Fetch(ids[item->index], &item->content);
        return true;
      } catch (const Error& error) {
        if (on_damage == OnDamage::kThrow) throw;
        reader.NoteDamage(error.what());
      }
    }
    return false;
  };
  RunPipeline<Item>(fetch, [&](Item& item, size_t worker) {
    try {
      DecodeContent(item.content, &words[worker]);
    } catch (const Error& error) {
      if (on_damage == OnDamage::kThrow) throw;
      reader.NoteDamage(error.what());
      return;
    }
    work(item.index, std::span<const uint64_t>(words[worker]), worker);
  });
}

}  // namespace pagesnap

#endif  // LIB_QUERY_CONTENT_SCAN_H_
