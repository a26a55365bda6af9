#include "analyze/complete.h"

#include <optional>

#include "analyze/help.h"
#include "analyze/printer.h"
#include "analyze/words.h"
#include "lib/base/completion.h"
#include "lib/base/error.h"
#include "lib/query/session.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

Completion ReportWords() {
  Completion completion;
  for (const Report& report : BuiltInReports()) {
    // A form of a report is chosen by its options.
    if (report.name.find(' ') == std::string::npos) {
      completion.words.push_back({report.name, report.about});
    }
  }
  return completion;
}

Completion CommandWords() {
  Completion completion = ReportWords();
  for (Completion::Word& word : std::vector<Completion::Word>{
           {"list", "the reports"},
           {"help", "the options and columns of a report"},
           {"show", "the SQL of a report"},
           {"run", "a report of your own"},
           {"sql", "your own question"},
           {"--help", "the usage, and the exit codes"},
           {"--version", "the version"},
       }) {
    completion.words.push_back(std::move(word));
  }
  completion.files = "snapshot";
  return completion;
}

// Returns what the first two columns of `sql` have in the snapshots of the files.
Completion WordsOf(const std::vector<std::string>& files, const char* sql) {
  Completion completion;
  if (files.empty()) return completion;
  try {
    const Session session(files);
    Statement statement(session.database(), sql);
    while (statement.Step()) {
      completion.words.push_back({std::string(statement.Text(0)), std::string(statement.Text(1))});
    }
  } catch (const Error&) {
    return {};  // the report will say what is wrong
  }
  return completion;
}

Completion ColumnWords(const Report& report) {
  Completion completion;
  for (const char* sign : {"", "-"}) {
    for (const ReportColumn& column : report.columns) {
      completion.words.push_back({sign + column.name, column.description});
    }
  }
  return completion;
}

Completion FormatWords() {
  Completion completion;
  for (const OutputFormat& format : OutputFormats()) {
    completion.words.push_back({std::string(format.name), std::string(format.about)});
  }
  return completion;
}

Completion ValueWords(const Report& report, const CursorPlace& place) {
  const std::string& option = place.value_of->name;
  if (option == "sort") return ColumnWords(report);
  if (option == "format") return FormatWords();
  if (option == "pid") {
    return WordsOf(place.operands, "SELECT CAST(pid AS TEXT), MAX(name) FROM process GROUP BY pid");
  }
  if (option == "name") {
    return WordsOf(place.operands,
                   "SELECT name, COUNT(*) || ' processes' FROM process GROUP BY name");
  }
  if (option == "snapshot" || option == "before" || option == "after") {
    return WordsOf(place.operands,
                   "SELECT CAST(id AS TEXT), datetime(wall_time_ns / 1000000000, 'unixepoch') "
                   "FROM snapshot");
  }
  return ChoiceWords(*place.value_of);
}

// Returns the options that choose another form of a report: of "maps --by path" --by, with the
// choice of path.
std::vector<OptionHelp> FormOptions(const Report& report) {
  std::vector<OptionHelp> options;
  for (const std::string& form : FormsOf(report)) {
    const std::vector<std::string> words = SplitList(form, ' ');
    options.push_back({.name = words[1].substr(2),
                       .value = words.size() > 2 ? words[2] : "",
                       .description = FindReport(form).about});
  }
  return options;
}

// Returns the report that a command begins with; takes the words that choose it out of `rest`.
// Throws Error.
Report ReportOf(const std::string& command, std::vector<std::string>* rest) {
  if (command == "sql") return SqlReport("");
  if (command == "run") {
    const Report report = ReadReport(rest->front());
    rest->erase(rest->begin());
    return report;
  }
  // The last word need not be complete.
  std::vector<std::string> complete(rest->begin(), rest->end() - 1);
  try {
    const Report& report = TakeReport(command, &complete);
    complete.push_back(rest->back());
    *rest = complete;
    return report;
  } catch (const UsageError&) {
    return FindReport(command);  // "maps --by" has no value yet
  }
}

}  // namespace

std::string CompleteAnalyze(const std::vector<std::string>& words) {
  if (words.size() < 2) return CompletionText(CommandWords(), {});
  const std::string& command = words.front();
  std::vector<std::string> rest(words.begin() + 1, words.end());
  if (command == "show" || command == "help")
    return CompletionText(rest.size() == 1 ? ReportWords() : Completion{}, {});
  if (command == "run" && rest.size() == 1)
    return CompletionText({.words = {}, .files = "file"}, {});
  std::optional<Report> report;
  try {
    report = ReportOf(command, &rest);
  } catch (const Error&) {
    return "";
  }
  std::vector<OptionHelp> options = ReportOptions(*report);
  for (OptionHelp& option : FormOptions(*report)) options.push_back(std::move(option));
  const CursorPlace place = FindCursor(options, rest);
  if (place.value_of != nullptr) return CompletionText(ValueWords(*report, place), place);
  return CompletionText(
      place.is_option ? OptionWords(options) : Completion{.words = {}, .files = "snapshot"}, place);
}

}  // namespace pagesnap
