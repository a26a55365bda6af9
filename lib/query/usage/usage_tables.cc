// The virtual tables `mapping_usage` and `kernel_usage`: a row per mapping.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "lib/base/error.h"
#include "lib/query/scan/mapping_table.h"
#include "lib/query/usage/tables.h"
#include "lib/query/usage/usage.h"

namespace pagesnap {
namespace {

class UsageCursor final : public MappingCursor {
 public:
  UsageCursor(SnapshotReader& reader, UsageCalculator& calculator)
      : MappingCursor(reader), calculator_(calculator) {}

  static const std::vector<CursorColumn<UsageCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  void Enter(std::span<const MappingInfo> mappings) override { calculator_.Prepare(mappings); }
  size_t Load(const MappingInfo& mapping) override {
    usage_ = calculator_.Compute(mapping);
    return 1;
  }

 private:
  UsageCalculator& calculator_;  // of the table
  MappingUsage usage_;
};

constexpr const char* kWhenMissing = "`missing` says why";

const std::vector<CursorColumn<UsageCursor>> UsageCursor::kColumns = WithMappingKey<UsageCursor>({
    {{"present_count", kInteger}, [](auto& row, Out out) { out(row.usage_.present_count); }},
    {{"swapped_count", kInteger}, [](auto& row, Out out) { out(row.usage_.swapped_count); }},
    {{"special_count", kInteger}, [](auto& row, Out out) { out(row.usage_.special_count); }},
    {{"absent_count", kInteger}, [](auto& row, Out out) { out(row.usage_.absent_count); }},
    {{"rss_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.rss_kib); }},
    {{"pss_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.pss_kib()); }},
    {{"uss_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.uss_kib); }},
    {{"swap_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.swap_kib); }},
    {{"hugetlb_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.hugetlb_kib); }},
    {{"missing", kText, "", "nothing is missing"},
     [](auto& row, Out out) {
       if (!row.usage_.missing.empty()) out(std::string_view(row.usage_.missing));
     }},
    {{"anonymous_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.anonymous_kib); }},
    {{"file_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.file_kib); }},
    {{"shmem_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.shmem_kib); }},
    {{"thp_kib", kInteger, "KiB", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.thp_kib); }},
    {{"torn_count", kInteger, "", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.torn_count); }},
    {{"gap_count", kInteger}, [](auto& row, Out out) { out(row.usage_.gap_count); }},
    {{"pss", kInteger, "1/4096 bytes", kWhenMissing},
     [](auto& row, Out out) { out(row.usage_.pss); }},
    {{"hidden_count", kInteger}, [](auto& row, Out out) { out(row.usage_.hidden_count); }},
});

// A figure, and the fields of smaps that it is the sum of.
struct KernelFigure {
  const char* name;
  const char* unit;
  std::array<const char*, 2> fields;
};
constexpr std::array<KernelFigure, 26> kKernelFigures = {{
    {"rss_kib", "KiB", {"Rss", nullptr}},
    {"pss_kib", "KiB", {"Pss", nullptr}},
    {"uss_kib", "KiB", {"Private_Clean", "Private_Dirty"}},
    {"swap_kib", "KiB", {"Swap", nullptr}},
    {"hugetlb_kib", "KiB", {"Private_Hugetlb", "Shared_Hugetlb"}},
    {"anonymous_kib", "KiB", {"Anonymous", nullptr}},
    {"anon_huge_kib", "KiB", {"AnonHugePages", nullptr}},
    {"shmem_huge_kib", "KiB", {"ShmemPmdMapped", nullptr}},
    {"file_huge_kib", "KiB", {"FilePmdMapped", nullptr}},
    {"locked_kib", "KiB", {"Locked", nullptr}},
    {"thp_eligible", "", {"THPeligible", nullptr}},
    {"swap_pss_kib", "KiB", {"SwapPss", nullptr}},
    {"lazy_free_kib", "KiB", {"LazyFree", nullptr}},
    {"size_kib", "KiB", {"Size", nullptr}},
    {"kernel_page_size_kib", "KiB", {"KernelPageSize", nullptr}},
    {"mmu_page_size_kib", "KiB", {"MMUPageSize", nullptr}},
    {"pss_dirty_kib", "KiB", {"Pss_Dirty", nullptr}},
    {"shared_clean_kib", "KiB", {"Shared_Clean", nullptr}},
    {"shared_dirty_kib", "KiB", {"Shared_Dirty", nullptr}},
    {"private_clean_kib", "KiB", {"Private_Clean", nullptr}},
    {"private_dirty_kib", "KiB", {"Private_Dirty", nullptr}},
    {"referenced_kib", "KiB", {"Referenced", nullptr}},
    {"ksm_kib", "KiB", {"KSM", nullptr}},
    {"shared_hugetlb_kib", "KiB", {"Shared_Hugetlb", nullptr}},
    {"private_hugetlb_kib", "KiB", {"Private_Hugetlb", nullptr}},
    {"pkey", "", {"ProtectionKey", nullptr}},
}};

class KernelCursor final : public MappingCursor {
 public:
  explicit KernelCursor(SnapshotReader& reader) : MappingCursor(reader), reader_(reader) {}

  void SetColumnsUsed(uint64_t columns) override { used_ = columns; }
  void Column(Out out, int column) override { Columns()[column].get(*this, out); }

  static const std::vector<CursorColumn<KernelCursor>>& Columns() {
    static const auto kColumns = [] {
      std::vector<CursorColumn<KernelCursor>> columns;
      AddColumns(std::make_index_sequence<kKernelFigures.size()>(), &columns);
      return WithMappingKey<KernelCursor>(std::move(columns));
    }();
    return kColumns;
  }

 protected:
  size_t Load(const MappingInfo& mapping) override {
    if (mapping.process_id != process_id_) {
      process_id_ = mapping.process_id;
      // The rows of the table are in the order of the ids of the process's mappings.
      mapping_ids_.clear();
      for (const MappingInfo& one : reader_.Mappings(process_id_, {})) {
        mapping_ids_.push_back(one.id);
      }
    }
    figures_ = {};
    const AccountingTable* table = Table();
    size_t row = std::lower_bound(mapping_ids_.begin(), mapping_ids_.end(), mapping.id) -
                 mapping_ids_.begin();
    if (table == nullptr || row >= table->row_count()) return 1;
    for (size_t i = 0; i < kKernelFigures.size(); ++i) {
      if ((used_ >> (kKeyCount + i) & 1) == 0) continue;
      for (const char* field : kKernelFigures[i].fields) {
        if (field != nullptr) AddField(*table, field, row, &figures_[i]);
      }
    }
    return 1;
  }

 private:
  static constexpr size_t kKeyCount = 3;  // columns before the figures
  static_assert(kKeyCount + kKernelFigures.size() < 63,
                "SetColumnsUsed() has a bit for each column");

  template <size_t... kIndexes>
  static void AddColumns(std::index_sequence<kIndexes...>,
                         std::vector<CursorColumn<KernelCursor>>* columns) {
    (columns->push_back({{kKernelFigures[kIndexes].name, kInteger, kKernelFigures[kIndexes].unit,
                          "smaps was not read, or has no such field"},
                         [](auto& row, Out out) { out(row.figures_[kIndexes]); }}),
     ...);
  }
  // Damaged figures are unknown figures, as in mapping_usage: 'analyze check', which reads both,
  // must get to the line that names the blob.
  const AccountingTable* Table() {
    try {
      return reader_.Accounting(process_id_);
    } catch (const Error& error) {
      reader_.NoteDamage(error.what());
      return nullptr;
    }
  }
  static void AddField(const AccountingTable& table, const char* field, size_t row,
                       std::optional<int64_t>* sum) {
    std::optional<size_t> column = table.Column(field);
    if (!column) return;
    std::optional<uint64_t> value = table.Value(*column, row);
    if (value) *sum = sum->value_or(0) + static_cast<int64_t>(*value);
  }

  SnapshotReader& reader_;
  int64_t process_id_ = 0;
  std::vector<int64_t> mapping_ids_;  // ascending
  uint64_t used_ = ~uint64_t{0};      // columns that the query reads, a bit each
  std::array<std::optional<int64_t>, kKernelFigures.size()> figures_;
};

}  // namespace

VirtualTable MakeMappingUsageTable(AnalysisCache& cache) {
  // Kept between queries: what was summed once is not summed again.
  const auto calculator = std::make_shared<std::optional<UsageCalculator>>();
  return {.name = "mapping_usage",
          .columns = Describe(UsageCursor::kColumns),
          .order = kByMapping,
          .row_count = MappingCount,
          .row_cost = CostOfPages,
          .open = [&cache, calculator] {
            if (!*calculator) calculator->emplace(cache.reader());
            return std::make_unique<UsageCursor>(cache.reader(), **calculator);
          }};
}

VirtualTable MakeKernelUsageTable(AnalysisCache& cache) {
  return {.name = "kernel_usage",
          .columns = Describe(KernelCursor::Columns()),
          .order = kByMapping,
          .row_count = MappingCount,
          .open = [&cache] { return std::make_unique<KernelCursor>(cache.reader()); }};
}

}  // namespace pagesnap
