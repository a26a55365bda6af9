// What the query engine takes on 16 million pages: 8 processes with 4 GiB of shared memory and
// 4 GiB of their own each, in random frames or in few physical runs.
//   query_bench [--pages N] [--file FILE] [--frames random|contiguous] [--only TEXT]
// prints a row for each figure: measured, target, how much of the target was used, and CPU time,
// which says more on a busy machine. Every built-in report is among them, also with its options;
// with --only, only figures with this text in their name. The snapshot is made once by the real
// capture engine and kept in the temporary directory (or FILE). Every figure is measured in a
// process of its own, so that its peak RSS is its own.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "analyze/report.h"
#include "capture/engine.h"
#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/query/session.h"
#include "lib/store/output/output_file.h"
#include "lib/store/schema.h"
#include "tests/bench/query_figures.h"
#include "tests/bench/synthetic_machine.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

constexpr uint32_t kProcesses = 8;
constexpr double kReportSeconds = 2.0;

using Frames = SyntheticMachine::Frames;
using Turnover = SyntheticMachine::Turnover;

// A file with one snapshot, or with two of a machine where something changed meanwhile.
void MakeSnapshots(const std::string& path, uint64_t pages, Frames frames, Turnover turnover) {
  SyntheticMachine machine(kProcesses, pages / 2 / kProcesses, pages / 2 / kProcesses, frames);
  OutputFile output(path, {.overwrite = true});
  Database database = Database::CreateIn(output.fd(), path);
  CreateSchema(database);
  {
    SnapshotWriter writer(database);
    CaptureRequest request;
    request.selection.pids = machine.pids();
    request.series = turnover != Turnover::kNone;
    Progress progress;
    CaptureSummary summary = Capture(request, machine, writer, progress);
    if (turnover != Turnover::kNone) {
      machine.Change(turnover);
      summary = Capture(request, machine, writer, progress);
    }
    fmt::print("made {}: {} pages, {} frames, {} gaps\n", path, HumanCount(summary.page_count),
               HumanCount(summary.frame_count), summary.gap_count);
  }
  database.Close();
  output.Publish(/*more=*/false);
}

int64_t FirstValue(const Session& session, const std::string& sql) {
  Statement statement(session.database(), sql);
  statement.Step();
  return statement.Int(0);
}

// The same question asked of plain SQL: the pages expanded into a table with an index by frame,
// pages of one frame counted by process, frames of more than one process added up by their set.
double ExpandAndAsk(Session& session, const std::string& folder) {
  const std::string path = folder + "/pagesnap-expanded.sqlite";
  std::filesystem::remove(path);
  double seconds = SecondsOf([&] {
    Database expanded = Database::CreateFile(path);
    expanded.Execute("CREATE TABLE page (pfn INTEGER, process_id INTEGER, page INTEGER)");
    expanded.Execute("BEGIN");
    {
      Statement read(session.database(),
                     "SELECT pfn, process_id, page FROM page WHERE state = 'present'");
      Statement insert(expanded, "INSERT INTO page VALUES (?,?,?)");
      while (read.Step()) insert.Run(read.Int(0), read.Int(1), read.Int(2));
    }
    expanded.Execute("COMMIT");
    expanded.Execute("CREATE INDEX page_by_pfn ON page (pfn, process_id)");
    Statement ask(expanded,
                  "SELECT pids, COUNT(*) FROM (SELECT pfn, GROUP_CONCAT(DISTINCT process_id) pids "
                  "FROM page GROUP BY pfn HAVING COUNT(DISTINCT process_id) > 1) GROUP BY pids");
    while (ask.Step()) {
    }
  });
  std::filesystem::remove(path);
  return seconds;
}

// Every built-in report as somebody would call it.
void MeasureReports(QueryFigures* bench, int64_t pid) {
  for (const Report& report : BuiltInReports()) {
    std::string command = report.name;
    if (!report.needs_one_of.empty()) {
      command += fmt::format(" --address {:#x}", SyntheticMachine::kSharedStart * 4096);
    }
    // The machine has one snapshot; all of it is compared with itself.
    if (report.scope == ReportScope::kTwo) command += " --before 1 --after 1";
    if (report.one_process) command += fmt::format(" --pid {}", pid);
    bench->Program("report " + report.name, kReportSeconds, command + " --limit 20");
  }
}

