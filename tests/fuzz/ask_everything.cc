#include "tests/fuzz/ask_everything.h"

#include <cstdio>
#include <iterator>
#include <new>
#include <vector>

#include "analyze/run.h"
#include "lib/base/error.h"
#include "lib/query/session.h"
#include "tests/support/report_arguments.h"

namespace pagesnap {
namespace {

// Every kTableParts-th question is a part.
constexpr size_t kTableParts = 4;

constexpr const char* kQuestions[] = {
    "SELECT * FROM page LIMIT 2000",
    "SELECT COUNT(*) FROM page",
    "SELECT * FROM page_run LIMIT 500",
    "SELECT * FROM page_group LIMIT 2000",
    "SELECT * FROM frame_group LIMIT 500",
    "SELECT * FROM page_group_detail LIMIT 2000",
    "SELECT * FROM page_run_count LIMIT 500",
    "SELECT * FROM physical_run LIMIT 2000",
    "SELECT * FROM physical_run WHERE page_count >= 100 LIMIT 500",
    "SELECT * FROM run_length LIMIT 2000",
    "SELECT * FROM folio_usage LIMIT 500",
    "SELECT * FROM folio_order LIMIT 2000",
    "SELECT * FROM mapping_sharing",
    "SELECT * FROM swap_usage",
    "SELECT * FROM process_group('tree')",
    "SELECT * FROM group_usage('tree')",
    "SELECT * FROM fork_usage LIMIT 500",
    "SELECT * FROM page_run WHERE from_page = 513 AND to_page = 5000 LIMIT 500",
    "SELECT * FROM page_group WHERE from_page = 513 AND to_page = 5000 LIMIT 500",
    "SELECT * FROM folio_usage WHERE from_page = 5000 AND to_page = 513 LIMIT 500",
    "SELECT * FROM mapping_span(16) WHERE from_page = 513 AND to_page = 5000 LIMIT 500",
    "SELECT * FROM frame_fate('cgroup') LIMIT 2000",
    "SELECT * FROM frame LIMIT 500",
    "SELECT * FROM frame_user LIMIT 2000",
    "SELECT * FROM frame_block(512) LIMIT 500",
    "SELECT * FROM sharing_group_member",
    "SELECT * FROM ram_run LIMIT 2000",
    "SELECT * FROM ram_group",
    "SELECT * FROM ram_free_block",
    "SELECT * FROM ram_block(512) LIMIT 500",
    "SELECT c.* FROM snapshot s, page_change(1, s.id) c LIMIT 500",
    "SELECT SUM(unchanged_count) FROM change_usage(1, 2)",
    "SELECT c.* FROM snapshot s, change_usage(s.id, 1, 'rerun', 1) c LIMIT 500",
    "SELECT COUNT(*) FROM page_change(1, 2, 'same') WHERE change <> 'unchanged'",
    "SELECT m.* FROM snapshot s, process_match(1, s.id) m",
    "SELECT m.* FROM snapshot s, mapping_match(s.id, 1, 'rerun') m LIMIT 500",
    "SELECT COUNT(*) FROM mapping_match(1, 2, 'same')",
    "SELECT * FROM process_usage",
    "SELECT * FROM mapping_span(16) LIMIT 500",
    "SELECT COUNT(*), SUM(present_count) FROM mapping_span(4096)",
    "SELECT * FROM blob_check",
    "SELECT * FROM usage_check",
    "SELECT s.*, g.* FROM snapshot s LEFT JOIN gap g ON g.snapshot_id = s.id LIMIT 500",
};

// What two files have together, and what changed between them.
constexpr const char* kQuestionsToTwo[] = {
    "SELECT f.*, s.* FROM snapshot_file f JOIN snapshot s ON s.id = f.snapshot_id",
    "SELECT * FROM process_usage",
    "SELECT m.* FROM snapshot s, process_match(s.id, 1) m",
    "SELECT c.* FROM snapshot s, change_usage(1, s.id) c LIMIT 500",
    "SELECT c.* FROM snapshot s, change_usage(s.id, 1, 'rerun', 1) c LIMIT 500",
    "SELECT c.* FROM snapshot s, page_change(1, s.id, 'rerun') c LIMIT 2000",
    "SELECT COUNT(*), SUM(user_count) FROM frame",
    "SELECT table_name, key, problem FROM blob_check",
};

void Ask(const Session& session, const char* question) {
  try {
    Statement statement(session.database(), question);
    while (statement.Step()) static_cast<void>(statement.Text(0));
  } catch (const Error&) {
  }
}

void AskTables(const std::string& path, size_t part) {
  Session session(path);
  session.LimitTexts();
  for (size_t i = part; i < std::size(kQuestions); i += kTableParts) Ask(session, kQuestions[i]);
}

void AskTwoFiles(const std::string& path) {
  Session session({path, path});
  session.LimitTexts();
  for (const char* question : kQuestionsToTwo) Ask(session, question);
}

void AskReport(const std::string& path, const Report& report) {
  static FILE* const nowhere = fopen("/dev/null", "w");
  std::vector<const char*> argv = {"analyze", report.name.c_str(), path.c_str()};
  const std::vector<std::string> arguments = ReportArguments(report, path);
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const auto options = ParseAnalyzeOptions(static_cast<int>(argv.size()), argv.data());
  RunAnalyze(options.value(), {}, nowhere, nowhere);
}

void AskPart(const std::string& path, size_t part) {
  try {
    if (part < kTableParts) return AskTables(path, part);
    if (part == kTableParts) return AskTwoFiles(path);
    AskReport(path, BuiltInReports()[part - kTableParts - 1]);
  } catch (const Error&) {
  } catch (const LimitError&) {
    // The limits of TestOneInput() are lower.
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

size_t PartCount() { return kTableParts + 1 + BuiltInReports().size(); }

void AskEverything(const std::string& path, std::optional<size_t> part) {
  if (part) return AskPart(path, *part % PartCount());
  for (size_t i = 0; i < PartCount(); ++i) AskPart(path, i);
}

}  // namespace pagesnap
