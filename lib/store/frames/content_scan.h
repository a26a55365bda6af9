// Decodes many contents on many threads.
#ifndef LIB_STORE_FRAMES_CONTENT_SCAN_H_
#define LIB_STORE_FRAMES_CONTENT_SCAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/pipeline.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

// Calls fetch(id, StoredBlob*) on the calling thread for each of `ids`, and work(index, words,
// worker) for what it has read, where `index` is the place in `ids` and `worker` is as in
// RunPipeline. When fetching or decoding ends with an Error, on_damage(error) is called in its
// place, on either thread: it may throw it again, and ends the scan then. Rethrows what `work`
// throws.
template <typename Fetch, typename Work, typename OnDamage>
void ScanContents(std::span<const int64_t> ids, const Fetch& fetch, const Work& work,
                  const OnDamage& on_damage, size_t worker_count = WorkerCount()) {
  struct Item {
    size_t index = 0;
    StoredBlob content;
  };
  std::vector<std::vector<uint64_t>> words(worker_count);
  size_t next = 0;
  auto fetch_next = [&](Item* item) {
    while (next < ids.size()) {
      item->index = next++;
      try {
        fetch(ids[item->index], &item->content);
        return true;
      } catch (const Error& error) {
        on_damage(error);
      }
    }
    return false;
  };
  auto decode = [&](Item& item, size_t worker) {
    try {
      DecodeContent(item.content, &words[worker]);
    } catch (const Error& error) {
      on_damage(error);
      return;
    }
    work(item.index, std::span<const uint64_t>(words[worker]), worker);
  };
  RunPipeline<Item>(fetch_next, decode, worker_count);
}

// An on_damage that ends the scan.
[[noreturn]] inline void ThrowAgain(const Error&) { throw; }

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_CONTENT_SCAN_H_