// Reports with the options that make them another question, and such a long answer that it is the
// printing which takes the time.
void MeasureOptions(QueryFigures* bench, int64_t pid, int64_t pfn) {
  for (const std::string& command : {fmt::format("processes --sort -pss_kib"),
                                     fmt::format("maps --sort -rss_kib"),
                                     fmt::format("translate --physical {:#x}", pfn * 4096),
                                     fmt::format("flags --pid {}", pid),
                                     fmt::format("flags --path '/dev/shm/*'"),
                                     fmt::format("cgroups --pid {}", pid),
                                     fmt::format("pages --pid {} --limit 20", pid),
                                     fmt::format("pages --path '/dev/shm/*' --limit 20"),
                                     fmt::format("pages --sort -page_count --limit 20"),
                                     fmt::format("pages --sort pfn --limit 20"),
                                     fmt::format("swap --by process"),
                                     fmt::format("swap --by device"),
                                     fmt::format("hugepages --by process"),
                                     fmt::format("contiguity --sort -largest_kib"),
                                     fmt::format("runs --min-length 512 --limit 20"),
                                     fmt::format("runs --sort -page_count --limit 20"),
                                     fmt::format("numa --by process"),
                                     fmt::format("numa --remote 0"),
                                     fmt::format("shared-pairs --pid {}", pid),
                                     fmt::format("timeline --by mapping --top 20")}) {
    bench->Program(command, kReportSeconds, command);
  }
  for (const char* format : {"table", "csv", "json"}) {
    bench->Program(fmt::format("pages of one process, a row a page, {}", format), kReportSeconds,
                   fmt::format("pages --pid {} --format {}", pid, format));
  }
  bench->Program("runs of one process, a row a page", kReportSeconds,
                 fmt::format("runs --pid {}", pid));
  // What rows cost when all are printed, 1.8 GB of them: no target.
  bench->Program("pages of all processes, a row a page, csv", 0, "pages --format csv");
}

// Returns how many unchanged pages are decoded to count classes and add up figures, of contents
// that both snapshots have: in a copy of the file those are damaged, so that nobody who looks finds
// a page unchanged.
double CountDecoded(const std::string& file) {
  const std::string damaged = file + "-damaged";
  std::filesystem::copy_file(file, damaged, std::filesystem::copy_options::overwrite_existing);
  ChangeFile(damaged,
             "UPDATE page_content SET checksum = ~checksum WHERE id IN ("
             "SELECT content_id FROM page_chunk c JOIN mapping m ON m.id = c.mapping_id "
             "JOIN process p ON p.id = m.process_id "
             "GROUP BY content_id HAVING COUNT(DISTINCT p.snapshot_id) = 2)");
  const auto unchanged = [](const std::string& path) {
    return FirstValue(Session(path),
                      "SELECT SUM(unchanged_count) + COALESCE(SUM(before_rss_kib), 0) * 0 "
                      "FROM change_usage(1, 2)");
  };
  const int64_t decoded = unchanged(file) - unchanged(damaged);
  std::filesystem::remove(damaged);
  return static_cast<double>(decoded);
}

// Two snapshots of which one page of a hundred changed.
void MeasureChanges(QueryFigures* bench, const std::string& path, uint64_t pages) {
  constexpr double kSeconds = 1.5;
  for (const auto& [turnover, words] :
       {std::pair(Turnover::kScattered, "pages"), {Turnover::kChunks, "chunks"}}) {
    const std::string file = fmt::format("{}-1-percent-{}", path, words);
    if (!std::filesystem::exists(file)) MakeSnapshots(file, pages, Frames::kRandom, turnover);
    const std::string figure = fmt::format("diff, 1 % of {} changed: ", words);
    bench->Program(figure + "the report", kSeconds, "diff", file);
    bench->OpenAndQuery(figure + "change_usage", kSeconds, file,
                        "SELECT * FROM change_usage(1, 2)");
    bench->OpenAndQuery(figure + "classes alone", kSeconds, file,
                        "SELECT SUM(unchanged_count) FROM change_usage(1, 2)");
    // Where single pages changed, hardly a content is the same.
    if (turnover == Turnover::kChunks) {
      bench->NoneOf(figure + "unchanged pages decoded", [&] { return CountDecoded(file); });
    }
    bench->OpenAndQuery(figure + "page_change", 0, file,
                        "SELECT change, SUM(page_count) FROM page_change(1, 2) GROUP BY 1");
    bench->OpenAndQuery(figure + "page_change, changed", 0, file,
                        "SELECT change, SUM(page_count) FROM page_change(1, 2) "
                        "WHERE change <> 'unchanged' GROUP BY 1");
  }
}

