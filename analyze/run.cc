#include "analyze/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/address_choice.h"
#include "analyze/background_printer.h"
#include "analyze/fail_condition.h"
#include "analyze/kernel_figures.h"
#include "analyze/no_match.h"
#include "analyze/partial_figures.h"
#include "analyze/prepared_report.h"
#include "analyze/sql_commands.h"
#include "analyze/totals.h"
#include "analyze/units.h"
#include "lib/base/memory_budget.h"
#include "lib/base/print.h"
#include "lib/base/work_limit.h"
#include "lib/query/session.h"
#include "lib/store/read/input_files.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// Where the rows go, and how.
struct Output {
  const OutputFormat& format;
  Units units;
  PrintStyle style;
  FILE* out;
  const Notes& notes;
  const PreparedReport& prepared;
  const RowChoice& choice;
  const std::string& files;
  FailCondition* condition;  // on the rows; null: none

  [[nodiscard]] bool draws() const {
    return format.has_pictures && !style.report.picture_label.empty();
  }
  [[nodiscard]] uint64_t limit() const { return choice.limit.value_or(UINT64_MAX); }
  // Prints the lines above or below a table.
  void PrintLines(const std::string& sql) const {
    if (format.for_people) WriteOutput(out, prepared.Lines(sql, files, style.terminal.medium()));
  }
};

ExitCode Worse(ExitCode code, std::string_view status) {
  if (status == "damaged" || code == kExitFailed) return kExitFailed;
  return status == "ok" || status == "moved" ? code : kExitWithGaps;
}

// Returns the columns that are printed, by their places.
std::vector<size_t> ShownColumns(const std::vector<std::string>& columns, const Output& output) {
  const size_t count = ShownCount(output.style.report, columns);
  if (!output.choice.columns.empty() && output.draws()) {
    throw UsageError("--columns: a picture has none; --format csv prints what it is drawn from");
  }
  return ChooseColumns(output.choice,
                       {columns.begin(), columns.begin() + static_cast<ptrdiff_t>(count)});
}

// Describes the columns that are printed. The first row may be empty.
std::vector<Column> DescribeShown(const std::vector<std::string>& columns,
                                  std::span<const Value> first_row,
                                  const std::vector<size_t>& shown) {
  const std::vector<Column> all = DescribeColumns(columns, first_row);
  std::vector<Column> described;
  for (const size_t place : shown) described.push_back(all[place]);
  return described;
}

// What follows the rows of a table for people.
void PrintBelow(uint64_t row_count, const Totals& totals, const Output& output) {
  if (row_count == 0) output.notes.Add("no rows");
  const std::string summary = output.prepared.Summary(totals.Known());
  if (!summary.empty()) output.notes.Add(summary);
}

// Prints the rows up to the limit; totals and the exit code are of all rows. With `sums`, which may
// be null, the rows after the limit are not read.
ExitCode PrintRows(Statement& rows, Statement* sums, const Output& output) {
  const Report& report = output.style.report;
  const std::vector<std::string> columns = rows.ColumnNames();
  auto found = std::find(columns.begin(), columns.end(), report.status_column);
  const int status = found == columns.end() ? -1 : static_cast<int>(found - columns.begin());
  const std::vector<size_t> shown = ShownColumns(columns, output);
  std::vector<Value> row;
  bool has_row = rows.Step();
  if (has_row) {
    rows.ReadRow(&row);
    PartialFigures(report, columns, row).AddNotes(output.notes);
  }
  output.PrintLines(report.heading_sql);
  BackgroundPrinter printer(MakeUnitsPrinter(output.units, DescribeShown(columns, row, shown),
                                             output.format, output.style, output.out));
  ExitCode code = kExitOk;
  Totals totals(columns, report);
  std::vector<Value> cells(shown.size());
  KernelFigures kernel_figures(report, columns, shown);
  uint64_t row_count = 0;
  for (; has_row; has_row = rows.Step()) {
    if (row_count == output.limit() && sums != nullptr) {
      row_count = std::max(totals.TakeSums(*sums), row_count + 1);
      break;
    }
    rows.ReadRow(&row);
    if (row_count < output.limit() || output.draws()) {
      for (size_t i = 0; i < shown.size(); ++i) cells[i] = row[shown[i]];
      if (output.format.has_totals && !output.draws()) kernel_figures.Fill(row, cells);
      printer.Row(cells);
    }
    ++row_count;
    totals.Add(row);
    if (output.condition != nullptr) output.condition->Add(row);
    if (status >= 0) code = Worse(code, rows.Text(status));
  }
  if (output.format.has_totals && row_count > 0) totals.Print(shown, &printer, output.notes);
  printer.Finish();
  output.PrintLines(report.footing_sql);
  FlushOutput(output.out);  // the notes that follow are about these rows
  const LeftOutColumns left = printer.LeftOut();
  output.notes.AddLeftOut(left.empty, left.others);
  output.notes.AddMoreRows(row_count - std::min(row_count, output.limit()));
  if (kernel_figures.used()) {
    output.notes.Add("* marks the kernel's own figures (smaps), where ours are unknown");
  }
  if (output.format.for_people) PrintBelow(row_count, totals, output);
  return code;
}

