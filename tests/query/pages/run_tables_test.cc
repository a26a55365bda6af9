// physical_run, run_length, folio_usage and folio_order against plain computations over `page`, and
// page_run_count against the rows that it counts.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <bit>
#include <map>
#include <set>

#include "lib/kernel/frame_flags.h"
#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

struct Page {
  int64_t page;
  int64_t pfn;
  int64_t flags;  // -1: unknown
};

struct Mapping {
  int64_t snapshot_id;
  int64_t process_id;
  int64_t id;
  int64_t pmd_pages;
  bool pfn_visible;
  bool has_folio_ends;
  bool pfn_map;                            // a driver's: nobody's memory
  std::vector<Page> pages;                 // present ones
  std::map<int64_t, int64_t> frames = {};  // flags by PFN, of the snapshot

  [[nodiscard]] std::string key() const {
    return fmt::format("{}|{}|{}", snapshot_id, process_id, id);
  }
};

bool Has(const Page& page, uint64_t flags) {
  return page.flags != -1 && (static_cast<uint64_t>(page.flags) & flags) != 0;
}

// Returns (first page, PFN, length) of the physical runs.
std::vector<std::array<int64_t, 3>> PlainRuns(const Mapping& mapping) {
  std::vector<std::array<int64_t, 3>> runs;
  for (const Page& page : mapping.pages) {
    if (Has(page, kFrameZeroPage)) continue;
    if (!runs.empty() && runs.back()[0] + runs.back()[2] == page.page &&
        runs.back()[1] + runs.back()[2] == page.pfn) {
      ++runs.back()[2];
    } else {
      runs.push_back({page.page, page.pfn, 1});
    }
  }
  return runs;
}

// Every third seed has frames here and there.
void WriteSnapshots(const std::string& path, uint64_t seed) {
  WriteRandomSnapshots(path, seed, seed % 3 == 0 ? RandomMemory::kScattered : RandomMemory::kRuns);
}

class RunTablesTest : public testing::TestWithParam<uint64_t> {
 protected:
  RunTablesTest() {
    WriteSnapshots(folder_.File("a"), GetParam());
    session_ = std::make_unique<Session>(folder_.File("a"));
    Statement mappings(session_->database(),
                       "SELECT p.snapshot_id, p.id, m.id, s.page_size / 8, s.pfn_visible, "
                       "EXISTS (SELECT 1 FROM snapshot_system_fact f WHERE f.snapshot_id = s.id "
                       "AND f.name = 'capture.folio_ends'), "
                       "COALESCE(' ' || v.names || ' ' LIKE '% pf %', 0) "
                       "FROM mapping m JOIN process p ON p.id = m.process_id "
                       "LEFT JOIN vm_flags v ON v.id = m.vm_flags_id "
                       "JOIN snapshot s ON s.id = p.snapshot_id ORDER BY m.id");
    while (mappings.Step()) {
      mappings_.push_back({mappings.Int(0),
                           mappings.Int(1),
                           mappings.Int(2),
                           mappings.Int(3),
                           mappings.Int(4) != 0,
                           mappings.Int(5) != 0,
                           mappings.Int(6) != 0,
                           {}});
    }
    for (Mapping& mapping : mappings_) {
      Statement pages(session_->database(),
                      "SELECT page, COALESCE(pfn, -1), COALESCE(flags, -1) FROM page "
                      "WHERE mapping_id = ? AND state = 'present'");
      pages.Bind(1, mapping.id);
      while (pages.Step()) {
        mapping.pages.push_back({pages.Int(0), pages.Int(1), pages.Int(2)});
        frames_[mapping.snapshot_id][pages.Int(1)] = pages.Int(2);
      }
    }
    for (Mapping& mapping : mappings_) mapping.frames = frames_[mapping.snapshot_id];
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session_->database(), sql);
  }

  TestFolder folder_;
  std::unique_ptr<Session> session_;
  std::vector<Mapping> mappings_;
  std::map<int64_t, std::map<int64_t, int64_t>> frames_;
};

TEST_P(RunTablesTest, PageRunsAreCounted) {
  EXPECT_EQ(Rows("SELECT * FROM page_run_count"),
            Rows("SELECT s.id, p.id, m.id, COUNT(r.page), COALESCE(SUM(r.page_count), 0) "
                 "FROM mapping m JOIN process p ON p.id = m.process_id "
                 "JOIN snapshot s ON s.id = p.snapshot_id "
                 "LEFT JOIN page_run r ON r.process_id = p.id AND r.mapping_id = m.id "
                 "GROUP BY m.id ORDER BY m.id"));
}

