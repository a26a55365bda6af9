// A report: one .sql file with a header that says what it is.
#ifndef ANALYZE_REPORT_H_
#define ANALYZE_REPORT_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

// The header is the comment lines at the top of the file:
//   -- title: TEXT
//   -- group: TEXT
//   -- about: ONE LINE
//   -- compares: snapshots  (it is about two snapshots: :before and :after)
//   -- compares: series     (it is about all snapshots)
//   -- fail-if: REPORT      (over the columns of its one row goes the expression of --fail-if;
//   "rows":
//                            over those of this report, for any row)
//   -- parameter NAME integer|text|address|range [repeated]: DESCRIPTION
//   -- parameter pid|name|path|address[: DESCRIPTION]  (of the type that it has in all reports)
//   -- parameter NAME flag: DESCRIPTION           (an option without a value: 1 when given)
//   -- parameter NAME WORD|WORD...: DESCRIPTION   (one of these words)
//   -- needs one of: NAME[, NAME...]
//   -- status: COLUMN       (ok, moved, unknown, differs or damaged in it decide the exit code)
//   -- total: COLUMN[, COLUMN...]  (a last line of the table has their sums)
//   -- complete: COLUMN[, COLUMN...]  (these have a total where it is of all rows, and no note
//                            otherwise: as a rule they are known of few)
//   -- exact: COLUMN = HIDDEN[ - HIDDEN][, ...]  (the total of this column of KiB is not the sum of
//                            its rounded rows: hidden columns are in 1/4096 bytes, and rounded
//                            once they are added up. They are the last of the SELECT, and not
//                            printed)
//   -- partial: COLUMN of COLUMN  (figures of the one row are sums of what is known: the first of
//                            these has a JSON object that says, by the names of their columns, of
//                            how many rows or processes each is, and is not printed; the second
//                            says how many there are)
//   -- limit: N              (so many rows are printed where --limit is not given)
//   -- rows: WORD            (what a row is about, as "processes", where a total is of some rows)
//   -- spare: COLUMN[, COLUMN...]  (left out first, in this order, where a terminal is too narrow)
//   -- kept: COLUMN[, COLUMN...]  (not left out as long as another is there to leave out)
//   -- wrap: COLUMN WIDTH [LINES][, ...]  (where the terminal is too narrow, texts of this column
//   go
//                            on in the next line, up to so many in all; it is no narrower than
//                            WIDTH)
//   -- kernel: COLUMN = COLUMN[, ...]  (where the first is unknown, a table has the second, marked:
//                            the kernel's own figure. Those without a line "column" are the last
//                            of the SELECT, and not printed)
//   -- sparkline: COLUMN   (its texts are '.' and digits 1 to 8, which a terminal shows as bars)
//   -- picture COLUMN: WHAT IS BETWEEN ROWS  (a table is drawn as analyze/picture.h says, with this
//                                             column beside it)
//   -- legend: LETTER STATE = COLUMN[, ...]  (the legend of the picture adds up these columns of
//   KiB
//                                             over all rows, instead of "kib" by "state")
//   -- legend column: COLUMN  (the legend adds up what is in the cells: this column has a JSON
//   array
//                            of [LETTER, STATE, KiB] for each row)
//   -- process: one        (needs --pid where several processes have memory)
//   -- frames: all          (it is about all RAM: a note says how to capture that where a snapshot
//                            has only the frames that pages refer to)
//   -- form of: REPORT OPTION...  (takes the place of REPORT where these options are given)
//   -- note: TEXT           (printed with the rows: what they cannot say)
//   -- notes: none          (the report itself says what is missing)
//   -- column NAME: DESCRIPTION, with the unit
//   -- include: PART        (what several reports share: the header lines of
//                            reports/parts/PART.sql, and after an empty line common table
//                            expressions for the SELECT)
// Then comes one SELECT. If a report has too many rows to read them all with --limit, a line
// "-- sums:" and a second SELECT follow, which gives the same sums sooner: rows with row_count and
// the columns of "total", and with name and path if the first has them, over any parts of the rows.
// Where a line "-- summary:" and a SELECT follow, its one text is a note below a table of all
// rows; in it, :total_NAME is the total of a column, NULL where none is known. No row, or NULL: no
// note.
// The texts of a SELECT after "-- heading:" are lines above the table, those of one after
// "-- footing:" lines below it; :files in them is what the user wrote. Only a table has them.
// In the SQL, :NAME is the parameter (with _ for -), NULL when it was not given; a repeated one is
// a JSON array of texts, of pids one of numbers. A range of addresses is :NAME_first and
// :NAME_last, page numbers; repeated, a JSON array of objects with these keys, "offset" in the
// first page, and is_one for a single address. :snapshot is the id of the snapshot that the report
// is about; where two are compared, :before and :after are theirs, and :snapshot is the second.
struct ReportParameter {
  std::string name;
  std::string type;
  bool repeated = false;
  std::string description = {};

