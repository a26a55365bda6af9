#include "lib/query/sqlite/cgroup_names.h"

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {
namespace {

class CgroupNames {
 public:
  explicit CgroupNames(const SnapshotReader& reader) : reader_(reader) {}

  // Returns the name of an inode that is not 0.
  const std::string& Of(int64_t snapshot_id, int64_t inode) {
    if (last_ != nullptr && snapshot_id == last_snapshot_ && inode == last_inode_) return *last_;
    std::string& name = Find(snapshot_id, inode);
    last_ = &name;
    last_snapshot_ = snapshot_id;
    last_inode_ = inode;
    return name;
  }

 private:
  // The rows of one snapshot alone: many have those of one in common.
  struct Names {
    std::unordered_map<int64_t, std::string> own;
    int64_t facts_snapshot_id = 0;
  };

  // As the view snapshot_cgroup: its own rows before those of the snapshot that has the facts.
  std::string& Find(int64_t snapshot_id, int64_t inode) {
    Names& names = NamesOf(snapshot_id);
    auto found = names.own.find(inode);
    if (found != names.own.end()) return found->second;
    if (names.facts_snapshot_id != snapshot_id) {
      auto& facts = NamesOf(names.facts_snapshot_id).own;
      found = facts.find(inode);
      if (found != facts.end()) return found->second;
    }
    return names.own.emplace(inode, fmt::format("inode {}", inode)).first->second;
  }

  Names& NamesOf(int64_t snapshot_id) {
    auto [place, is_new] = names_.try_emplace(snapshot_id);
    if (is_new) Load(snapshot_id, &place->second);
    return place->second;
  }

  void Load(int64_t snapshot_id, Names* names) const {
    names->facts_snapshot_id = snapshot_id;
    for (const Source& source : reader_.sources()) {
      const std::optional<int64_t> local = source.Local(IdSpace::kSnapshot, snapshot_id);
      if (!local) continue;
      Statement facts(*source.database, "SELECT facts_snapshot_id FROM snapshot WHERE id = ?");
      facts.Bind(1, *local);
      if (facts.Step()) {
        names->facts_snapshot_id = source.Global(IdSpace::kSnapshot, facts.Int(0));
      }
      Statement statement(*source.database, "SELECT inode, path FROM cgroup WHERE snapshot_id = ?");
      statement.Bind(1, *local);
      while (statement.Step()) names->own[statement.Int(0)] = statement.Text(1);
    }
  }

  const SnapshotReader& reader_;
  std::unordered_map<int64_t, Names> names_;
  const std::string* last_ = nullptr;  // of these two
  int64_t last_snapshot_ = 0;
  int64_t last_inode_ = 0;
};

void CgroupName(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  const int64_t inode = sqlite3_value_int64(arguments[1]);
  if (inode == 0) return;
  try {
    auto* names = static_cast<CgroupNames*>(sqlite3_user_data(context));
    Out(context).Text(names->Of(sqlite3_value_int64(arguments[0]), inode).c_str());
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

}  // namespace

void RegisterCgroupName(sqlite3* connection, const SnapshotReader& reader) {
  auto names = std::make_unique<CgroupNames>(reader);
  // On failure SQLite calls the destructor as well.
  const int result = sqlite3_create_function_v2(
      connection, "cgroup_name", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
      names.release(), CgroupName, nullptr, nullptr,
      [](void* owned) { delete static_cast<CgroupNames*>(owned); });
  if (result != SQLITE_OK) throw Error(sqlite3_errmsg(connection));
}

}  // namespace pagesnap
