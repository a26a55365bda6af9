#include "analyze/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "analyze/background_printer.h"
#include "analyze/fail_condition.h"
#include "analyze/snapshot_choice.h"
#include "lib/base/memory_budget.h"
#include "lib/base/number.h"
#include "lib/base/print.h"
#include "lib/base/work_limit.h"
#include "lib/query/session.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

constexpr int kMostNotes = 3;

void CheckOneProcess(const AnalyzeOptions& options, const Session& session,
                     const ChosenSnapshots& snapshots) {
  Statement statement(session.database(),
                      "SELECT COUNT(*) FROM process WHERE snapshot_id = ? AND mapping_count > 0");
  statement.Bind(1, snapshots.back());
  statement.Step();
  if (statement.Int(0) <= 1) return;
  throw UsageError(
      fmt::format("{} shows one process, and {} has {}; say which with --pid N ('analyze processes "
                  "{}' lists them)",
                  options.report->name, FileNames(options), statement.Int(0), FileNames(options)));
}

// The process may be in any of the snapshots.
void CheckPid(const AnalyzeOptions& options, const Session& session,
              const ChosenSnapshots& snapshots) {
  auto given = options.parameters.find("pid");
  if (given == options.parameters.end()) {
    if (options.report->one_process) CheckOneProcess(options, session, snapshots);
    return;
  }
  Statement statement(session.database(),
                      "SELECT 1 FROM process WHERE snapshot_id = ? AND pid = ?");
  const bool found = std::any_of(snapshots.begin(), snapshots.end(), [&](int64_t id) {
    statement.Reset();
    statement.Bind(1, id);
    statement.Bind(2, std::string_view(given->second[0]));
    return statement.Step();
  });
  if (!found) {
    throw Error(fmt::format("process {} is not in {}; 'analyze processes {}' lists those that are",
                            given->second[0], FileNames(options), FileNames(options)));
  }
}

