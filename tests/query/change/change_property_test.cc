// What holds of any two snapshots that are compared.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "lib/query/change/change_analysis.h"
#include "tests/query/change/random_changes.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::IsEmpty;

// The classes of all pages of a range, one by one, from the words and the frames.
class PlainComparison {
 public:
  PlainComparison(SnapshotReader& reader, ChangeAnalysis& analysis)
      : reader_(reader), analysis_(analysis) {}

  ChangeCounts Count(const MatchedRange& range) {
    const ProcessMatch& process = analysis_.match().processes[range.process];
    const Side before = Load(process.before_id, range.before_mapping_id, range.before_page);
    const Side after = Load(process.after_id, range.after_mapping_id, range.after_page);
    ChangeCounts counts;
    for (uint64_t i = 0; i < range.page_count; ++i) {
      const PageWord from(WordAt(before, i));
      const PageWord to(WordAt(after, i));
      const auto change =
          Unread(before, i) || Unread(after, i)
              ? PageChange::kUnread
              : analysis_.classifier().Classify(
                    from, to, Facts(analysis_.before(), from), Facts(analysis_.after(), to),
                    Size(analysis_.before(), from), Size(analysis_.after(), to));
      change ? ++counts[*change] : ++counts.absent;
    }
    return counts;
  }

 private:
  struct Side {
    std::map<uint64_t, uint64_t> words;  // by page of the mapping
    std::vector<PageInterval> gaps;
    uint64_t first = 0;  // page of the mapping that the range starts at
  };

  Side Load(int64_t process_id, int64_t mapping_id, uint64_t page) {
    Side side;
    if (mapping_id == 0) return side;
    const MappingInfo mapping = reader_.Mappings(process_id, {.mapping_id = mapping_id}).at(0);
    for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
      uint64_t at = chunk.first_page;
      for (const uint64_t word : reader_.Words(chunk.content_id)) side.words[at++] = word;
    }
    side.gaps = PageGaps(reader_).PagesOf(mapping);
    side.first = page - mapping.first_page;
    return side;
  }
  static uint64_t WordAt(const Side& side, uint64_t index) {
    const auto found = side.words.find(side.first + index);
    return found != side.words.end() ? found->second : 0;
  }
  static bool Unread(const Side& side, uint64_t index) {
    const uint64_t page = side.first + index;
    return std::any_of(side.gaps.begin(), side.gaps.end(), [&](const PageInterval& gap) {
      return gap.begin <= page && page < gap.end;
    });
  }
  FolioSize Size(const SnapshotInfo& snapshot, PageWord word) {
    return MemoryKinds(snapshot.release, snapshot.page_size,
                       FramesOnDemand{reader_.Frames(snapshot.id).get()})
        .SizeOf(word, Facts(snapshot, word));
  }
  const FrameFacts* Facts(const SnapshotInfo& snapshot, PageWord word) {
    if (!word.present() || !snapshot.pfn_visible) return nullptr;
    return reader_.Frames(snapshot.id)->Find(word.pfn());
  }

  SnapshotReader& reader_;
  ChangeAnalysis& analysis_;
};

class ChangePropertyTest : public testing::TestWithParam<uint64_t> {
 protected:
  ChangePropertyTest() { WriteRandomChanges(folder_.File("a"), GetParam()); }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session().database(), sql);
  }
  Session& session() {
    if (!session_) session_ = std::make_unique<Session>(folder_.File("a"));
    return *session_;
  }
  TestFolder folder_;
  std::unique_ptr<Session> session_;
};

TEST_P(ChangePropertyTest, EqualsThePlainComparison) {
  for (const bool with_volatile : {false, true}) {
    for (const auto& [before, after] : {std::pair(1, 2), {2, 1}, {1, 1}}) {
      AnalysisCache cache(session().reader());
      ChangeAnalysis analysis(cache, {.before_id = before,
                                      .after_id = after,
                                      .mode = MatchMode::kSame,
                                      .with_volatile = with_volatile});
      PlainComparison plain(session().reader(), analysis);
      // First without figures, where equal contents may be taken as such.
      std::vector<ChangeCounts> quick;
      for (size_t i = 0; i < analysis.match().ranges.size(); ++i)
        quick.push_back(analysis.Range(i, false).counts);
      for (size_t i = 0; i < quick.size(); ++i) {
        const ChangeCounts expected = plain.Count(analysis.match().ranges[i]);
        EXPECT_EQ(quick[i].of, expected.of) << i;
        EXPECT_EQ(quick[i].absent, expected.absent) << i;
        EXPECT_EQ(analysis.Range(i, true).counts.of, expected.of) << i;
      }
    }
  }
}

// Figures that the file has the sums of are those of the pages, one by one.
TEST_P(ChangePropertyTest, StoredSumsChangeNoFigure) {
  const std::string file = folder_.File("without");
  std::filesystem::copy_file(folder_.File("a"), file);
  ChangeFile(file, "DELETE FROM content_usage");
  const Session without(file);
  for (const char* sql : {"SELECT * FROM change_usage(1, 2, 'same')", "SELECT * FROM mapping_usage",
                          "SELECT * FROM change_usage(2, 1, 'same', 1)"}) {
    EXPECT_EQ(Rows(sql), QueryRows(without.database(), sql)) << sql;
  }
}

// Leaving out the unchanged pages leaves the others as they are.
TEST_P(ChangePropertyTest, SkippingUnchangedSkipsNothingElse) {
  const std::string columns =
      "before_mapping_id, after_mapping_id, before_page, after_page, "
      "page_count, change, before_pfn, after_pfn, flags_set";
  std::vector<std::string> all = Rows("SELECT " + columns + " FROM page_change(1, 2, 'same')");
  std::erase_if(
      all, [](const std::string& row) { return row.find("|unchanged|") != std::string::npos; });
  EXPECT_EQ(all, Rows("SELECT " + columns +
                      " FROM page_change(1, 2, 'same') "
                      "WHERE change <> 'unchanged'"));
}

// Where a figure of a whole mapping is known, so is that of each of its ranges.
TEST_P(ChangePropertyTest, FiguresAreMissingWhereMappingUsageHasNone) {
  EXPECT_THAT(Rows("SELECT before_mapping_id FROM change_usage(1, 2, 'same') JOIN mapping_usage "
                   "ON mapping_id = before_mapping_id "
                   "WHERE rss_kib IS NOT NULL AND before_rss_kib IS NULL "
                   "OR pss_kib IS NOT NULL AND before_pss IS NULL "
                   "OR swap_kib IS NULL AND before_swap_kib IS NOT NULL "
                   "OR before_rss_kib IS NULL AND before_missing IS NULL"),
              IsEmpty());
}

TEST_P(ChangePropertyTest, NothingChangesFromASnapshotToItself) {
  EXPECT_THAT(Rows("SELECT 1 FROM page_change(1, 1, 'same') "
                   "WHERE change NOT IN ('unchanged', 'incomparable', 'unread') LIMIT 1"),
              IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChangePropertyTest, testing::Range(uint64_t{0}, uint64_t{30}));

}  // namespace
}  // namespace pagesnap
