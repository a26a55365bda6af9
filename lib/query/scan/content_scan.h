// Goes over many contents on all cores.
#ifndef LIB_QUERY_SCAN_CONTENT_SCAN_H_
#define LIB_QUERY_SCAN_CONTENT_SCAN_H_

#include <span>

#include "lib/store/frames/content_scan.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// What to do with a content that is damaged: fail, or leave it out.
enum class OnDamage { kThrow, kSkip };

// Calls work(index, words, worker) for each of the contents, as ScanContents does. Contents that
// stand together in the file are read together when `ids` ascends.
template <typename Work>
void ForEachContent(SnapshotReader& reader, std::span<const int64_t> ids, OnDamage on_damage,
                    const Work& work) {
  ScanContents(
      ids, [&](int64_t id, StoredBlob* content) { reader.Fetch(id, content); }, work,
      [&](const Error& error) {
        if (on_damage == OnDamage::kThrow) ThrowAgain(error);
        reader.NoteDamage(error.what());
      });
}

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_CONTENT_SCAN_H_
