#include "lib/store/read/accounting_reader.h"

#include <fmt/format.h>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/reset_at_end.h"

namespace pagesnap {

AccountingReader::AccountingReader(const Source& source)
    : source_(source),
      figures_(*source.database,
               "SELECT row_count, figures, checksum, base_process_id FROM kernel_accounting WHERE "
               "process_id = ?"),
      mapping_count_(*source.database, "SELECT COUNT(*) FROM main.mapping WHERE process_id = ?") {}

std::optional<AccountingTable> AccountingReader::ReadStored(int64_t process_id) {
  const std::optional<Row> row = ReadRow(process_id);
  if (!row) return std::nullopt;
  if (!row->base_id) return Decode(process_id, *row, nullptr);
  if (*row->base_id != base_id_) {
    base_id_ = 0;  // until it was read
    const std::optional<Row> base = ReadRow(*row->base_id);
    if (!base || base->base_id) {
      ThrowDamaged(*source_.database,
                   fmt::format("kernel_accounting of process {} has process {} as its base, whose "
                               "figures do not stand alone",
                               process_id, *row->base_id));
    }
    base_ = Decode(*row->base_id, *base, nullptr);
    base_id_ = *row->base_id;
  }
  return Decode(process_id, *row, &*base_);
}

std::optional<AccountingReader::Row> AccountingReader::ReadRow(int64_t process_id) {
  const ResetAtEnd reset(figures_);
  figures_.Bind(1, process_id);
  if (!figures_.Step()) return std::nullopt;
  const ByteSpan blob = figures_.Blob(1);
  // The rows belong to mappings, so their number bounds what the blob may decompress to.
  const ResetAtEnd reset_count(mapping_count_);
  mapping_count_.Bind(1, process_id);
  mapping_count_.Step();
  const int64_t mapping_count = mapping_count_.Int(0) + source_.copies->CountOf(process_id);
  const int64_t row_count = figures_.Int(0);
  if (BlobChecksum(blob) != figures_.Int(2) || row_count < 0 || row_count > mapping_count) {
    ThrowDamaged(*source_.database,
                 fmt::format("kernel_accounting of process {} does not match its checksum or its "
                             "process",
                             process_id));
  }
  Row row{row_count, {blob.begin(), blob.end()}, std::nullopt};
  if (!figures_.IsNull(3)) row.base_id = figures_.Int(3);
  return row;
}

AccountingTable AccountingReader::Decode(int64_t process_id, const Row& row,
                                         const AccountingTable* base) const {
  try {
    return {AsBytes(row.figures), static_cast<uint64_t>(row.row_count), base};
  } catch (const Error& error) {
    ThrowDamaged(*source_.database,
                 fmt::format("kernel_accounting of process {}: {}", process_id, error.what()));
  }
}

}  // namespace pagesnap
