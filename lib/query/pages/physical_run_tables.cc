// The virtual tables `physical_run` and `run_length`: pages whose frames follow each other.
#include <algorithm>
#include <bit>

#include "lib/kernel/frame_flags.h"
#include "lib/query/pages/page_columns.h"
#include "lib/query/pages/tables.h"
#include "lib/query/scan/chunk_scan.h"
#include "lib/query/scan/content_summaries.h"
#include "lib/query/scan/run_chain.h"

namespace pagesnap {
namespace {

constexpr const char* kPageCount = "page_count";
constexpr const char* kDescending = "descending";

// Which pages are one physical run: the next page has the next frame, whatever its flags; or the
// frame before, all along, where such runs are wanted. The zero page is nobody's memory.
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
    step_ = 1;
    return !frames_->HasAny(pfn_, kFrameZeroPage);
  }
  bool Continues(PageWord word, uint64_t page_count) {
    if (!word.present()) return false;
    if (page_count == 1 && descending_ && word.pfn() + 1 == pfn_) step_ = -1;
    return word.pfn() == pfn_ + static_cast<uint64_t>(step_) * page_count &&
           !frames_->HasAny(word.pfn(), kFrameZeroPage);
  }
  void SetDescending(bool descending) { descending_ = descending; }
  [[nodiscard]] bool descending() const { return descending_; }
  // From the frame of a page to that of the next one: 1 or -1.
  [[nodiscard]] int64_t step() const { return step_; }
  // Of the run's first page.
  [[nodiscard]] uint64_t pfn() const { return pfn_; }

 private:
  SnapshotReader& reader_;
  std::shared_ptr<FrameTable> frames_;  // null where PFNs are hidden
  uint64_t pfn_ = 0;
  int64_t step_ = 1;
  bool descending_ = false;
};

class PhysicalRunCursor final : public TableCursor {
 public:
  explicit PhysicalRunCursor(SnapshotReader& reader) : scan_(reader, FollowingFrames(reader)) {}

  static const std::vector<CursorColumn<PhysicalRunCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints, kPageColumn);
    // Short runs are the most by far, and no row for SQLite to throw away.
    min_length_ = 0;
    scan_.rule().SetDescending(false);
    for (const TableConstraint& constraint : constraints) {
      if (constraint.name == kDescending) {
        scan_.rule().SetDescending(constraint.value.value_or(0) != 0);
      }
      const bool is_upper = constraint.op == SQLITE_INDEX_CONSTRAINT_LT ||
                            constraint.op == SQLITE_INDEX_CONSTRAINT_LE;
      if (constraint.name != kPageCount || is_upper || !constraint.value) continue;
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

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

  [[nodiscard]] const MappingInfo& mapping() const { return scan_.mapping(); }
  [[nodiscard]] uint64_t page() const { return scan_.page(); }
  [[nodiscard]] const PageCut& cut() const { return scan_.cut(); }

 private:
  RunScan<FollowingFrames> scan_;
  int64_t min_length_ = 0;
  bool at_end_ = true;
};

const std::vector<CursorColumn<PhysicalRunCursor>> PhysicalRunCursor::kColumns =
    WithPageKey<PhysicalRunCursor>(WithPageCut<PhysicalRunCursor>({
        {{"pfn", kInteger}, [](auto& row, Out out) { out(row.scan_.rule().pfn()); }},
        {{kPageCount, kInteger, "", "", PushDown::kRange},
         [](auto& row, Out out) { out(row.scan_.page_count()); }},
        {{"step", kInteger, "frames"}, [](auto& row, Out out) { out(row.scan_.rule().step()); }},
        {{kDescending, kIntegerArgument, "", "", PushDown::kOptional},
         [](auto& row, Out out) { out(row.scan_.rule().descending() ? 1 : 0); }},
    }));

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

class RunLengthCursor final : public MappingCursor {
 public:
  explicit RunLengthCursor(AnalysisCache& cache)
      : MappingCursor(cache.reader()),
        summaries_(cache.OfAll<ContentSummaries<PhysicalSummary>>()) {}

  static const std::vector<CursorColumn<RunLengthCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  void Enter(std::span<const MappingInfo> mappings) override { summaries_->Prepare(mappings); }
  size_t Load(const MappingInfo& mapping) override {
    PhysicalChain chain;
    summaries_->ForEach(mapping, cut(), [&](const PhysicalSummary& summary, uint64_t shift) {
      chain.Append(summary.chain, shift);
    });
    rows_.clear();
    const RunLengths lengths = chain.Total();
    for (size_t i = 0; i < lengths.buckets().size(); ++i) {
      if (lengths.buckets()[i].run_count > 0) rows_.push_back({i, lengths.buckets()[i]});
    }
    return rows_.size();
  }

 private:
  struct Row {
    size_t power;
    RunLengths::Bucket bucket;
  };
  [[nodiscard]] const RunLengths::Bucket& bucket() const { return rows_[row()].bucket; }

  // Shared by all queries: what was summed up once is not summed up again.
  std::shared_ptr<ContentSummaries<PhysicalSummary>> summaries_;
  std::vector<Row> rows_;
};

const std::vector<CursorColumn<RunLengthCursor>> RunLengthCursor::kColumns =
    WithMappingKey<RunLengthCursor>(WithPageCut<RunLengthCursor>({
        {{"length", kInteger, "pages"},
         [](auto& row, Out out) { out(uint64_t{1} << row.rows_[row.row()].power); }},
        {{"run_count", kInteger}, [](auto& row, Out out) { out(row.bucket().run_count); }},
        {{"page_count", kInteger}, [](auto& row, Out out) { out(row.bucket().page_count); }},
        {{"largest", kInteger, "pages"}, [](auto& row, Out out) { out(row.bucket().largest); }},
    }));

}  // namespace

VirtualTable MakePhysicalRunTable(AnalysisCache& cache) {
  return {.name = "physical_run",
          .columns = Describe(PhysicalRunCursor::kColumns),
          .order = kByPage,
          // At worst each page is alone.
          .row_count = [](const ReaderSize& size) { return size.pages; },
          .open = [&cache] { return std::make_unique<PhysicalRunCursor>(cache.reader()); }};
}

VirtualTable MakeRunLengthTable(AnalysisCache& cache) {
  return {.name = "run_length",
          .columns = Describe(RunLengthCursor::kColumns),
          .order = {"process_id", "mapping_id", "length"},
          .row_count = [](const ReaderSize& size) { return 4 * size.mappings; },
          .row_cost = CostOfPages,
          .open = [&cache] { return std::make_unique<RunLengthCursor>(cache); }};
}

}  // namespace pagesnap
