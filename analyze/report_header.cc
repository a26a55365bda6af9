#include "analyze/report_header.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "analyze/words.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

// Takes the next blank-separated word off `text`.
std::string TakeWord(std::string_view* text) {
  *text = WithoutBlanks(*text);
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
    {"title", &Report::title},
    {"group", &Report::group},
    {"about", &Report::about},
    {"fail-if", &Report::fail_if_report},
    {"form of", &Report::name},
    {"status", &Report::status_column},
    {"limit", &Report::default_limit},
    {"rows", &Report::row_noun},
    {"legend column", &Report::legend_column}};
constexpr std::pair<std::string_view, std::vector<std::string> Report::*> kLists[] = {
    {"needs one of", &Report::needs_one_of}, {"total", &Report::total_columns},
    {"complete", &Report::complete_columns}, {"spare", &Report::spare_columns},
    {"kept", &Report::kept_columns},         {"sparkline", &Report::spark_columns}};

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

// Takes "COLUMN WIDTH [LINES]". Returns false when it is not understood.
bool TakeWrappedColumn(std::string_view text, Report* report) {
  const std::string name = TakeWord(&text);
  const std::optional<uint64_t> width = ParseUnsigned(TakeWord(&text));
  const std::optional<uint64_t> lines = ParseUnsigned(TakeWord(&text));
  report->wrapped_columns.push_back({name, width.value_or(0), lines.value_or(0)});
  return width.has_value();
}

// Takes "COLUMN = COLUMN". Returns false when it is not understood.
bool TakeKernelFigure(std::string_view text, Report* report) {
  KernelFigure figure;
  figure.column = TakeWord(&text);
  if (TakeWord(&text) != "=") return false;
  figure.kernel_column = TakeWord(&text);
  report->kernel_figures.push_back(figure);
  return !figure.kernel_column.empty();
}

// Takes each entry of a list with `take`. Returns false when one is not understood.
bool TakeEach(const std::string& list, bool (*take)(std::string_view, Report*), Report* report) {
  return std::ranges::all_of(SplitList(list, ','),
                             [&](const std::string& entry) { return take(entry, report); });
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
  report->legend.push_back({.state = std::string(WithoutBlanks(text.substr(0, equal))),
                            .letter = letter.front(),
                            .column = std::string(WithoutBlanks(text.substr(equal + 1)))});
  return !report->legend.back().state.empty() && !report->legend.back().column.empty();
}

}  // namespace

std::string_view WithoutBlanks(std::string_view text) {
  size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

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
    return TakeEach(value, TakeExactTotal, report);
  } else if (word == "wrap") {
    return TakeEach(value, TakeWrappedColumn, report);
  } else if (word == "kernel") {
    return TakeEach(value, TakeKernelFigure, report);
  } else if (word == "legend") {
    return TakeEach(value, TakeLegendEntry, report);
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

}  // namespace pagesnap
