#include "lib/store/read/counter_reader.h"

#include <fmt/format.h>

#include <optional>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

constexpr char kSelect[] =
    "SELECT base_snapshot_id, figures, checksum FROM machine_counters WHERE snapshot_id = ?";

// Returns the counters of a row that has been found. Throws Error without saying which row.
Counters Decode(const Statement& row, const Counters* base) {
  const ByteSpan blob = row.Blob(1);
  if (BlobChecksum(blob) != row.Int(2)) throw Error("it does not match its checksum");
  return DecodeCounters(blob, base);
}

}  // namespace

Counters ReadCountersOf(const Database& database, int64_t local_snapshot_id) {
  Statement select(database, kSelect);
  select.Bind(1, local_snapshot_id);
  if (!select.Step()) return {};
  try {
    if (select.IsNull(0)) return Decode(select, nullptr);
    Statement select_base(database, kSelect);
    select_base.Bind(1, select.Int(0));
    // One step: a base that has a base itself is none.
    if (!select_base.Step() || !select_base.IsNull(0)) throw Error("its base is missing");
    const Counters base = Decode(select_base, nullptr);
    return Decode(select, &base);
  } catch (const Error& error) {
    ThrowDamaged(database, fmt::format("machine_counters of snapshot {}: {}", local_snapshot_id,
                                       error.what()));
  }
}

Counters ReadCounters(const Source& source, int64_t snapshot_id) {
  return ReadCountersOf(*source.database, *source.Local(IdSpace::kSnapshot, snapshot_id));
}

}  // namespace pagesnap