TEST_P(RunTablesTest, PhysicalRuns) {
  std::vector<std::string> expected;
  for (const Mapping& mapping : mappings_) {
    if (!mapping.pfn_visible) continue;
    for (const auto& [page, pfn, count] : PlainRuns(mapping)) {
      expected.push_back(fmt::format("{}|{}|{}|{}", mapping.key(), page, pfn, count));
    }
  }
  EXPECT_EQ(
      Rows("SELECT snapshot_id, process_id, mapping_id, page, pfn, page_count FROM physical_run"),
      expected);
}

TEST_P(RunTablesTest, RunLengths) {
  std::vector<std::string> expected;
  for (const Mapping& mapping : mappings_) {
    if (!mapping.pfn_visible) continue;
    struct Bucket {
      int64_t run_count, page_count, largest;
    };
    std::map<int64_t, Bucket> buckets;
    for (const auto& run : PlainRuns(mapping)) {
      int64_t length = 1;
      while (length * 2 <= run[2]) length *= 2;
      Bucket& bucket = buckets[length];
      ++bucket.run_count;
      bucket.page_count += run[2];
      bucket.largest = std::max(bucket.largest, run[2]);
    }
    for (const auto& [length, bucket] : buckets) {
      expected.push_back(fmt::format("{}|{}|{}|{}|{}", mapping.key(), length, bucket.run_count,
                                     bucket.page_count, bucket.largest));
    }
  }
  EXPECT_EQ(Rows("SELECT * FROM run_length"), expected);
  // A mapping at a time finds what all at once find.
  std::vector<std::string> each;
  for (const Mapping& mapping : mappings_) {
    for (const std::string& row :
         Rows(fmt::format("SELECT * FROM run_length WHERE mapping_id = {}", mapping.id))) {
      each.push_back(row);
    }
  }
  EXPECT_EQ(each, expected);
}

// Large folios head by head, and what is left of them.
struct PlainFolios {
  explicit PlainFolios(const Mapping& mapping) {
    if (mapping.pfn_map) return;
    const uint64_t kLarge = kFrameCompoundHead | kFrameCompoundTail;
    std::set<int64_t> own;  // pages with memory of their own
    const std::vector<Page>& pages = mapping.pages;
    auto is_large = [&](const Page& page) {
      return Has(page, kLarge) && !Has(page, kFrameHuge | kFrameZeroPage);
    };
    for (size_t i = 0; i < pages.size(); ++i) {
      known &= pages[i].flags != -1;
      if (Has(pages[i], kFrameHuge)) ++hugetlb;
      if (pages[i].flags != -1 && !Has(pages[i], kFrameHuge | kFrameZeroPage)) {
        own.insert(pages[i].page);
      }
      if (!is_large(pages[i])) continue;
      ++large;
      if (!Has(pages[i], kFrameCompoundHead)) continue;
      size_t end = i + 1;
      while (end < pages.size() && is_large(pages[end]) && !Has(pages[end], kFrameCompoundHead) &&
             pages[end].page == pages[end - 1].page + 1 &&
             pages[end].pfn == pages[end - 1].pfn + 1) {
        ++end;
      }
      const auto size = static_cast<int64_t>(end - i);
      if (size < 2 || !std::has_single_bit(static_cast<uint64_t>(size)) ||
          pages[i].pfn % size != 0) {
        continue;
      }
      if (size < mapping.pmd_pages && pages[i].pfn % (2 * size) == 0) {
        const int64_t behind = pages[i].pfn + size;
        const auto frame = mapping.frames.find(behind);
        const bool other_follows = end < pages.size() && pages[end].pfn == behind &&
                                   pages[end].page == pages[end - 1].page + 1 &&
                                   is_large(pages[end]) && Has(pages[end], kFrameCompoundHead);
        if (!other_follows &&
            (!mapping.has_folio_ends || (frame != mapping.frames.end() && frame->second == -1))) {
          unknown += size;
          continue;
        }
        if (!other_follows &&
            (frame != mapping.frames.end() ? (frame->second & int64_t{kFrameCompoundTail}) != 0
                                           : IsTailBehind(static_cast<uint64_t>(behind)))) {
          continue;
        }
      }
      const bool is_aligned = pages[i].page % size == 0;
      ++orders[size][0];
      orders[size][1] += is_aligned;
      whole += size;
      if (size == mapping.pmd_pages && is_aligned) thp += size;
    }
    for (const int64_t page : own) {
      if (page % mapping.pmd_pages != 0) continue;
      int64_t next = page;
      while (next < page + mapping.pmd_pages && own.contains(next)) ++next;
      if (next == page + mapping.pmd_pages) full += mapping.pmd_pages;
    }
  }

