// The virtual tables `folio_usage` and `folio_order`: what sizes of folios mappings are made of.
#include <algorithm>
#include <bit>
#include <optional>

#include "lib/kernel/frame_flags.h"
#include "lib/query/pages/tables.h"
#include "lib/query/scan/content_summaries.h"
#include "lib/query/scan/mapping_table.h"
#include "lib/query/scan/run_chain.h"

namespace pagesnap {
namespace {

// Whether a folio goes on behind a frame of it.
enum class FolioEnd : uint8_t { kUnknown, kHere, kBehind };

// Pages of one large folio that follow each other: its head and tails, or tails alone.
struct FolioPiece {
  uint64_t page = 0;
  uint64_t pfn = 0;
  uint64_t page_count = 0;
  uint64_t pmd_pages = 1;
  bool has_head = false;
  FolioEnd end = FolioEnd::kUnknown;  // by the frame behind the last page

  // Tails belong to the head before them if page and frame follow on; another head says that this
  // folio ends.
  bool Join(const FolioPiece& next) {
    if (next.page != page + page_count || next.pfn != pfn + page_count) return false;
    if (next.has_head) {
      end = FolioEnd::kHere;
      return false;
    }
    page_count += next.page_count;
    end = next.end;
    return true;
  }
  // Returns whether all of the folio is mapped; nothing where that is unknown. A folio has a power
  // of two of frames, at such a frame; otherwise some are not mapped.
  [[nodiscard]] std::optional<bool> IsWhole() const {
    if (!has_head || page_count == 1 || !std::has_single_bit(page_count) || pfn % page_count != 0) {
      return false;
    }
    if (!MayFolioGoOn(pfn, page_count, pmd_pages)) return true;
    if (end == FolioEnd::kUnknown) return std::nullopt;
    return end == FolioEnd::kHere;
  }
};

struct FolioCounts {
  struct Order {
    uint64_t folio_count = 0;
    uint64_t aligned_count = 0;  // of these, at a page that is a multiple of their size
  };

  void Add(const FolioPiece& piece) {
    const std::optional<bool> is_whole = piece.IsWhole();
    if (is_whole != true) {
      (is_whole ? partial_count : unknown_count) += piece.page_count;
      return;
    }
    Order& order = At(std::countr_zero(piece.page_count));
    ++order.folio_count;
    order.aligned_count += piece.page % piece.page_count == 0;
  }
  void Add(const FolioCounts& other) {
    partial_count += other.partial_count;
    unknown_count += other.unknown_count;
    for (size_t i = 0; i < other.orders.size(); ++i) {
      At(i).folio_count += other.orders[i].folio_count;
      At(i).aligned_count += other.orders[i].aligned_count;
    }
  }
  Order& At(size_t order) {
    if (order >= orders.size()) orders.resize(order + 1);
    return orders[order];
  }

  uint64_t partial_count = 0;  // pages of folios that are not mapped whole
  uint64_t unknown_count = 0;  // pages of folios that may be mapped whole or not
  std::vector<Order> orders;   // those that are
};

// Pages that follow each other and have memory of their own, in any frames.
struct FullPiece {
  uint64_t page = 0;
  uint64_t page_count = 0;
  uint64_t pmd_pages = 1;

  bool Join(const FullPiece& next) {
    if (next.page != page + page_count) return false;
    page_count += next.page_count;
    return true;
  }
};

struct FullExtents {
  void Add(const FullPiece& piece) {
    const uint64_t first = (piece.page + piece.pmd_pages - 1) / piece.pmd_pages;
    const uint64_t end = (piece.page + piece.page_count) / piece.pmd_pages;
    if (end > first) count += end - first;
  }
  void Add(const FullExtents& other) { count += other.count; }

  uint64_t count = 0;  // of ranges that a PMD could map and that have no hole
};

// Of a content, or a mapping. No alignment is beyond what a PMD maps: the kernel has no folio that
// is larger, hugetlb aside, so that the place of a content tells all.
struct FolioSummary {
  static constexpr bool kNeedsPlace = true;
  static constexpr bool kPresentOnly = true;

  uint64_t hugetlb_count = 0;  // pages
  uint64_t large_count = 0;    // pages of large folios
  uint64_t unknown_count = 0;  // pages whose frame flags were not read
  RunChain<FolioPiece, FolioCounts> folios;
  RunChain<FullPiece, FullExtents> full;

