#include "lib/store/write/counter_store.h"

#include <optional>
#include <string>
#include <utility>

#include "lib/codec/checksum.h"

namespace pagesnap {
namespace {

// In snapshots: differences grow as counters move on, and a row that stands alone takes some 3 KB.
constexpr int64_t kMaxDistance = 64;

}  // namespace

void CounterStore::Add(int64_t snapshot_id, Counters counters) {
  const bool alone =
      base_id_ == 0 || snapshot_id - base_id_ > kMaxDistance || base_.names != counters.names;
  const std::string blob = EncodeCounters(counters, alone ? nullptr : &base_);
  const auto base_id = alone ? std::nullopt : std::optional(base_id_);
  rows_.Lock()->counters.Run(snapshot_id, base_id, AsBytes(blob), BlobChecksum(AsBytes(blob)));
  if (!alone) return;
  base_ = std::move(counters);
  base_id_ = snapshot_id;
}

}  // namespace pagesnap
