// The virtual tables `physical_run` and `run_length`: pages whose frames follow each other.
#include <algorithm>
#include <bit>

#include "lib/kernel/frame_flags.h"
#include "lib/query/scan/chunk_scan.h"
#include "lib/query/scan/content_summaries.h"
#include "lib/query/scan/mapping_table.h"
#include "lib/query/scan/run_chain.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column { kSnapshotId, kProcessId, kMappingId, kPage, kPfn, kPageCount };

const std::vector<TableColumn> kRunColumns =
    WithMappingKey({{"page", "INTEGER", PushDown::kRange, Key::kPage},
                    {"pfn", "INTEGER"},
                    {"page_count", "INTEGER", PushDown::kRange}});

// Which pages are one physical run: the next page has the next frame, whatever its flags. The zero
// page is nobody's memory.
class FollowingFrames {
 public:
  explicit FollowingFrames(SnapshotReader& reader) : reader_(reader) {}

  void Enter(const SnapshotInfo& snapshot) {
    frames_ = snapshot.pfn_visible ? reader_.Frames(snapshot.id) : nullptr;
  }
  void Expect(PageWord) const {}
  bool Begins(PageWord word) {
    if (!word.present() || frames_ == nullptr) return false;
    pfn_ = word.pfn();
    return !frames_->HasAny(pfn_, kFrameZeroPage);
  }
  bool Continues(PageWord word, uint64_t page_count) {
    return word.present() && word.pfn() == pfn_ + page_count &&
           !frames_->HasAny(word.pfn(), kFrameZeroPage);
  }
  // Of the run's first page.
  [[nodiscard]] uint64_t pfn() const { return pfn_; }

 private:
  SnapshotReader& reader_;
  std::shared_ptr<FrameTable> frames_;  // null where PFNs are hidden
  uint64_t pfn_ = 0;
};

class PhysicalRunCursor final : public TableCursor {
 public:
  explicit PhysicalRunCursor(SnapshotReader& reader) : scan_(reader, FollowingFrames(reader)) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints, kPage);
    // Short runs are the most by far, and no row for SQLite to throw away.
    min_length_ = 0;
    for (const TableConstraint& constraint : constraints) {
      const bool is_upper = constraint.op == SQLITE_INDEX_CONSTRAINT_LT ||
                            constraint.op == SQLITE_INDEX_CONSTRAINT_LE;
      if (constraint.column != kPageCount || is_upper || !constraint.value) continue;
      min_length_ = std::max(min_length_, *constraint.value);
    }
    Next();
  }
  void Next() override {
    do {
      at_end_ = !scan_.Next();
    } while (!at_end_ && static_cast<int64_t>(scan_.page_count()) < min_length_);
  }
  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(sqlite3_context* context, int column) override {
    switch (column) {
      case kSnapshotId:
        return Result(context, scan_.mapping().snapshot_id);
      case kProcessId:
        return Result(context, scan_.mapping().process_id);
      case kMappingId:
        return Result(context, scan_.mapping().id);
      case kPage:
        return Result(context, static_cast<int64_t>(scan_.page()));
      case kPfn:
        return Result(context, static_cast<int64_t>(scan_.rule().pfn()));
      default:
        return Result(context, static_cast<int64_t>(scan_.page_count()));
    }
  }

 private:
  RunScan<FollowingFrames> scan_;
  int64_t min_length_ = 0;
  bool at_end_ = true;
};

class PhysicalRunTable final : public MappingTable {
 public:
  explicit PhysicalRunTable(SnapshotReader& reader)
      : MappingTable("physical_run", kRunColumns, reader) {}
  // At worst each page is alone.
  [[nodiscard]] double row_count() const override { return reader_.size().pages; }
  [[nodiscard]] std::vector<int> order() const override { return {kProcessId, kMappingId, kPage}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<PhysicalRunCursor>(reader_);
  }
};

struct PhysicalRun {
  uint64_t page = 0;
  uint64_t pfn = 0;
  uint64_t page_count = 0;

  bool Join(const PhysicalRun& next) {
    if (next.page != page + page_count || next.pfn != pfn + page_count) return false;
    page_count += next.page_count;
    return true;
  }
};

