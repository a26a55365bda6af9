#include "lib/store/read/snapshot_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>

#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/fact_tables.h"
#include "lib/store/sqlite/facts.h"
#include "lib/store/sqlite/reset_at_end.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

std::string FactOf(const SwapTypeOption& option) { return fmt::format("config.{}", option.name); }

// Returns the names of the facts about swap types, quoted for SQL.
std::string SwapTypeFacts() {
  std::string names;
  for (const SwapTypeOption& option : kSwapTypeOptions) {
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", FactOf(option));
  }
  return names;
}

// Reads the snapshots of one source.
class SnapshotLoader {
 public:
  explicit SnapshotLoader(const Source& source)
      : source_(source),
        any_option_(SelectFacts(*source.database, kSystemFacts, "1",
                                "AND name >= 'config.CONFIG' AND name < 'config.CONFIH' LIMIT 1")),
        options_(SelectFacts(*source.database, kSystemFacts, "name, value",
                             fmt::format("AND name IN ({})", SwapTypeFacts()))),
        soft_dirty_(SelectFacts(*source.database, kSystemFacts, "value",
                                "AND name = 'config.CONFIG_MEM_SOFT_DIRTY'")),
        folio_ends_(SelectFacts(*source.database, kSystemFacts, "1",
                                fmt::format("AND name = '{}'", kFolioEndsFact))),
        own_zone_(*source.database, "SELECT 1 FROM memory_zone WHERE snapshot_id = ? LIMIT 1") {}

  void AddTo(std::vector<SnapshotInfo>* snapshots);

 private:
  std::optional<SwapTypeConfig> SwapTypes(int64_t local_id);
  bool HasSoftDirty(int64_t local_id, KernelRelease release);
  bool HasFolioEnds(int64_t local_id);
  std::shared_ptr<const ZoneTable> Zones(int64_t facts_id, int64_t local_id);

  const Source& source_;
  Statement any_option_, options_, soft_dirty_, folio_ends_, own_zone_;
  std::map<int64_t, std::shared_ptr<const ZoneTable>>
      zones_;  // by the snapshot whose rows they are
};

// Returns the build options of the kernel, where the file has any. Asks for just those that are
// needed: all of them are thousands, for each snapshot.
std::optional<SwapTypeConfig> SnapshotLoader::SwapTypes(int64_t local_id) {
  const ResetAtEnd reset_any(any_option_);
  any_option_.Bind(1, local_id);
  if (!any_option_.Step()) return std::nullopt;
  const ResetAtEnd reset(options_);
  options_.Bind(1, local_id);
  SwapTypeConfig config;
  while (options_.Step()) {
    for (const SwapTypeOption& option : kSwapTypeOptions) {
      if (options_.Text(0) == FactOf(option)) config.*option.member = options_.Text(1) == "y";
    }
  }
  return config;
}

// Without the option the bit is always 0, which says nothing.
bool SnapshotLoader::HasSoftDirty(int64_t local_id, KernelRelease release) {
  if (release < KernelRelease{3, 11}) return false;
  const ResetAtEnd reset(soft_dirty_);
  soft_dirty_.Bind(1, local_id);
  return !soft_dirty_.Step() || soft_dirty_.Text(0) == "y";
}

bool SnapshotLoader::HasFolioEnds(int64_t local_id) {
  const ResetAtEnd reset(folio_ends_);
  folio_ends_.Bind(1, local_id);
  return folio_ends_.Step();
}

// A snapshot without zones of its own has those of its facts.
std::shared_ptr<const ZoneTable> SnapshotLoader::Zones(int64_t facts_id, int64_t local_id) {
  const ResetAtEnd reset(own_zone_);
  own_zone_.Bind(1, local_id);
  std::shared_ptr<const ZoneTable>& zones = zones_[own_zone_.Step() ? local_id : facts_id];
  if (zones == nullptr) zones = std::make_shared<ZoneTable>(*source_.database, local_id);
  return zones;
}

void SnapshotLoader::AddTo(std::vector<SnapshotInfo>* snapshots) {
  const Database& database = *source_.database;
  Statement statement(
      database,
      "SELECT id, page_size, kernel_release, pfn_visible, flags_state, "
      "map_count_state, cgroup_state, facts_snapshot_id, map_count_kind FROM snapshot "
      "ORDER BY id");
  while (statement.Step()) {
    int64_t local = statement.Int(0);
    int64_t id = source_.Global(IdSpace::kSnapshot, local);
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
    const auto map_counts = FindMapCountKind(
        statement.IsNull(8) ? std::nullopt : std::optional(statement.Text(8)), release);
    snapshots->push_back({id, page_size, release, map_counts,
                          PageWordDecoder(release, SwapTypes(local), pfn_visible), pfn_visible,
                          HasSoftDirty(local, release), was_read(4), was_read(5), was_read(6),
                          Zones(facts_id, local), HasFolioEnds(local)});
  }
}

}  // namespace

std::vector<SnapshotInfo> LoadSnapshots(const std::vector<Source>& sources) {
  std::vector<SnapshotInfo> snapshots;
  for (const Source& source : sources) SnapshotLoader(source).AddTo(&snapshots);
  return snapshots;
}

const SnapshotInfo* FindSnapshot(const std::vector<SnapshotInfo>& snapshots, int64_t id) {
  auto found =
      std::lower_bound(snapshots.begin(), snapshots.end(), id,
                       [](const SnapshotInfo& info, int64_t key) { return info.id < key; });
  return found != snapshots.end() && found->id == id ? &*found : nullptr;
}

}  // namespace pagesnap
