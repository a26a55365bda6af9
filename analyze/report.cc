#include "analyze/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "analyze/report_header.h"
#include "analyze/words.h"
#include "lib/base/error.h"
#include "lib/base/similar.h"
#include "lib/base/text.h"

namespace pagesnap {

struct EmbeddedReport {
  const char* name;
  std::string_view (*text)();
};
// Generated from the lists in analyze/CMakeLists.txt; they end with a null name.
extern const EmbeddedReport kEmbeddedReports[];
extern const EmbeddedReport kEmbeddedParts[];

namespace {

constexpr size_t kMaxShownSql = 60;  // columns of a message

// Returns how long the header of a report or part is: the comment lines that it begins with.
size_t HeaderSize(std::string_view text) {
  size_t size = 0;
  while (text.substr(size).starts_with("--")) {
    size = std::min(text.find('\n', size), text.size() - 1) + 1;
  }
  return size;
}

// Returns the header of a part, and its common table expressions.
std::pair<std::string_view, std::string_view> FindPart(const std::string& report,
                                                       std::string_view name) {
  for (const EmbeddedReport* part = kEmbeddedParts; part->name != nullptr; ++part) {
    if (part->name != name) continue;
    const std::string_view text = part->text();
    const size_t size = HeaderSize(text);
    return {text.substr(0, size), text.substr(size + 1)};
  }
  throw Error(fmt::format("report {}: there is no part '{}' to include", report, name));
}

// Returns the text of a report with what its header line "include" stands for.
std::string WithPart(const std::string& report, std::string_view text) {
  constexpr std::string_view kInclude = "-- include:";
  const size_t size = HeaderSize(text);
  const size_t begin = text.substr(0, size).find(kInclude);
  if (begin == std::string_view::npos) return std::string(text);
  const size_t end = text.find('\n', begin);
  const std::string_view name =
      WithoutBlanks(text.substr(begin + kInclude.size(), end - begin - kInclude.size()));
  const auto [header, tables] = FindPart(report, name);
  std::string_view select = text.substr(size);
  constexpr std::string_view kWith = "WITH ";
  const bool has_tables = select.starts_with(kWith);
  if (has_tables) select.remove_prefix(kWith.size());
  return fmt::format("{}{}{}{}{}{}{}", text.substr(0, begin), header,
                     text.substr(end + 1, size - end - 1), "WITH\n",
                     tables.substr(0, tables.find_last_not_of('\n') + 1), has_tables ? ", " : "\n",
                     select);
}

// What may follow the first SELECT, each after a line with its name.
constexpr std::pair<std::string_view, std::string Report::*> kSections[] = {
    {"\n-- sums:\n", &Report::sums_sql},
    {"\n-- summary:\n", &Report::summary_sql},
    {"\n-- heading:\n", &Report::heading_sql},
    {"\n-- footing:\n", &Report::footing_sql}};

// Takes the other SELECTs off the end of a text, the last one first.
void TakeSections(std::string_view* text, Report* report) {
  while (true) {
    size_t last = 0;
    const auto* found = &kSections[0];
    for (const auto& section : kSections) {
      const size_t at = text->rfind(section.first);
      if (at == std::string_view::npos || at < last) continue;
      last = at;
      found = &section;
    }
    if (last == 0) return;
    report->*(found->second) = std::string(text->substr(last + found->first.size()));
    *text = text->substr(0, last);
  }
}

}  // namespace

namespace {

// Whether a column at the end of a report is not printed.
bool IsHidden(const Report& report, const std::string& column) {
  auto is_exact = [&](const ExactTotal& total) {
    return total.added == column || total.subtracted == column;
  };
  return column == report.known_counts_column ||
         std::ranges::any_of(report.exact_totals, is_exact) ||
         (std::ranges::find(report.kernel_figures, column, &KernelFigure::kernel_column) !=
              report.kernel_figures.end() &&
          std::ranges::find(report.columns, column, &ReportColumn::name) == report.columns.end());
}

}  // namespace

size_t ShownCount(const Report& report, const std::vector<std::string>& columns) {
  size_t count = columns.size();
  while (count > 0 && IsHidden(report, columns[count - 1])) --count;
  return count;
}

std::string SqlName(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Report ParseReport(std::string name, std::string_view own_text) {
  Report report;
  report.name = std::move(name);
  const std::string whole = WithPart(report.name, own_text);
  std::string_view text = whole;
  TakeSections(&text, &report);
  report.sql = std::string(text);
  while (text.starts_with("--")) {
    size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = WithoutBlanks(text.substr(2, end - 2));
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string value(WithoutBlanks(line.substr(std::min(colon + 1, line.size()))));
    const bool is_parameter = line.starts_with("parameter ");
    if ((colon == line.size() && !is_parameter) ||
        !TakeHeaderLine(line.substr(0, colon), value, &report)) {
      throw Error(
          fmt::format("report {}: the header line '-- {}' is not understood", report.name, line));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return report;
}

Report ReadReport(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    throw Error(fmt::format("{}: {}", path, errno != 0 ? ErrnoText(errno) : "it is empty"));
  }
  Report report = ParseReport(std::filesystem::path(path).stem().string(), text.str());
  report.own_label = path;
  report.sql = OnlyStatement(report.sql, path);
  for (const auto& [line, sql] : kSections) report.*sql = OnlyStatement(report.*sql, path);
  return report;
}

Report SqlReport(const std::string& sql) {
  Report report;
  report.name = "sql";
  report.scope = ReportScope::kNone;
  report.notes = false;
  report.own_label = fmt::format("the SQL '{}'", Shortened(Printable(sql), kMaxShownSql, false));
  report.sql = OnlyStatement(sql, report.own_label);
  return report;
}

namespace {

// Replaces a parameter of SQL by `text`.
void Replace(std::string_view parameter, std::string_view text, std::string* sql) {
  for (size_t at = 0; (at = sql->find(parameter, at)) != std::string::npos;) {
    const size_t end = at + parameter.size();
    const char next = end < sql->size() ? (*sql)[end] : ' ';
    if (isalnum(static_cast<unsigned char>(next)) || next == '_') {
      at = end;
    } else {
      sql->replace(at, parameter.size(), text);
    }
  }
}

}  // namespace

std::string PasteableSql(const Report& report) {
  std::string sql = report.sql;
  Replace(":snapshot", "(SELECT MAX(id) FROM snapshot)", &sql);
  Replace(":before", "(SELECT MIN(id) FROM snapshot)", &sql);
  Replace(":after", "(SELECT MAX(id) FROM snapshot)", &sql);
  return sql;
}

const std::vector<Report>& BuiltInReports() {
  static const std::vector<Report> kReports = [] {
    std::vector<Report> reports;
    for (const EmbeddedReport* embedded = kEmbeddedReports; embedded->name != nullptr; ++embedded) {
      reports.push_back(ParseReport(embedded->name, embedded->text()));
    }
    return reports;
  }();
  return kReports;
}

const Report* LookUpReport(std::string_view name) {
  for (const Report& report : BuiltInReports()) {
    if (report.name == name) return &report;
  }
  return nullptr;
}

const Report& FindReport(const std::string& name) {
  if (const Report* report = LookUpReport(name)) return *report;
  std::vector<std::string> names = {"list", "show", "run", "sql", "help"};
  for (const Report& report : BuiltInReports()) names.push_back(report.name);
  throw UsageError(fmt::format("there is no report '{}'{}; 'analyze list' shows all", name,
                               DidYouMean(name, names)));
}

std::vector<std::string> FormsOf(const Report& report) {
  std::vector<std::string> forms;
  for (const Report& other : BuiltInReports()) {
    if (other.name.starts_with(report.name + " ")) forms.push_back(other.name);
  }
  return forms;
}

const Report& TakeReport(const std::string& name, std::vector<std::string>* arguments) {
  for (const std::string& form : FormsOf(FindReport(name))) {
    const std::vector<std::string> options = SplitList(form.substr(name.size() + 1), ' ');
    auto at = std::search(arguments->begin(), arguments->end(), options.begin(), options.end());
    auto end = at == arguments->end() ? at : at + static_cast<ptrdiff_t>(options.size());
    if (at == arguments->end() && options.size() == 2) {  // --by=path
      at = std::find(arguments->begin(), arguments->end(), options[0] + "=" + options[1]);
      end = at == arguments->end() ? at : at + 1;
    }
    if (at != arguments->end()) {
      arguments->erase(at, end);
      return FindReport(form);
    }
    for (const std::string& argument : *arguments) {
      if (argument == options[0] || argument.starts_with(options[0] + "=")) {
        throw UsageError(fmt::format("{} {}: there is only '{}'", name, argument, form));
      }
    }
  }
  return FindReport(name);
}

}  // namespace pagesnap
