#include "analyze/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>
#include <utility>

#include "lib/base/error.h"

namespace pagesnap {

struct EmbeddedReport {
  const char* name;
  std::string_view (*text)();
};
// Generated from the list in analyze/CMakeLists.txt; ends with a null name.
extern const EmbeddedReport kEmbeddedReports[];

namespace {

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

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    size_t end = std::min(text.find(','), text.size());
    names.emplace_back(Trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

bool IsParameterType(const ReportParameter& parameter) {
  const std::string& type = parameter.type;
  if (type == "integer" || type == "text" || type == "address") return true;
  return !parameter.repeated && (type == "flag" || type.find('|') != std::string::npos);
}

void TakeHeaderLine(std::string_view line, Report* report) {
  auto fail = [&] {
    throw Error(
        fmt::format("report {}: the header line '-- {}' is not understood", report->name, line));
  };
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) fail();
  std::string_view key = line.substr(0, colon);
  std::string value(Trim(line.substr(colon + 1)));
  if (key == "needs one of") {
    report->needs_one_of = SplitList(value);
    return;
  }
  if (key == "form of") {
    report->name = value;
    return;
  }
  std::string word = TakeWord(&key);
  if (word == "title") {
    report->title = value;
  } else if (word == "group") {
    report->group = value;
  } else if (word == "about") {
    report->about = value;
  } else if (word == "compares") {
    if (value != "snapshots" && value != "series") fail();
    report->scope = value == "series" ? ReportScope::kAll : ReportScope::kTwo;
  } else if (word == "fail-if") {
    report->fail_if_report = value;
  } else if (word == "status") {
    report->status_column = value;
  } else if (word == "total") {
    report->total_columns = SplitList(value);
  } else if (word == "spare") {
    report->spare_columns = SplitList(value);
  } else if (word == "sparkline") {
    report->spark_columns = SplitList(value);
  } else if (word == "picture") {
    report->picture_label = TakeWord(&key);
    report->picture_gap = value;
  } else if (word == "process") {
    report->one_process = value == "one";
  } else if (word == "note") {
    report->caveats.push_back(value);
  } else if (word == "notes") {
    report->notes = value != "none";
  } else if (word == "column") {
    report->columns.push_back({TakeWord(&key), value});
  } else if (word == "parameter") {
    ReportParameter parameter{.name = TakeWord(&key), .type = TakeWord(&key)};
    parameter.repeated = TakeWord(&key) == "repeated";
    parameter.description = value;
    if (!IsParameterType(parameter)) fail();
    report->parameters.push_back(std::move(parameter));
  } else {
    fail();
  }
}

// Levenshtein distance, for suggestions.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string SqlName(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Report ParseReport(std::string name, std::string_view text) {
  Report report;
  report.name = std::move(name);
  constexpr std::string_view kSums = "\n-- sums:\n";
  const size_t rows_end = std::min(text.find(kSums), text.size());
  report.sql = std::string(text.substr(0, rows_end));
  if (rows_end < text.size()) report.sums_sql = std::string(text.substr(rows_end + kSums.size()));
  while (text.starts_with("--")) {
    size_t end = std::min(text.find('\n'), text.size());
    TakeHeaderLine(Trim(text.substr(2, end - 2)), &report);
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
  return ParseReport(std::filesystem::path(path).stem().string(), text.str());
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

const Report& FindReport(const std::string& name) {
  const std::vector<Report>& reports = BuiltInReports();
  auto by_distance = [&](const Report& a, const Report& b) {
    return Distance(a.name, name) < Distance(b.name, name);
  };
  auto nearest = std::min_element(reports.begin(), reports.end(), by_distance);
  if (nearest->name == name) return *nearest;
  throw UsageError(
      fmt::format("there is no report '{}'; the nearest is '{}', and 'analyze list' shows all",
                  name, nearest->name));
}

std::vector<std::string> FormsOf(const Report& report) {
  std::vector<std::string> forms;
  for (const Report& other : BuiltInReports()) {
    if (other.name.starts_with(report.name + " ")) forms.push_back(other.name);
  }
  return forms;
}

const Report& TakeReport(const std::string& name, std::vector<std::string>* arguments) {
  const Report& report = FindReport(name);
  for (const std::string& form : FormsOf(report)) {
    std::vector<std::string> options;
    std::string_view rest = std::string_view(form).substr(name.size());
    for (std::string word = TakeWord(&rest); !word.empty(); word = TakeWord(&rest)) {
      options.push_back(word);
    }
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
  return report;
}

}  // namespace pagesnap
