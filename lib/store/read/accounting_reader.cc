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
               "SELECT row_count, figures, checksum FROM kernel_accounting WHERE process_id = ?"),
      mapping_count_(*source.database, "SELECT COUNT(*) FROM mapping WHERE process_id = ?") {}

std::optional<AccountingTable> AccountingReader::Read(int64_t process_id) {
  const int64_t local_id = *source_.Local(IdSpace::kProcess, process_id);
  ResetAtEnd reset(figures_);
  figures_.Bind(1, local_id);
  if (!figures_.Step()) return std::nullopt;
  const ByteSpan blob = figures_.Blob(1);
  // The rows belong to mappings, so their number bounds what the blob may decompress to.
  ResetAtEnd reset_count(mapping_count_);
  mapping_count_.Bind(1, local_id);
  mapping_count_.Step();
  const int64_t row_count = figures_.Int(0);
  if (BlobChecksum(blob) != figures_.Int(2) || row_count < 0 || row_count > mapping_count_.Int(0)) {
    ThrowDamaged(*source_.database,
                 fmt::format("kernel_accounting of process {} does not match its checksum or its "
                             "process",
                             local_id));
  }
  try {
    return AccountingTable(blob, static_cast<uint64_t>(row_count));
  } catch (const Error& error) {
    ThrowDamaged(*source_.database,
                 fmt::format("kernel_accounting of process {}: {}", local_id, error.what()));
  }
}

}  // namespace pagesnap
