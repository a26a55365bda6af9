#include "lib/store/write/machine_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "lib/store/sqlite/fact_tables.h"

namespace pagesnap {
namespace {

// In the order of MachineFacts::Table.
constexpr FactTable kTables[] = {kCgroupFacts,   kSwapDeviceFacts, kMemoryZoneFacts, kRamRangeFacts,
                                 kFreeAreaFacts, kSystemFacts,     kFlagNameFacts};
static_assert(std::size(kTables) == MachineFacts::kTableCount);

Statement Insert(const Database& database, const FactTable& table) {
  return {database,
          InsertSql(table.name, fmt::format("snapshot_id, {}, {}", table.key, table.values))};
}

// Returns the columns of the key.
std::ptrdiff_t KeySize(const FactTable& table) {
  return std::ranges::count(std::string_view(table.key), ',') + 1;
}

}  // namespace

MachineFacts::MachineFacts(const Database& database)
    : insert_{Insert(database, kTables[0]), Insert(database, kTables[1]),
              Insert(database, kTables[2]), Insert(database, kTables[3]),
              Insert(database, kTables[4]), Insert(database, kTables[5]),
              Insert(database, kTables[6])},
      set_reference_(database, "UPDATE snapshot SET facts_snapshot_id = ?2 WHERE id = ?1") {}

void MachineFacts::Set(Table table, Row row) {
  Row key(row.begin(), row.begin() + KeySize(kTables[table]));
  now_[{table, std::move(key)}] = std::move(row);
}

bool MachineFacts::CoversReference() const {
  return std::ranges::all_of(reference_,
                             [&](const auto& entry) { return now_.contains(entry.first); });
}

void MachineFacts::Write(int64_t snapshot_id) {
  if (reference_id_ == 0 || !CoversReference()) {
    reference_.clear();
    reference_id_ = snapshot_id;
  }
  for (const auto& [key, row] : now_) {
    auto known = reference_.find(key);
    if (known != reference_.end() && known->second == row) continue;
    Statement& insert = insert_[key.first];
    insert.Reset();
    insert.Bind(1, snapshot_id);
    for (size_t i = 0; i < row.size(); ++i) {
      const int index = static_cast<int>(i) + 2;
      if (row[i].text) {
        insert.Bind(index, std::string_view(*row[i].text));
      } else {
        insert.Bind(index, row[i].number);
      }
    }
    insert.Step();
    insert.Reset();
  }
  set_reference_.Run(snapshot_id, reference_id_);
  if (reference_id_ == snapshot_id) reference_ = std::move(now_);
  now_.clear();
}

}  // namespace pagesnap
