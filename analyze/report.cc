#include "analyze/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

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

std::string_view Trim(std::string_view text) {
  size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// Takes the next blank-separated word off `text`.
std::string TakeWord(std::string_view* text) {
  *text = Trim(*text);
  size_t end = std::min(text->find(' '), text->size());
  std::string word(text->substr(0, end));
  text->remove_prefix(end);
  return word;
}

// What means the same in every report that has it. A report describes only what it does otherwise.
const ReportParameter kCommonParameters[] = {
    {"pid", "pids", true, "only the process with this pid, or these"},
    {"name", "text", true, "only processes with a name like this, as in 'nginx' or 'redis-*'"},
    {"path", "text", true, "only mappings of a path like this, as in '[heap]' or '*/libc.so*'"},
    {"address", "range", false,
     "only what lies in this range: A-B as in /proc/PID/maps, A+LENGTH (bytes, or K, M, G), or "
     "the page of an address A"}};

bool IsParameterType(const ReportParameter& parameter) {
  const std::string& type = parameter.type;
  if (type == "integer" || type == "text" || type == "address" || type == "range" ||
      type == "pids") {
    return true;
  }
  return !parameter.repeated && (type == "flag" || type.find('|') != std::string::npos);
}

// Takes "NAME [TYPE [repeated]]" and a description, which common parameters may lack. Returns false
// when it is not understood.
bool TakeParameter(std::string_view text, const std::string& description, Report* report) {
  ReportParameter parameter{.name = TakeWord(&text), .type = TakeWord(&text)};
  parameter.repeated = TakeWord(&text) == "repeated";
  for (const ReportParameter& common : kCommonParameters) {
    if (common.name != parameter.name || !parameter.type.empty()) continue;
    parameter = common;
  }
  if (!description.empty()) parameter.description = description;
  report->parameters.push_back(std::move(parameter));
  return IsParameterType(report->parameters.back());
}

// The header lines that are one text or one list.
constexpr std::pair<std::string_view, std::string Report::*> kTexts[] = {
    {"title", &Report::title},         {"group", &Report::group},
    {"about", &Report::about},         {"fail-if", &Report::fail_if_report},
    {"form of", &Report::name},        {"status", &Report::status_column},
    {"limit", &Report::default_limit}, {"kept", &Report::kept_column},
    {"rows", &Report::row_noun},       {"legend column", &Report::legend_column}};
constexpr std::pair<std::string_view, std::vector<std::string> Report::*> kLists[] = {
    {"needs one of", &Report::needs_one_of},
    {"total", &Report::total_columns},
    {"complete", &Report::complete_columns},
    {"spare", &Report::spare_columns},
    {"sparkline", &Report::spark_columns}};

// Takes "COLUMN = HIDDEN - HIDDEN". Returns false when it is not understood.
bool TakeExactTotal(std::string_view text, Report* report) {
  ExactTotal total{.column = TakeWord(&text)};
  if (TakeWord(&text) != "=") return false;
  total.added = TakeWord(&text);
  const std::string minus = TakeWord(&text);
  total.subtracted = TakeWord(&text);
  report->exact_totals.push_back(total);
  return !total.added.empty() && (minus == "-") == !total.subtracted.empty();
}

// Takes "COLUMN of COLUMN". Returns false when it is not understood.
bool TakePartial(std::string_view text, Report* report) {
  report->known_counts_column = TakeWord(&text);
  const bool is_of = TakeWord(&text) == "of";
  report->all_count_column = TakeWord(&text);
  return is_of && !report->all_count_column.empty();
}

// Takes "LETTER STATE = COLUMN". Returns false when it is not understood.
bool TakeLegendEntry(std::string_view text, Report* report) {
  const std::string letter = TakeWord(&text);
  const size_t equal = text.find('=');
  if (letter.size() != 1 || equal == std::string_view::npos) return false;
  report->legend.push_back({.state = std::string(Trim(text.substr(0, equal))),
                            .letter = letter.front(),
                            .column = std::string(Trim(text.substr(equal + 1)))});
  return !report->legend.back().state.empty() && !report->legend.back().column.empty();
}

// Takes the parts of a line before and after its ':'. Returns false when it is not understood.
bool TakeHeaderLine(std::string_view key, const std::string& value, Report* report) {
  std::string_view rest = key;
  const std::string word = TakeWord(&rest);
  auto is_key = [&](std::string_view name) { return word == name || key == name; };
  for (const auto& [name, text] : kTexts) {
    if (!is_key(name)) continue;
    report->*text = value;
    return true;
  }
  for (const auto& [name, list] : kLists) {
    if (!is_key(name)) continue;
    report->*list = SplitList(value, ',');
    return true;
  }
  if (word == "compares") {
    report->scope = value == "series" ? ReportScope::kAll : ReportScope::kTwo;
    return value == "snapshots" || value == "series";
  }
  if (word == "picture") {
    report->picture_label = TakeWord(&rest);
    report->picture_gap = value;
  } else if (word == "exact") {
    return std::ranges::all_of(SplitList(value, ','), [&](const std::string& total) {
      return TakeExactTotal(total, report);
    });
  } else if (word == "legend") {
    return std::ranges::all_of(SplitList(value, ','), [&](const std::string& entry) {
      return TakeLegendEntry(entry, report);
    });
  } else if (word == "partial") {
    return TakePartial(value, report);
  } else if (word == "process") {
    report->one_process = value == "one";
  } else if (key == "frames") {
    if (value != "all") return false;
    report->all_frames = true;
  } else if (word == "note") {
    report->caveats.push_back(value);
  } else if (word == "notes") {
    report->notes = value != "none";
  } else if (word == "column") {
    report->columns.push_back({TakeWord(&rest), value});
  } else if (word == "parameter") {
    return TakeParameter(rest, value, report);
  } else {
    return false;
  }
  return true;
}

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
      Trim(text.substr(begin + kInclude.size(), end - begin - kInclude.size()));
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

size_t ShownCount(const Report& report, const std::vector<std::string>& columns) {
  size_t count = columns.size();
  auto is_hidden = [&](const ExactTotal& total) {
    return total.added == columns[count - 1] || total.subtracted == columns[count - 1];
  };
  while (count > 0 && (columns[count - 1] == report.known_counts_column ||
                       std::ranges::any_of(report.exact_totals, is_hidden))) {
    --count;
  }
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
    const std::string_view line = Trim(text.substr(2, end - 2));
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string value(Trim(line.substr(std::min(colon + 1, line.size()))));
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