int RunBench(const std::string& path, const std::string& only, const std::string& folder,
             uint64_t pages) {
  QueryFigures bench(path, only);
  MeasureChanges(&bench, path, pages);
  const int64_t pfn = [&] {
    Session session(path);
    return FirstValue(session, "SELECT pfn FROM page WHERE process_id = 3 AND page = 0x7f0000123");
  }();
  bench.Program("open + info", 0.030, "info");
  bench.Program("processes", 1.0, "processes");
  bench.Program("maps", 1.0, "maps");
  bench.Query("SELECT * FROM mapping_usage", 1.0, "SELECT * FROM mapping_usage");
  const double sharing =
      bench.Query("SELECT * FROM sharing_group", 1.0, "SELECT * FROM sharing_group");
  bench.Query("SELECT * FROM sharing_group_member", 0, "SELECT * FROM sharing_group_member");
  bench.Query("SELECT COUNT(*) FROM page", 0.5, "SELECT COUNT(*) FROM page");
  bench.Query("page by process and address, one row", 0.005,
              "SELECT * FROM page WHERE process_id = 3 AND page = 0x7f0000123");
  const std::string users = fmt::format("SELECT * FROM frame_user WHERE pfn = {}", pfn);
  bench.Query("frame_user for one PFN, first use", 1.0, users);
  bench.Opened("frame_user for one PFN, second use", 0.001, [&](Session& session) {
    Run(session, users);
    return SecondsOf([&] { Run(session, users); });
  });
  bench.Query("frame_user grouped by pfn", 4.0,
              "SELECT COUNT(*), MAX(n) FROM (SELECT COUNT(*) AS n FROM frame_user GROUP BY pfn)");
  bench.Query("page_run, counted", 0, "SELECT COUNT(*) FROM page_run");
  {
    const Session session(path);
    const int64_t pid = FirstValue(session, "SELECT MIN(pid) FROM process WHERE mapping_count > 0");
    MeasureReports(&bench, pid);
    MeasureOptions(&bench, pid, pfn);
  }
  const double expanded = bench.Opened("the sharing question in expanded, indexed SQLite", 0,
                                       [&](Session& s) { return ExpandAndAsk(s, folder); });
  if (expanded == 0 || sharing == 0) return bench.missed() ? 1 : 0;
  const double ratio = expanded / sharing;
  fmt::print("sharing_group is {:.0f} times faster than that (target: 20)\n", ratio);
  return bench.missed() || ratio < 20 ? 1 : 0;
}

}  // namespace
}  // namespace pagesnap

int main(int argc, char** argv) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  uint64_t pages = uint64_t{16} << 20;
  const std::string folder = std::filesystem::temp_directory_path();
  std::string path;
  std::string only;
  auto frames = SyntheticMachine::Frames::kRandom;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--pages") == 0) pages = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--file") == 0) path = argv[i + 1];
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
    if (std::strcmp(argv[i], "--frames") == 0 && std::strcmp(argv[i + 1], "contiguous") == 0) {
      frames = Frames::kContiguous;
    }
  }
  if (path.empty()) {
    const char* kind = frames == Frames::kRandom ? "bench" : "bench-contiguous";
    // One that an older version has left would be measured as it is.
    path = fmt::format("{}/pagesnap-{}-{}-format-{}.pagesnap", folder, kind, pages, kFormatVersion);
  }
  try {
    if (!std::filesystem::exists(path)) MakeSnapshots(path, pages, frames, Turnover::kNone);
    return RunBench(path, only, folder, pages);
  } catch (const std::exception& error) {
    fmt::print(stderr, "query_bench: {}\n", error.what());
    return 1;
  }
}