  template <typename Frames>
  void Add(const SnapshotInfo& snapshot, const Frames& frames, std::span<const uint64_t> words,
           uint64_t place) {
    const FrameFacts* behind = nullptr;  // of the frame behind the last page
    uint64_t behind_pfn = 0;             // 0: not looked up
    for (size_t i = 0; i < words.size(); ++i) {
      const PageWord word(words[i]);
      if (!word.present()) continue;
      const uint64_t pfn = word.pfn();
      const FrameFacts* facts = pfn == behind_pfn ? behind : frames.Find(pfn);
      behind_pfn = 0;
      if (facts == nullptr || facts->flags == kNotRead) {
        ++unknown_count;
      } else if ((facts->flags & kFrameHuge) != 0) {
        ++hugetlb_count;
      } else if ((facts->flags & kFrameZeroPage) == 0) {
        // The huge zero page is a large folio too, and nobody's memory.
        if ((facts->flags & kLarge) != 0) {
          behind_pfn = pfn + 1;
          behind = frames.Find(behind_pfn);
          ++large_count;
          folios.Append({place + i, pfn, 1, snapshot.pmd_pages(),
                         (facts->flags & kFrameCompoundHead) != 0,
                         snapshot.folio_ends_read ? EndBefore(behind) : FolioEnd::kUnknown});
        }
        full.Append({place + i, 1, snapshot.pmd_pages()});
      }
    }
  }
  void Add(const FolioSummary& behind, uint64_t shift) {
    hugetlb_count += behind.hugetlb_count;
    large_count += behind.large_count;
    unknown_count += behind.unknown_count;
    folios.Append(behind.folios, shift);
    full.Append(behind.full, shift);
  }

 private:
  static constexpr uint64_t kLarge = kFrameCompoundHead | kFrameCompoundTail;

  // Returns where a folio ends by the frame behind a page of it, which was captured: always for a
  // folio that may go on there (FolioPiece::IsWhole), since a page refers to the frame or capture
  // asked for it.
  static FolioEnd EndBefore(const FrameFacts* behind) {
    if (behind == nullptr || behind->flags == kNotRead) return FolioEnd::kUnknown;
    return (behind->flags & kFrameCompoundTail) != 0 ? FolioEnd::kBehind : FolioEnd::kHere;
  }
};

// A cursor of a table that needs the folios of a mapping.
class FolioCursor : public MappingCursor {
 public:
  explicit FolioCursor(AnalysisCache& cache)
      : MappingCursor(cache.reader()),
        reader_(cache.reader()),
        summaries_(cache.OfAll<ContentSummaries<FolioSummary>>()) {}

 protected:
  void Enter(std::span<const MappingInfo> mappings) override { summaries_->Prepare(mappings); }
  size_t Load(const MappingInfo& mapping) override {
    summary_ = {};
    // What a driver maps by PFN is nobody's memory, as in smaps.
    if (!mapping.pfn_map) {
      summaries_->ForEach(mapping, cut(), [&](const FolioSummary& summary, uint64_t shift) {
        summary_.Add(summary, shift);
      });
    }
    counts_ = summary_.folios.Total();
    snapshot_ = &reader_.snapshot(mapping.snapshot_id);
    return LoadRows(mapping);
  }
  virtual size_t LoadRows(const MappingInfo& mapping) = 0;

  [[nodiscard]] bool IsPmdSize(size_t order) const {
    return uint64_t{1} << order == snapshot_->pmd_pages();
  }

  SnapshotReader& reader_;
  FolioSummary summary_;  // of the mapping
  FolioCounts counts_;
  const SnapshotInfo* snapshot_ = nullptr;

 private:
  // Shared by both tables and all queries: what was summed up once is not summed up again.
  std::shared_ptr<ContentSummaries<FolioSummary>> summaries_;
};

class FolioUsageCursor final : public FolioCursor {
 public:
  using FolioCursor::FolioCursor;

  static const std::vector<CursorColumn<FolioUsageCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  size_t LoadRows(const MappingInfo& mapping) override {
    present_ = 0;
    for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
      present_ += PresentIn(mapping, chunk);
    }
    is_known_ = snapshot_->pfn_visible && summary_.unknown_count == 0;
    whole_ = thp_ = 0;
    for (size_t i = 0; i < counts_.orders.size(); ++i) {
      whole_ += counts_.orders[i].folio_count << i;
      if (IsPmdSize(i)) thp_ += counts_.orders[i].aligned_count << i;
    }
    full_ = summary_.full.Total().count * snapshot_->pmd_pages();
    return 1;
  }