// Runs by the power of two that their length reaches.
class RunLengths {
 public:
  struct Bucket {
    uint64_t run_count = 0;
    uint64_t page_count = 0;
    uint64_t largest = 0;  // pages in the longest of them

    void Add(const Bucket& other) {
      run_count += other.run_count;
      page_count += other.page_count;
      largest = std::max(largest, other.largest);
    }
  };

  void Add(const PhysicalRun& run) {
    At(std::bit_width(run.page_count) - 1).Add({1, run.page_count, run.page_count});
  }
  void Add(const RunLengths& other) {
    for (size_t i = 0; i < other.buckets_.size(); ++i) At(i).Add(other.buckets_[i]);
  }
  // Those from 2^i to below 2^(i+1) at i.
  [[nodiscard]] const std::vector<Bucket>& buckets() const { return buckets_; }

 private:
  Bucket& At(size_t power) {
    if (power >= buckets_.size()) buckets_.resize(power + 1);
    return buckets_[power];
  }
  std::vector<Bucket> buckets_;
};

using PhysicalChain = RunChain<PhysicalRun, RunLengths>;

struct PhysicalSummary {
  static constexpr bool kNeedsPlace = false;
  static constexpr bool kPresentOnly = true;
  PhysicalChain chain;

  template <typename Frames>
  void Add(const SnapshotInfo&, const Frames& frames, std::span<const uint64_t> words,
           uint64_t place) {
    for (size_t i = 0; i < words.size(); ++i) {
      const PageWord word(words[i]);
      if (!word.present() || frames.HasAny(word.pfn(), kFrameZeroPage)) continue;
      chain.Append({place + i, word.pfn(), 1});
    }
  }
};

const std::vector<TableColumn> kLengthColumns = WithMappingKey({{"length", "INTEGER"},
                                                                {"run_count", "INTEGER"},
                                                                {"page_count", "INTEGER"},
                                                                {"largest", "INTEGER"}});

class RunLengthCursor final : public MappingCursor {
 public:
  RunLengthCursor(SnapshotReader& reader, ContentSummaries<PhysicalSummary>& summaries)
      : MappingCursor(reader), summaries_(summaries) {}

 protected:
  void Enter(std::span<const MappingInfo> mappings) override { summaries_.Prepare(mappings); }
  size_t Load(const MappingInfo& mapping) override {
    PhysicalChain chain;
    summaries_.ForEach(mapping, [&](const PhysicalSummary& summary, uint64_t shift) {
      chain.Append(summary.chain, shift);
    });
    rows_.clear();
    const RunLengths lengths = chain.Total();
    for (size_t i = 0; i < lengths.buckets().size(); ++i) {
      if (lengths.buckets()[i].run_count > 0) rows_.push_back({i, lengths.buckets()[i]});
    }
    return rows_.size();
  }
  void FigureColumn(sqlite3_context* context, size_t row, int figure) override {
    const auto& [power, bucket] = rows_[row];
    const uint64_t figures[] = {uint64_t{1} << power, bucket.run_count, bucket.page_count,
                                bucket.largest};
    Result(context, static_cast<int64_t>(figures[figure]));
  }

 private:
  struct Row {
    size_t power;
    RunLengths::Bucket bucket;
  };
  ContentSummaries<PhysicalSummary>& summaries_;  // of the table
  std::vector<Row> rows_;
};

class RunLengthTable final : public MappingTable {
 public:
  explicit RunLengthTable(SnapshotReader& reader)
      : MappingTable("run_length", kLengthColumns, reader), summaries_(reader) {}
  [[nodiscard]] double row_count() const override { return 4 * size().mappings; }
  [[nodiscard]] double row_cost() const override { return CostOfPages(); }
  [[nodiscard]] std::vector<int> order() const override { return {kProcessId, kMappingId, 3}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<RunLengthCursor>(reader_, summaries_);
  }

 private:
  // Kept between queries: what was summed up once is not summed up again.
  ContentSummaries<PhysicalSummary> summaries_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakePhysicalRunTable(SnapshotReader& reader) {
  return std::make_unique<PhysicalRunTable>(reader);
}

std::unique_ptr<VirtualTable> MakeRunLengthTable(SnapshotReader& reader) {
  return std::make_unique<RunLengthTable>(reader);
}

}  // namespace pagesnap