void BindParameters(const AnalyzeOptions& options, const ChosenSnapshots& snapshots,
                    Statement* statement) {
  statement->BindName(":snapshot", snapshots.back());
  statement->BindName(":before", snapshots.front());
  statement->BindName(":after", snapshots.back());
  for (const ReportParameter& parameter : options.report->parameters) {
    auto given = options.parameters.find(parameter.name);
    if (given == options.parameters.end()) continue;
    std::string name = ":" + SqlName(parameter.name);
    if (parameter.repeated) {
      statement->BindName(name, std::string_view(nlohmann::json(given->second).dump()));
    } else if (parameter.type == "integer" || parameter.is_flag()) {
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

// The sums of the columns that a report has totals of.
class Totals {
 public:
  Totals(const Report* report, const std::vector<std::string>& columns) : columns_(columns) {
    sums_.resize(columns.size());
    if (report == nullptr) return;
    for (const std::string& name : report->total_columns) {
      auto found = std::find(columns.begin(), columns.end(), name);
      if (found != columns.end()) sums_[found - columns.begin()] = Sum{};
    }
  }

  void Add(std::span<const Value> row) {
    for (size_t i = 0; i < sums_.size(); ++i) {
      if (!sums_[i]) continue;
      const Value& value = row[i];
      const std::optional<int64_t> number =
          value.type == ValueType::kInteger ? std::optional(value.integer) : IntegerOf(value.real);
      if (value.type == ValueType::kNull || !number ||
          __builtin_add_overflow(sums_[i]->value, *number, &sums_[i]->value)) {
        sums_[i]->unknown = true;
      }
    }
  }

  // Starts over with all rows of SumsSql(). Returns how many rows of the report those stand for.
  uint64_t TakeSums(Statement& sums) {
    for (std::optional<Sum>& sum : sums_) {
      if (sum) sum = Sum{};
    }
    uint64_t row_count = 0;
    std::vector<Value> row;
    while (sums.Step()) {
      sums.ReadRow(&row);
      Add(row);
      row_count += static_cast<uint64_t>(sums.Int(static_cast<int>(sums_.size())));
    }
    return row_count;
  }

  // A total of what is partly unknown is unknown: "-", and a note.
  void Print(Printer* printer, FILE* notes) const {
    if (std::none_of(sums_.begin(), sums_.end(), [](const auto& sum) { return sum.has_value(); })) {
      return;
    }
    std::vector<std::string> cells(sums_.size());
    std::vector<std::string> unknown;
    for (size_t i = 0; i < sums_.size(); ++i) {
      if (!sums_[i]) continue;
      cells[i] = sums_[i]->unknown ? "-" : std::to_string(sums_[i]->value);
      if (sums_[i]->unknown) unknown.push_back(columns_[i]);
    }
    auto label = std::find(cells.begin(), cells.end(), "");
    if (label != cells.end()) *label = "total";
    printer->Total(std::move(cells));
    if (unknown.empty()) return;
    PrintMessage(
        notes, fmt::format("note: no total of {}: unknown in some rows", fmt::join(unknown, ", ")));
  }

 private:
  struct Sum {
    int64_t value = 0;
    bool unknown = false;
  };
  std::vector<std::string> columns_;
  std::vector<std::optional<Sum>> sums_;
};

// Prints the rows up to the limit; totals and the exit code are of all. The rows behind the limit
// are not read where `sums`, which may be null, knows what they amount to.
ExitCode PrintRows(Statement& statement, Statement* sums, const AnalyzeOptions& options,
                   const TableStyle& style, FILE* out, FILE* notes) {
  std::vector<std::string> columns = statement.ColumnNames();
  auto found = std::find(columns.begin(), columns.end(), style.status_column);
  int status = found == columns.end() ? -1 : static_cast<int>(found - columns.begin());
  BackgroundPrinter printer(MakePrinter(options.format, columns, style, out));
  ExitCode code = kExitOk;
  Totals totals(options.report, columns);
  const uint64_t limit = options.choice.limit.value_or(UINT64_MAX);
  uint64_t row_count = 0;
  std::vector<Value> row;
  while (statement.Step()) {
    if (row_count == limit && sums != nullptr) {
      row_count = std::max(totals.TakeSums(*sums), limit + 1);
      break;
    }
    statement.ReadRow(&row);
    if (row_count < limit) printer.Row(row);
    ++row_count;
    totals.Add(row);
    if (status >= 0) code = Worse(code, statement.Text(status));
  }
  if (options.format == Format::kTable && row_count > 0) totals.Print(&printer, notes);
  printer.Finish();
  FlushOutput(out);  // the notes that follow are about these rows
  if (const std::vector<std::string> left_out = printer.LeftOut(); !left_out.empty()) {
    PrintMessage(notes,
                 fmt::format("note: the terminal is too narrow for {}; a wider one, COLUMNS=N, "
                             "a pipe or --format csv has all columns",
                             fmt::join(left_out, ", ")));
  }
  if (row_count > limit) {
    PrintMessage(notes, fmt::format("note: {} more row{}; a larger --limit shows them",
                                    row_count - limit, row_count - limit == 1 ? "" : "s"));
  }
  if (row_count == 0 && options.format == Format::kTable) PrintMessage(notes, "note: no rows");
  return code;
}

// Says what the snapshots lack, so that nobody takes a missing figure for none.
void PrintGapNotes(const Session& session, const ChosenSnapshots& snapshots,
                   const AnalyzeOptions& options, FILE* notes) {
  Statement statement(session.database(),
                      "SELECT source, reason, COUNT(DISTINCT process_id) FROM gap "
                      "WHERE snapshot_id IN (SELECT value FROM json_each(?)) "
                      "GROUP BY source, reason ORDER BY COUNT(*) DESC");
  statement.Bind(1, std::string_view(nlohmann::json(snapshots).dump()));
  for (int lines = 0; statement.Step(); ++lines) {
    if (lines == kMostNotes) {
      PrintMessage(notes, fmt::format("note: there are more gaps; 'analyze info {}' shows them",
                                      FileNames(options)));
      break;
    }
    std::string who;
    if (int64_t count = statement.Int(2); count > 0) {
      who = fmt::format(" ({} process{})", count, count == 1 ? "" : "es");
    }
    // What a freeze did not cover was read all the same.
    const char* what = statement.Text(0) == "freeze" ? "not of one instant" : "missing";
    PrintMessage(
        notes, fmt::format("note: {}{}: {}: {}", what, who, statement.Text(0), statement.Text(1)));
  }
}

}  // namespace

namespace {

Statement PrepareChoice(const Session& session, const std::string& sql, const RowChoice& choice) {
  Statement statement(session.database(), sql);
  if (choice.name) statement.BindName(":choice_name", std::string_view(*choice.name));
  if (choice.path) statement.BindName(":choice_path", std::string_view(*choice.path));
  return statement;
}

// Returns the statement for the rows that are wanted of the SELECT.
Statement Prepare(const Session& session, const std::string& sql, const RowChoice& choice,
                  bool stop_at_limit = false) {
  Statement plain(session.database(), sql);
  const std::vector<std::string> columns = plain.ColumnNames();
  if (columns.empty()) throw UsageError(fmt::format("there is no SELECT in '{}'", sql));
  if (!choice.changes_rows()) return plain;
  return PrepareChoice(session, RowChoiceSql(choice, sql, columns, stop_at_limit), choice);
}

// Returns whether the rows behind the limit need not be read.
bool HasSums(const AnalyzeOptions& options) {
  return options.choice.limit && !options.report->sums_sql.empty();
}

// Returns the statement for what all rows that are wanted amount to.
Statement PrepareSums(const Session& session, const AnalyzeOptions& options,
                      const std::vector<std::string>& columns) {
  const Report& report = *options.report;
  return PrepareChoice(session,
                       SumsSql(options.choice, report.sums_sql, columns, report.total_columns),
                       options.choice);
}

std::optional<FailCondition> ReadCondition(const AnalyzeOptions& options, const Session& session,
                                           const ChosenSnapshots& snapshots) {
  if (!options.fail_if) return std::nullopt;
  Statement figures(session.database(), FindReport(options.report->fail_if_report).sql);
  BindParameters(options, snapshots, &figures);
  return FailCondition(*options.fail_if, options.report->fail_if_report, figures);
}

// What is unknown must not pass for good.
ExitCode JudgeCondition(const FailCondition& condition, const AnalyzeOptions& options,
                        FILE* notes) {
  const char* verdict = !condition.holds() ? "is unknown" : *condition.holds() ? "holds" : nullptr;
  if (verdict == nullptr) return kExitOk;
  PrintMessage(notes, fmt::format("analyze: --fail-if '{}' {}{}{}", *options.fail_if, verdict,
                                  condition.figures().empty() ? "" : ": ", condition.figures()));
  return condition.holds() ? kExitCondition : kExitWithGaps;
}

ExitCode RunLimited(const AnalyzeOptions& options, const Terminal& terminal, FILE* out,
                    FILE* notes) {
  Session session(options.files);
  if (options.report == nullptr) {
    CurrentWork()->Lift();  // how long one's own SQL may run is for oneself to say
    Statement statement = Prepare(session, options.sql, options.choice);
    const TableStyle style = {.terminal = terminal, .csv_guard = options.csv_guard};
    return PrintRows(statement, nullptr, options, style, out, notes);
  }
  const ChosenSnapshots snapshots = ChooseSnapshots(options, session, notes);
  CheckPid(options, session, snapshots);
  session.LimitTexts();
  const Report& report = *options.report;
  std::optional<Statement> sums;
  Statement statement = Prepare(session, report.sql, options.choice, HasSums(options));
  BindParameters(options, snapshots, &statement);
  if (HasSums(options)) {
    sums = PrepareSums(session, options, statement.ColumnNames());
    BindParameters(options, snapshots, &*sums);
  }
  // Before the rows: a condition that is wrong is said at once.
  const std::optional<FailCondition> condition = ReadCondition(options, session, snapshots);
  const TableStyle style = {.terminal = terminal,
                            .status_column = report.status_column,
                            .spare_columns = report.spare_columns,
                            .picture_label = report.picture_label,
                            .picture_gap = report.picture_gap,
                            .spark_columns = report.spark_columns,
                            .csv_guard = options.csv_guard};
  ExitCode code = PrintRows(statement, sums ? &*sums : nullptr, options, style, out, notes);
  // Rows that a damaged blob leaves without figures do not say why.
  if (const std::string damage = session.reader().damage(); !damage.empty()) {
    PrintMessage(notes, fmt::format("note: some figures are unknown: {}", damage));
  }
  for (const std::string& caveat : report.caveats) PrintMessage(notes, "note: " + caveat);
  if (report.notes) PrintGapNotes(session, snapshots, options, notes);
  return condition ? JudgeCondition(*condition, options, notes) : code;
}

}  // namespace

ExitCode RunAnalyze(const AnalyzeOptions& options, const Terminal& terminal, FILE* out,
                    FILE* notes) {
  int64_t bytes = 0;
  for (const std::string& file : options.files) bytes += FileBytes(file);
  const std::string label = options.files.size() == 1
                                ? options.files.front()
                                : fmt::format("{} files", options.files.size());
  WorkLimit work(WorkLimit::Clock::kProcess, options.no_limit ? kNoWorkLimit : WorkLimitFor(bytes),
                 label);
  const WorkScope scope(&work);
  try {
    return RunLimited(options, terminal, out, notes);
  } catch (const std::bad_alloc&) {
    throw LimitError(MemoryMessage(label));
  }
}

}  // namespace pagesnap
