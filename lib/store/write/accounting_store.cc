#include "lib/store/write/accounting_store.h"

#include <optional>
#include <string>
#include <utility>

#include "lib/codec/checksum.h"

namespace pagesnap {
namespace {

// When this much is remembered of processes, all is forgotten.
constexpr size_t kMaxBytes = size_t{4} << 20;

// Against a base that is near, figures take much less than this part of what they take alone. When
// they take more, the next relatives are compared with them instead.
constexpr size_t kMinGain = 3;

}  // namespace

void AccountingStore::Add(int64_t process_id, const AccountingTableBuilder& figures,
                          uint64_t family_key) {
  std::vector<uint8_t> unpacked;
  if (family_key != 0) unpacked = figures.Unpacked();
  Base base;
  if (!unpacked.empty()) {
    const std::lock_guard lock(mutex_);
    if (const auto found = bases_.find(family_key); found != bases_.end()) base = found->second;
  }
  std::string blob;
  if (base.process_id != 0) blob = EncodeAccountingAfter(base.unpacked, unpacked);
  std::optional<int64_t> base_id;
  if (!blob.empty() && blob.size() <= base.blob_size / kMinGain) {
    base_id = base.process_id;
  } else {
    blob = figures.Encode();
  }
  {
    const RowWriter::Access database = rows_.Lock();
    database->accounting.Run(process_id, static_cast<int64_t>(figures.row_count()), AsBytes(blob),
                             BlobChecksum(AsBytes(blob)), base_id);
  }
  if (base_id || unpacked.empty()) return;
  const std::lock_guard lock(mutex_);
  if (bytes_ + unpacked.size() > kMaxBytes) {
    bases_.clear();
    bytes_ = 0;
  }
  bytes_ += unpacked.size();
  Base& last = bases_[family_key];
  bytes_ -= last.unpacked.size();
  last = {process_id, std::move(unpacked), blob.size()};
}

}  // namespace pagesnap