  [[nodiscard]] bool is_flag() const { return type == "flag"; }
};

// The total of a column in KiB: the sum of `added`, rounded down, less that of `subtracted`.
struct ExactTotal {
  std::string column;
  std::string added = {};
  std::string subtracted = {};  // "": none
};

// A column of texts that are continued in the next line, and how narrow it may be.
struct WrappedColumn {
  std::string name;
  size_t min_width = 0;
  size_t max_lines = 0;  // 0: any; longer texts are shortened
};

// The column that has the kernel's own figure for another.
struct KernelFigure {
  std::string column;
  std::string kernel_column;
};

// A line of the legend of a picture: the KiB of a column, all of which are of this state.
struct LegendEntry {
  std::string state;
  char letter;
  std::string column;
};

// How many snapshots a report is about. kNone: the SQL of 'analyze sql' sees all of them.
enum class ReportScope { kNone, kOne, kTwo, kAll };

// The values of parameters by their names, as on the command line.
using ParameterValues = std::map<std::string, std::vector<std::string>>;

struct ReportColumn {
  std::string name;
  std::string description;
};

struct Report {
  std::string name;  // of a form, with its options: "maps --by path"
  std::string title;
  std::string group;
  std::string about;
  ReportScope scope = ReportScope::kOne;
  std::string fail_if_report;  // "": without --fail-if
  std::vector<ReportParameter> parameters;
  std::vector<std::string> needs_one_of;
  std::string status_column;
  std::vector<std::string> total_columns;
  std::vector<std::string> complete_columns;
  std::vector<ExactTotal> exact_totals;
  std::string known_counts_column;  // "": none
  std::string all_count_column;
  std::string row_noun = "rows";
  std::string default_limit;  // "": all rows
  std::vector<std::string> spare_columns;
  std::vector<std::string> kept_columns;
  std::vector<WrappedColumn> wrapped_columns;
  std::vector<KernelFigure> kernel_figures;
  std::vector<std::string> spark_columns;
  std::string picture_label;
  std::string picture_gap;
  std::vector<LegendEntry> legend;
  std::string legend_column;  // "": none
  bool one_process = false;
  bool all_frames = false;
  std::vector<std::string> caveats;  // the lines "note"
  bool notes = true;
  std::vector<ReportColumn> columns;
  std::string sql;          // the header and the SELECT
  std::string sums_sql;     // the second SELECT; empty: there is none
  std::string summary_sql;  // the SELECT of the note below the table; empty: there is none
  std::string heading_sql;  // the SELECT of the lines above the table; empty: there is none
  std::string footing_sql;  // and of those below it
  std::string own_label;    // how messages name the SQL of the user; empty: a built-in report

  // Whether --fail-if is about its own rows.
  [[nodiscard]] bool has_own_condition() const { return fail_if_report == "rows"; }
  [[nodiscard]] bool is_sql() const { return scope == ReportScope::kNone; }
};

// Returns how many of these columns of a report are printed: all but the hidden ones at the end.
size_t ShownCount(const Report& report, const std::vector<std::string>& columns);

// Returns the name of a parameter in SQL, where "-" cannot be.
std::string SqlName(std::string name);

// Reads a report file. Throws Error that quotes a header line it does not understand.
Report ParseReport(std::string name, std::string_view text);

// Returns the built-in reports in the order of analyze/CMakeLists.txt.
const std::vector<Report>& BuiltInReports();

// Reads the report in a file of the user's. Throws Error; UsageError for a second statement.
Report ReadReport(const std::string& path);

// Returns a report of the user's SQL alone. Throws UsageError for a second statement.
Report SqlReport(const std::string& sql);

// Returns the SQL of a report, ready for any connection that has the tables: :snapshot and :after
// are the last one, :before is the first, and parameters that are not bound are NULL by themselves.
std::string PasteableSql(const Report& report);

// Returns the built-in report with this name, null where there is none.
const Report* LookUpReport(std::string_view name);

// Returns the built-in report with this name. Throws UsageError, with the nearest name if one is
// near.
const Report& FindReport(const std::string& name);

// Returns the report of this name, or the form of it that options among `arguments` ask for; they
// are taken out. Throws UsageError.
const Report& TakeReport(const std::string& name, std::vector<std::string>* arguments);

// Returns the names of the forms that a report has beside its own.
std::vector<std::string> FormsOf(const Report& report);

}  // namespace pagesnap

#endif  // ANALYZE_REPORT_H_