 private:
  // Returns how many present pages of a chunk lie in cut().
  uint64_t PresentIn(const MappingInfo& mapping, const ChunkInfo& chunk) {
    if (cut().is_all()) return static_cast<uint64_t>(chunk.present_count);
    const auto words = reader_.SharedWords(chunk.content_id);
    const PageCut::Words inside = cut().Of(mapping.first_page + chunk.first_page, words->size());
    uint64_t count = 0;
    for (uint64_t i = inside.begin; i < inside.end; ++i) count += PageWord((*words)[i]).present();
    return count;
  }

  // All in pages.
  uint64_t present_ = 0;
  uint64_t whole_ = 0;  // of folios that are mapped whole
  uint64_t thp_ = 0;    // of those, that are THPs
  uint64_t full_ = 0;   // of full extents, THPs too
  bool is_known_ = false;
};

constexpr const char* kNoFlags = "flags were not read, or PFNs were hidden";

const std::vector<CursorColumn<FolioUsageCursor>> FolioUsageCursor::kColumns =
    WithMappingKey<FolioUsageCursor>(WithPageCut<FolioUsageCursor>({
        {{"present_count", kInteger}, [](auto& row, Out out) { out(row.present_); }},
        {{"hugetlb_count", kInteger, "", kNoFlags},
         [](auto& row, Out out) {
           if (row.is_known_) out(row.summary_.hugetlb_count);
         }},
        {{"thp_count", kInteger, "", kNoFlags},
         [](auto& row, Out out) {
           if (row.is_known_) out(row.thp_);
         }},
        {{"folio_count", kInteger, "", kNoFlags},
         [](auto& row, Out out) {
           if (row.is_known_) out(row.whole_ - row.thp_);
         }},
        {{"partial_count", kInteger, "", kNoFlags},
         [](auto& row, Out out) {
           if (row.is_known_) out(row.counts_.partial_count);
         }},
        {{"unknown_count", kInteger, "", kNoFlags},
         [](auto& row, Out out) {
           if (row.is_known_) out(row.counts_.unknown_count);
         }},
        {{"single_count", kInteger, "", kNoFlags},
         [](auto& row, Out out) {
           const FolioSummary& summary = row.summary_;
           if (row.is_known_) out(row.present_ - summary.hugetlb_count - summary.large_count);
         }},
        // Each THP is a full extent; what is left could be one.
        {{"full_count", kInteger, "", kNoFlags},
         [](auto& row, Out out) {
           if (row.is_known_) out(row.full_ - row.thp_);
         }},
    }));

class FolioOrderCursor final : public FolioCursor {
 public:
  using FolioCursor::FolioCursor;

  static const std::vector<CursorColumn<FolioOrderCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  size_t LoadRows(const MappingInfo&) override {
    orders_.clear();
    for (size_t i = 0; i < counts_.orders.size(); ++i) {
      if (counts_.orders[i].folio_count > 0) orders_.push_back(i);
    }
    return orders_.size();
  }

 private:
  [[nodiscard]] size_t order() const { return orders_[row()]; }
  [[nodiscard]] const FolioCounts::Order& counts() const { return counts_.orders[order()]; }

  std::vector<size_t> orders_;  // that the mapping has
};

const std::vector<CursorColumn<FolioOrderCursor>> FolioOrderCursor::kColumns =
    WithMappingKey<FolioOrderCursor>(WithPageCut<FolioOrderCursor>({
        {{"folio_order", kInteger}, [](auto& row, Out out) { out(row.order()); }},
        {{"folio_count", kInteger}, [](auto& row, Out out) { out(row.counts().folio_count); }},
        {{"aligned_count", kInteger}, [](auto& row, Out out) { out(row.counts().aligned_count); }},
        {{"is_pmd_size", kInteger}, [](auto& row, Out out) { out(row.IsPmdSize(row.order())); }},
    }));

// Returns a table whose rows ascend by `last` in each mapping.
template <typename Cursor>
VirtualTable MakeFolioTable(const char* name, const char* last, AnalysisCache& cache) {
  return {.name = name,
          .columns = Describe(Cursor::kColumns),
          .order = {"process_id", "mapping_id", last},
          .row_count = MappingCount,
          .row_cost = CostOfPages,
          .open = [&cache] { return std::make_unique<Cursor>(cache); }};
}

}  // namespace

VirtualTable MakeFolioUsageTable(AnalysisCache& cache) {
  return MakeFolioTable<FolioUsageCursor>("folio_usage", "present_count", cache);
}

VirtualTable MakeFolioOrderTable(AnalysisCache& cache) {
  return MakeFolioTable<FolioOrderCursor>("folio_order", "folio_order", cache);
}

}  // namespace pagesnap
