#include "analyze/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/background_printer.h"
#include "analyze/fail_condition.h"
#include "analyze/no_match.h"
#include "analyze/prepared_report.h"
#include "analyze/totals.h"
#include "lib/base/memory_budget.h"
#include "lib/base/print.h"
#include "lib/base/work_limit.h"
#include "lib/query/session.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// Where the rows go, and how.
struct Output {
  const OutputFormat& format;
  PrintStyle style;
  FILE* out;
  const Notes& notes;
};

ExitCode Worse(ExitCode code, std::string_view status) {
  if (status == "damaged" || code == kExitFailed) return kExitFailed;
  return status == "ok" || status == "moved" ? code : kExitWithGaps;
}

// Prints the rows up to the limit; totals and the exit code are of all rows. With `sums`, which may
// be null, the rows after the limit are not read.
ExitCode PrintRows(Statement& rows, Statement* sums, uint64_t limit, const Output& output) {
  const Report& report = output.style.report;
  const std::vector<std::string> columns = rows.ColumnNames();
  auto found = std::find(columns.begin(), columns.end(), report.status_column);
  const int status = found == columns.end() ? -1 : static_cast<int>(found - columns.begin());
  const size_t shown = ShownCount(report, columns);
  std::vector<Value> row;
  bool has_row = rows.Step();
  if (has_row) rows.ReadRow(&row);
  BackgroundPrinter printer(output.format.make_printer(
      DescribeColumns({columns.begin(), columns.begin() + static_cast<ptrdiff_t>(shown)}, row),
      output.style, output.out));
  ExitCode code = kExitOk;
  Totals totals(columns, report);
  uint64_t row_count = 0;
  for (; has_row; has_row = rows.Step()) {
    if (row_count == limit && sums != nullptr) {
      row_count = std::max(totals.TakeSums(*sums), row_count + 1);
      break;
    }
    rows.ReadRow(&row);
    if (row_count < limit) printer.Row(std::span(row).first(shown));
    ++row_count;
    totals.Add(row);
    if (status >= 0) code = Worse(code, rows.Text(status));
  }
  if (output.format.for_people && row_count > 0) totals.Print(&printer, output.notes);
  printer.Finish();
  FlushOutput(output.out);  // the notes that follow are about these rows
  output.notes.AddLeftOut(printer.LeftOut());
  output.notes.AddMoreRows(row_count - std::min(row_count, limit));
  if (output.format.for_people && row_count == 0) output.notes.Add("no rows");
  return code;
}

// Returns what --name or --path asks for, be it a parameter of the report or a choice of rows.
std::optional<std::string> Given(const AnalyzeOptions& options, const std::string& name,
                                 const std::optional<std::string>& chosen) {
  const auto found = options.parameters.find(name);
  if (chosen || found == options.parameters.end() || found->second.empty()) return chosen;
  return found->second.front();
}

// An unknown result must not pass for a good one.
ExitCode JudgeCondition(const FailCondition& condition, const std::string& text, FILE* notes) {
  const char* verdict = !condition.holds() ? "is unknown" : *condition.holds() ? "holds" : nullptr;
  if (verdict == nullptr) return kExitOk;
  PrintMessage(notes, fmt::format("analyze: --fail-if '{}' {}{}{}", text, verdict,
                                  condition.figures().empty() ? "" : ": ", condition.figures()));
  return condition.holds() ? kExitCondition : kExitWithGaps;
}

ExitCode RunLimited(const AnalyzeOptions& options, const Terminal& terminal, FILE* out,
                    FILE* messages) {
  const Report& report = options.report;
  const std::string files = fmt::format("{}", fmt::join(options.files, " "));
  const Notes notes(messages);
  Session session(options.files);
  const Database& database = session.database();
  const ChosenSnapshots snapshots =
      ChooseSnapshots(report.scope, options.snapshots, files, session.reader(), notes);
  const ParameterValues parameters =
      ChooseProcess(report, options.parameters, snapshots, files, database, notes);
  if (report.is_sql()) {
    CurrentWork()->Lift();  // the user decides how long this SQL may run
  } else {
    session.LimitTexts();
  }
  const PreparedReport prepared(report, options.choice, snapshots, parameters, database);
  Statement rows = prepared.Rows();
  std::optional<Statement> sums = prepared.Sums(rows.ColumnNames());
  std::optional<FailCondition> condition;
  if (options.fail_if) {  // before the rows, so that an error in it is reported at once
    Statement figures = prepared.Prepare(FindReport(report.fail_if_report).sql);
    condition.emplace(*options.fail_if, report.fail_if_report, figures);
  }
  const ExitCode code =
      PrintRows(rows, sums ? &*sums : nullptr, options.choice.limit.value_or(UINT64_MAX),
                {*options.format, {report, terminal, options.csv_guard}, out, notes});
  // The rows that a damaged blob leaves without figures do not give the reason.
  if (const std::string damage = session.reader().damage(); !damage.empty() && !report.is_sql()) {
    notes.Add("some figures are unknown: " + damage);
  }
  if (report.own_label.empty()) {  // of the user's own rows it is not known whose names they have
    NoteNoMatch(database, snapshots, Given(options, "name", options.choice.name),
                Given(options, "path", options.choice.path), notes);
  }
  for (const std::string& caveat : report.caveats) notes.Add(caveat);
  if (report.notes) {
    notes.AddShared(database, snapshots);
    notes.AddEnded(database, snapshots);
    notes.AddGaps(database, snapshots, files);
  }
  return condition ? JudgeCondition(*condition, *options.fail_if, messages) : code;
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
