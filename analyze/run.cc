#include "analyze/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/number.h"
#include "lib/query/session.h"

namespace pagesnap {
namespace {

constexpr int kMostNotes = 3;

// Returns the files as they stand on the command line.
std::string Names(const AnalyzeOptions& options) {
  return fmt::format("{}", fmt::join(options.files, " "));
}

int64_t ChooseSnapshot(const AnalyzeOptions& options, Session& session, FILE* notes) {
  const std::vector<SnapshotInfo>& snapshots = session.reader().snapshots();
  if (snapshots.empty()) throw Error(fmt::format("{} has no snapshot", Names(options)));
  if (!options.snapshot) {
    if (snapshots.size() > 1) {
      fmt::print(notes, "note: {} has {} snapshots, this is the last; --snapshot N shows another\n",
                 Names(options), snapshots.size());
    }
    return snapshots.back().id;
  }
  bool exists = std::any_of(snapshots.begin(), snapshots.end(),
                            [&](const SnapshotInfo& info) { return info.id == *options.snapshot; });
  if (!exists) {
    throw Error(fmt::format("{} has no snapshot {}, only 1 to {}", Names(options),
                            *options.snapshot, snapshots.size()));
  }
  return *options.snapshot;
}

void CheckPid(const AnalyzeOptions& options, const Session& session, int64_t snapshot_id) {
  auto given = options.parameters.find("pid");
  if (given == options.parameters.end()) return;
  Statement statement(session.database(),
                      "SELECT 1 FROM process WHERE snapshot_id = ? AND pid = ?");
  statement.Bind(1, snapshot_id);
  statement.Bind(2, std::string_view(given->second[0]));
  if (!statement.Step()) {
    throw Error(fmt::format("process {} is not in {}; 'analyze processes {}' lists those that are",
                            given->second[0], Names(options), Names(options)));
  }
}

void BindParameters(const AnalyzeOptions& options, int64_t snapshot_id, Statement* statement) {
  statement->BindName(":snapshot", snapshot_id);
  for (const ReportParameter& parameter : options.report->parameters) {
    auto given = options.parameters.find(parameter.name);
    if (given == options.parameters.end()) continue;
    std::string name = ":" + parameter.name;
    if (parameter.repeated) {
      statement->BindName(name, std::string_view(nlohmann::json(given->second).dump()));
    } else if (parameter.type == "integer") {
      uint64_t number = ParseUnsigned(given->second[0]).value_or(0);
      statement->BindName(name, static_cast<int64_t>(number));
    } else {
      statement->BindName(name, std::string_view(given->second[0]));
    }
  }
}

ExitCode Worse(ExitCode code, std::string_view status) {
  if (status == "damaged" || code == kExitFailed) return kExitFailed;
  return status == "ok" ? code : kExitWithGaps;
}

// Prints all rows; `status_column` may be empty.
ExitCode PrintRows(Statement& statement, const AnalyzeOptions& options,
                   const std::string& status_column, FILE* out, FILE* notes) {
  std::vector<std::string> columns = statement.ColumnNames();
  auto found = std::find(columns.begin(), columns.end(), status_column);
  int status = found == columns.end() ? -1 : static_cast<int>(found - columns.begin());
  std::unique_ptr<Printer> printer = MakePrinter(options.format, columns, out);
  ExitCode code = kExitOk;
  uint64_t row_count = 0;
  while (statement.Step()) {
    printer->Row(statement);
    ++row_count;
    if (status >= 0) code = Worse(code, statement.Text(status));
  }
  printer->Finish();
  if (row_count == 0 && options.format == Format::kTable) fmt::print(notes, "note: no rows\n");
  return code;
}

// Says what the snapshot lacks, so that nobody takes a missing figure for none.
void PrintGapNotes(const Session& session, int64_t snapshot_id, const AnalyzeOptions& options,
                   FILE* notes) {
  Statement statement(session.database(),
                      "SELECT source, reason, COUNT(DISTINCT process_id) FROM gap "
                      "WHERE snapshot_id = ? GROUP BY source, reason ORDER BY COUNT(*) DESC");
  statement.Bind(1, snapshot_id);
  for (int lines = 0; statement.Step(); ++lines) {
    if (lines == kMostNotes) {
      fmt::print(notes, "note: there are more gaps; 'analyze info {}' shows them\n",
                 Names(options));
      break;
    }
    std::string who;
    if (int64_t count = statement.Int(2); count > 0) {
      who = fmt::format(" ({} process{})", count, count == 1 ? "" : "es");
    }
    fmt::print(notes, "note: missing{}: {}: {}\n", who, Printable(statement.Text(0)),
               Printable(statement.Text(1)));
  }
}

}  // namespace

ExitCode RunAnalyze(const AnalyzeOptions& options, FILE* out, FILE* notes) {
  Session session(options.files);
  if (options.report == nullptr) {
    Statement statement(session.database(), options.sql);
    if (statement.ColumnNames().empty()) {
      throw UsageError(fmt::format("there is no SELECT in '{}'", Printable(options.sql)));
    }
    return PrintRows(statement, options, "", out, notes);
  }
  int64_t snapshot_id = ChooseSnapshot(options, session, notes);
  CheckPid(options, session, snapshot_id);
  session.LimitWork();
  Statement statement(session.database(), options.report->sql);
  BindParameters(options, snapshot_id, &statement);
  ExitCode code = PrintRows(statement, options, options.report->status_column, out, notes);
  fflush(out);
  if (options.report->notes) PrintGapNotes(session, snapshot_id, options, notes);
  return code;
}

}  // namespace pagesnap