// Returns what --name or --path asks for, be it a parameter of the report or a choice of rows.
std::vector<std::string> Given(const AnalyzeOptions& options, const std::string& name,
                               const std::vector<std::string>& chosen) {
  const auto found = options.parameters.find(name);
  return found == options.parameters.end() ? chosen : found->second;
}

// An unknown result must not pass for a good one.
ExitCode JudgeCondition(const FailCondition& condition, const std::string& text, FILE* notes) {
  const char* verdict = !condition.holds() ? "is unknown" : *condition.holds() ? "holds" : nullptr;
  for (const std::string& column : condition.replaced()) {
    Notes(notes).Add(
        fmt::format("--fail-if: {} is unknown, so the kernel's own figure (smaps) counts", column));
  }
  if (verdict == nullptr) return kExitOk;
  PrintMessage(notes, fmt::format("analyze: --fail-if '{}' {}{}{}", text, verdict,
                                  condition.figures().empty() ? "" : ": ", condition.figures()));
  return condition.holds() ? kExitCondition : kExitWithGaps;
}

ExitCode RunLimited(const AnalyzeOptions& options, const InputFiles& input,
                    const Terminal& terminal, FILE* out, FILE* messages) {
  const std::string files = fmt::format("{}", fmt::join(options.files, " "));
  const Notes notes(messages);
  Session session(input.paths(), input.labels());
  Report report = options.report;
  if (report.is_sql()) report.sql = ExpandSql(report.sql, session);
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
  const ChosenRanges ranges =
      ChooseRanges(report, parameters, snapshots, session.reader(), database, notes);
  const PreparedReport prepared(report, options.choice, snapshots, parameters, ranges, database);
  Statement rows = prepared.Rows();
  std::optional<Statement> sums = prepared.Sums(rows.ColumnNames());
  // Before the rows, so that an error in it is reported at once.
  std::optional<FailCondition> condition;
  if (options.fail_if && report.has_own_condition()) {
    condition.emplace(*options.fail_if, report, rows.ColumnNames());
    sums.reset();  // it is about all rows
  } else if (options.fail_if) {
    const Report& source = FindReport(report.fail_if_report);
    Statement figures = prepared.Prepare(source.sql);
    condition.emplace(*options.fail_if, source, figures.ColumnNames());
    std::vector<Value> row;
    while (figures.Step()) {
      figures.ReadRow(&row);
      condition->Add(row);
    }
  }
  const PrintStyle style = {.report = report,
                            .terminal = terminal,
                            .csv_guard = options.csv_guard,
                            .human_sizes = options.units == Units::kAuto && terminal.is_terminal(),
                            .drawn_rows = options.choice.limit.value_or(UINT64_MAX)};
  const ExitCode code =
      PrintRows(rows, sums ? &*sums : nullptr,
                {*options.format, options.units, style, out, notes, prepared, options.choice, files,
                 report.has_own_condition() && condition ? &*condition : nullptr});
  // The rows that a damaged blob leaves without figures do not give the reason.
  if (const std::string damage = session.reader().damage(); !damage.empty() && !report.is_sql()) {
    notes.Add("some figures are unknown: " + damage);
  }
  if (report.own_label.empty()) {  // of the user's own rows it is not known whose names they have
    NoteNoMatch(database, snapshots, Given(options, "name", options.choice.names),
                Given(options, "path", options.choice.paths), notes);
  }
  if (report.all_frames) notes.AddWithoutRam(database, snapshots);
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
  const InputFiles input(options.files);
  int64_t bytes = 0;
  for (const std::string& path : input.paths()) bytes += FileBytes(path);
  const std::string label = input.text();
  WorkLimit work(WorkLimit::Clock::kProcess, options.no_limit ? kNoWorkLimit : WorkLimitFor(bytes),
                 label);
  const WorkScope scope(&work);
  try {
    return RunLimited(options, input, terminal, out, notes);
  } catch (const std::bad_alloc&) {
    throw LimitError(MemoryMessage(label));
  }
}

}  // namespace pagesnap