  int64_t hugetlb = 0, large = 0, whole = 0, thp = 0, full = 0, unknown = 0;
  bool known = true;
  std::map<int64_t, std::array<int64_t, 2>> orders;  // by size: folios, and aligned ones
};

TEST_P(RunTablesTest, FolioUsage) {
  std::vector<std::string> expected;
  for (const Mapping& mapping : mappings_) {
    const PlainFolios folios(mapping);
    const auto present = static_cast<int64_t>(mapping.pages.size());
    std::string row = fmt::format("{}|{}", mapping.key(), present);
    if (mapping.pfn_visible && folios.known) {
      row += fmt::format("|{}|{}|{}|{}|{}|{}|{}", folios.hugetlb, folios.thp,
                         folios.whole - folios.thp, folios.large - folios.whole - folios.unknown,
                         folios.unknown, present - folios.hugetlb - folios.large,
                         folios.full - folios.thp);
    } else {
      row += present == 0 && mapping.pfn_visible ? "|0|0|0|0|0|0|0"
                                                 : "|NULL|NULL|NULL|NULL|NULL|NULL|NULL";
    }
    expected.push_back(row);
  }
  EXPECT_EQ(Rows("SELECT * FROM folio_usage"), expected);
}

TEST_P(RunTablesTest, FolioOrders) {
  std::vector<std::string> expected;
  for (const Mapping& mapping : mappings_) {
    if (!mapping.pfn_visible) continue;
    for (const auto& [size, counts] : PlainFolios(mapping).orders) {
      expected.push_back(fmt::format("{}|{}|{}|{}|{}", mapping.key(),
                                     std::countr_zero(static_cast<uint64_t>(size)), counts[0],
                                     counts[1], size == mapping.pmd_pages ? 1 : 0));
    }
  }
  EXPECT_EQ(Rows("SELECT * FROM folio_order"), expected);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RunTablesTest, testing::Range(uint64_t{0}, uint64_t{30}));

// The random snapshots have what the tests above are about.
TEST(RunTablesCoverageTest, RunsAndFoliosOverBorders) {
  int64_t long_runs = 0, shared = 0, thps = 0, orders = 0, partial = 0, unknown = 0, full = 0,
          unaligned = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    TestFolder folder;
    WriteSnapshots(folder.File("a"), seed);
    const Session session(folder.File("a"));
    auto value = [&](const std::string& sql) {
      Statement statement(session.database(), sql);
      return statement.Step() ? statement.Int(0) : 0;
    };
    long_runs += value(
        "SELECT COUNT(*) FROM physical_run r JOIN mapping m ON m.id = r.mapping_id JOIN page_chunk "
        "c ON c.mapping_id = m.id AND m.first_page + c.first_page > r.page AND "
        "m.first_page + c.first_page < r.page + r.page_count WHERE r.page_count > 1");
    shared += value("SELECT COUNT(*) - COUNT(DISTINCT content_id) FROM page_chunk");
    thps += value("SELECT COUNT(*) FROM folio_usage WHERE thp_count > 0");
    partial += value("SELECT COUNT(*) FROM folio_usage WHERE partial_count > 0");
    unknown += value("SELECT COUNT(*) FROM folio_usage WHERE unknown_count > 0");
    full += value("SELECT COUNT(*) FROM folio_usage WHERE full_count > 0");
    orders += value("SELECT COUNT(DISTINCT folio_order) FROM folio_order");
    unaligned += value("SELECT COUNT(*) FROM folio_order WHERE aligned_count < folio_count");
  }
  EXPECT_GT(long_runs, 50);
  EXPECT_GT(shared, 10);
  EXPECT_GT(thps, 5);
  EXPECT_GT(partial, 10);
  EXPECT_GT(unknown, 10);
  EXPECT_GT(full, 5);
  EXPECT_GT(orders, 50);
  EXPECT_GT(unaligned, 10);
}

}  // namespace
}  // namespace pagesnap
