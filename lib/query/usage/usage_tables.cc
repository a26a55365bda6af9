// The virtual tables `mapping_usage` and `kernel_usage`: a row per mapping.
#include <algorithm>
#include <array>

#include "lib/base/error.h"
#include "lib/query/scan/mapping_table.h"
#include "lib/query/tables.h"
#include "lib/query/usage/usage.h"

namespace pagesnap {
namespace {

const std::vector<TableColumn> kUsageColumns = WithMappingKey({{"present_count", "INTEGER"},
                                                               {"swapped_count", "INTEGER"},
                                                               {"special_count", "INTEGER"},
                                                               {"absent_count", "INTEGER"},
                                                               {"rss_kib", "INTEGER"},
                                                               {"pss_kib", "INTEGER"},
                                                               {"uss_kib", "INTEGER"},
                                                               {"swap_kib", "INTEGER"},
                                                               {"hugetlb_kib", "INTEGER"},
                                                               {"missing", "TEXT"},
                                                               {"anonymous_kib", "INTEGER"},
                                                               {"file_kib", "INTEGER"},
                                                               {"shmem_kib", "INTEGER"},
                                                               {"thp_kib", "INTEGER"},
                                                               {"torn_count", "INTEGER"},
                                                               {"gap_count", "INTEGER"}});

class UsageCursor final : public MappingCursor {
 public:
  UsageCursor(SnapshotReader& reader, UsageCalculator& calculator)
      : MappingCursor(reader), calculator_(calculator) {}

 protected:
  void Enter(std::span<const MappingInfo> mappings) override { calculator_.Prepare(mappings); }
  size_t Load(const MappingInfo& mapping) override {
    usage_ = calculator_.Compute(mapping);
    return 1;
  }
  void FigureColumn(sqlite3_context* context, size_t, int figure) override {
    constexpr int kMissing = 9;  // stands among the figures
    const std::array<std::optional<int64_t>, 16> figures = {
        usage_.present_count, usage_.swapped_count, usage_.special_count, usage_.absent_count,
        usage_.rss_kib,       usage_.pss_kib(),     usage_.uss_kib,       usage_.swap_kib,
        usage_.hugetlb_kib,   std::nullopt,         usage_.anonymous_kib, usage_.file_kib,
        usage_.shmem_kib,     usage_.thp_kib,       usage_.torn_count,    usage_.gap_count};
    if (figure != kMissing) return Result(context, figures[figure]);
    if (!usage_.missing.empty()) Result(context, usage_.missing);
  }

 private:
  UsageCalculator& calculator_;  // of the table
  MappingUsage usage_;
};

const std::vector<TableColumn> kKernelColumns = WithMappingKey({{"rss_kib", "INTEGER"},
                                                                {"pss_kib", "INTEGER"},
                                                                {"uss_kib", "INTEGER"},
                                                                {"swap_kib", "INTEGER"},
                                                                {"hugetlb_kib", "INTEGER"},
                                                                {"anonymous_kib", "INTEGER"},
                                                                {"anon_huge_kib", "INTEGER"},
                                                                {"shmem_huge_kib", "INTEGER"},
                                                                {"file_huge_kib", "INTEGER"},
                                                                {"locked_kib", "INTEGER"},
                                                                {"thp_eligible", "INTEGER"}});

// Each figure is the sum of these fields of smaps.
constexpr std::array<std::array<const char*, 2>, 11> kKernelFields = {{
    {"Rss", nullptr},
    {"Pss", nullptr},
    {"Private_Clean", "Private_Dirty"},
    {"Swap", nullptr},
    {"Private_Hugetlb", "Shared_Hugetlb"},
    {"Anonymous", nullptr},
    {"AnonHugePages", nullptr},
    {"ShmemPmdMapped", nullptr},
    {"FilePmdMapped", nullptr},
    {"Locked", nullptr},
    {"THPeligible", nullptr},
}};

class KernelCursor final : public MappingCursor {
 public:
  explicit KernelCursor(SnapshotReader& reader) : MappingCursor(reader), reader_(reader) {}

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
    for (size_t i = 0; i < kKernelFields.size(); ++i) {
      for (const char* field : kKernelFields[i]) {
        if (field != nullptr) AddField(*table, field, row, &figures_[i]);
      }
    }
    return 1;
  }
  void FigureColumn(sqlite3_context* context, size_t, int figure) override {
    Result(context, figures_[figure]);
  }

 private:
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
  std::array<std::optional<int64_t>, kKernelFields.size()> figures_;
};

class UsageTable final : public MappingTable {
 public:
  explicit UsageTable(SnapshotReader& reader)
      : MappingTable("mapping_usage", kUsageColumns, reader) {}
  // Every page of the mapping is looked at.
  [[nodiscard]] double row_cost() const override { return CostOfPages(); }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    // Kept between queries: what was summed once is not summed again.
    if (!calculator_) calculator_.emplace(reader_);
    return std::make_unique<UsageCursor>(reader_, *calculator_);
  }

 private:
  std::optional<UsageCalculator> calculator_;
};

class KernelTable final : public MappingTable {
 public:
  explicit KernelTable(SnapshotReader& reader)
      : MappingTable("kernel_usage", kKernelColumns, reader) {}
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<KernelCursor>(reader_);
  }
};

}  // namespace

std::unique_ptr<VirtualTable> MakeMappingUsageTable(SnapshotReader& reader) {
  return std::make_unique<UsageTable>(reader);
}

std::unique_ptr<VirtualTable> MakeKernelUsageTable(SnapshotReader& reader) {
  return std::make_unique<KernelTable>(reader);
}

}  // namespace pagesnap
