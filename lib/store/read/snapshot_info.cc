#include "lib/store/read/snapshot_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>

#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// By the snapshot whose rows they are.
using ZoneTables = std::map<int64_t, std::shared_ptr<const ZoneTable>>;

// The build options of the kernel, where the file has any. Asks for just those that are needed: all
// of them are thousands, for each snapshot.
std::optional<SwapTypeConfig> LoadSwapTypes(const Database& database, int64_t facts_id,
                                            int64_t snapshot_id) {
  Statement any(database,
                "SELECT 1 FROM system_fact WHERE snapshot_id IN (?, ?) AND name >= 'config.CONFIG' "
                "AND name < 'config.CONFIH' LIMIT 1");
  any.Bind(1, facts_id);
  any.Bind(2, snapshot_id);
  if (!any.Step()) return std::nullopt;
  Statement statement(database,
                      "SELECT name, value FROM system_fact WHERE snapshot_id IN (?, ?) AND name IN "
                      "('config.CONFIG_DEVICE_PRIVATE', 'config.CONFIG_MEMORY_FAILURE', "
                      "'config.CONFIG_MIGRATION') ORDER BY snapshot_id");
  statement.Bind(1, facts_id);
  statement.Bind(2, snapshot_id);
  SwapTypeConfig config;
  while (statement.Step()) {
    bool set = statement.Text(1) == "y";
    if (statement.Text(0) == "config.CONFIG_DEVICE_PRIVATE") config.device_private = set;
    if (statement.Text(0) == "config.CONFIG_MEMORY_FAILURE") config.memory_failure = set;
    if (statement.Text(0) == "config.CONFIG_MIGRATION") config.migration = set;
  }
  return config;
}

// A snapshot without zones of its own has those of its facts.
std::shared_ptr<const ZoneTable> LoadZones(const Source& source, int64_t facts_id, int64_t local_id,
                                           ZoneTables* tables) {
  Statement own(*source.database, "SELECT 1 FROM memory_zone WHERE snapshot_id = ? LIMIT 1");
  own.Bind(1, local_id);
  const int64_t key = own.Step() ? local_id : facts_id;
  std::shared_ptr<const ZoneTable>& zones = (*tables)[source.Global(IdSpace::kSnapshot, key)];
  if (zones == nullptr) {
    zones = std::make_shared<ZoneTable>(*source.database, facts_id, local_id);
  }
  return zones;
}

void AddSnapshots(const Source& source, ZoneTables* zones, std::vector<SnapshotInfo>* snapshots) {
  const Database& database = *source.database;
  Statement statement(database,
                      "SELECT id, page_size, kernel_release, pfn_visible, flags_state, "
                      "map_count_state, cgroup_state, facts_snapshot_id FROM snapshot ORDER BY id");
  while (statement.Step()) {
    int64_t local = statement.Int(0);
    int64_t id = source.Global(IdSpace::kSnapshot, local);
    auto page_size = static_cast<uint64_t>(statement.Int(1));
    if (!std::has_single_bit(page_size) || page_size < 1024 || page_size > (1 << 24)) {
      ThrowDamaged(database,
                   fmt::format("snapshot {} has a page size of {} bytes", local, page_size));
    }
    if (!snapshots->empty() && id <= snapshots->back().id) {
      ThrowDamaged(database, fmt::format("snapshot {} is there twice", local));
    }
    auto was_read = [&](int column) {
      return statement.Text(column) == "read" || statement.Text(column) == "partly";
    };
    KernelRelease release = ParseKernelRelease(statement.Text(2));
    bool pfn_visible = statement.Int(3) != 0;
    int64_t facts_id = statement.Int(7);
    if (facts_id < 1 || facts_id > local) {
      ThrowDamaged(database, fmt::format("snapshot {} has facts of snapshot {}", local, facts_id));
    }
    snapshots->push_back(
        {id, page_size, release,
         PageWordDecoder(release, LoadSwapTypes(database, facts_id, local), pfn_visible),
         pfn_visible, was_read(4), was_read(5), was_read(6),
         LoadZones(source, facts_id, local, zones)});
  }
}

}  // namespace

std::vector<SnapshotInfo> LoadSnapshots(const std::vector<Source>& sources) {
  ZoneTables zones;
  std::vector<SnapshotInfo> snapshots;
  for (const Source& source : sources) AddSnapshots(source, &zones, &snapshots);
  return snapshots;
}

const SnapshotInfo* FindSnapshot(const std::vector<SnapshotInfo>& snapshots, int64_t id) {
  auto found =
      std::lower_bound(snapshots.begin(), snapshots.end(), id,
                       [](const SnapshotInfo& info, int64_t key) { return info.id < key; });
  return found != snapshots.end() && found->id == id ? &*found : nullptr;
}

}  // namespace pagesnap
