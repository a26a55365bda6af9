#include "lib/store/write/machine_facts.h"

#include <algorithm>

namespace pagesnap {
namespace {

// Columns of the key behind snapshot_id, by table.
constexpr int kKeyColumns[] = {1, 1, 2, 1, 2};
static_assert(std::size(kKeyColumns) == MachineFacts::kTableCount);

}  // namespace

MachineFacts::MachineFacts(const Database& database)
    : insert_{Statement(database, InsertSql("cgroup", "snapshot_id, inode, path")),
              Statement(database, InsertSql("swap_device",
                                            "snapshot_id, position, path, kind, size_kib, "
                                            "used_kib, priority")),
              Statement(database, InsertSql("memory_zone",
                                            "snapshot_id, node, name, start_pfn, spanned_count, "
                                            "present_count, managed_count")),
              Statement(database, InsertSql("system_fact", "snapshot_id, name, value")),
              Statement(database, InsertSql("flag_name", "snapshot_id, word, bit, name"))},
      set_reference_(database, "UPDATE snapshot SET facts_snapshot_id = ?2 WHERE id = ?1") {}

void MachineFacts::Set(Table table, Row row) {
  Row key(row.begin(), row.begin() + kKeyColumns[table]);
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
