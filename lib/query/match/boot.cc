#include "lib/query/match/boot.h"

#include <exception>
#include <string>

#include "lib/base/error.h"
#include "lib/query/sqlite/out.h"

namespace pagesnap {
namespace {

std::string BootIdOf(const Source& source, int64_t snapshot_id) {
  Statement row(*source.database, "SELECT boot_id FROM snapshot WHERE id = ?");
  row.Bind(1, *source.Local(IdSpace::kSnapshot, snapshot_id));
  return row.Step() ? std::string(row.Text(0)) : "";
}

void SameBootFunction(sqlite3_context* context, int, sqlite3_value** arguments) {
  try {
    const auto& reader = *static_cast<const SnapshotReader*>(sqlite3_user_data(context));
    const SameBoot same =
        CompareBoots(reader, sqlite3_value_int64(arguments[0]), sqlite3_value_int64(arguments[1]));
    const Out out(context);
    if (same != SameBoot::kUnknown) out(same == SameBoot::kYes ? 1 : 0);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

}  // namespace

SameBoot CompareBoots(const SnapshotReader& reader, int64_t before_snapshot_id,
                      int64_t after_snapshot_id) {
  const Source& before = reader.SourceOf(IdSpace::kSnapshot, before_snapshot_id);
  const Source& after = reader.SourceOf(IdSpace::kSnapshot, after_snapshot_id);
  const std::string before_boot = BootIdOf(before, before_snapshot_id);
  const std::string after_boot = BootIdOf(after, after_snapshot_id);
  if (!before_boot.empty() && !after_boot.empty()) {
    return before_boot == after_boot ? SameBoot::kYes : SameBoot::kNo;
  }
  return before.database == after.database ? SameBoot::kYes : SameBoot::kUnknown;
}

void RegisterSameBoot(sqlite3* connection, SnapshotReader& reader) {
  if (sqlite3_create_function_v2(connection, "same_boot", 2,
                                 SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, &reader,
                                 SameBootFunction, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
}

}  // namespace pagesnap
