#include ".packaging/manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "analyze/help.h"
#include "capture/options.h"
#include "lib/base/error.h"
#include "lib/base/version.h"
#include "lib/store/format_tables.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

constexpr char kUsageMark[] = "Usage: ";
constexpr char kExitMark[] = "Exit codes: ";

std::string Heading(const std::string& name, int section, const std::string& manual,
                    const std::string& about) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return fmt::format(".TH {} {} \"\" \"pagesnap {}\" \"{}\"\n.SH NAME\n{} \\- {}\n", upper, section,
                     ReleaseVersion(), manual, name, EscapedForTroff(about));
}

std::string Section(const std::string& title) { return ".SH " + title + "\n"; }

// Returns lines as they are, not filled.
std::string Verbatim(const std::string& text) {
  return ".nf\n" + EscapedForTroff(text) + "\n.fi\n";
}

// `description` may have several lines, which stay lines.
std::string Entry(const std::string& term, const std::string& description) {
  std::string text;
  std::istringstream lines(description);
  for (std::string line; std::getline(lines, line);) {
    text += (text.empty() ? "" : ".br\n") + EscapedForTroff(line) + "\n";
  }
  return fmt::format(".TP\n.B {}\n{}", EscapedForTroff(term), text);
}

std::string OptionEntry(const OptionHelp& option) {
  std::string term = option.letter == '\0' ? "" : fmt::format("-{}, ", option.letter);
  term += "--" + option.name;
  if (!option.value.empty()) term += " " + option.value;
  return Entry(term, option.description);
}

// Returns the paragraphs of a text, which empty lines part.
std::vector<std::string> Paragraphs(const std::string& text) {
  std::vector<std::string> paragraphs(1);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::string& last = paragraphs.back();
    if (!line.empty()) {
      last += (last.empty() ? "" : "\n") + line;
    } else if (!last.empty()) {
      paragraphs.emplace_back();
    }
  }
  if (paragraphs.back().empty()) paragraphs.pop_back();
  return paragraphs;
}

// Returns the sections of what --help prints before the options: the usage, and prose.
std::string UsageSections(const ProgramHelp& help) {
  const std::vector<std::string> paragraphs = Paragraphs(help.usage);
  std::string synopsis;
  std::istringstream lines(paragraphs.front());
  for (std::string line; std::getline(lines, line);) {  // all begin below the first
    synopsis += line.substr(std::min(line.size(), sizeof(kUsageMark) - 1)) + "\n";
  }
  std::string text = Section("SYNOPSIS") + Verbatim(synopsis) + Section("DESCRIPTION");
  for (size_t i = 1; i < paragraphs.size(); ++i) {
    if (i > 1) text += ".PP\n";
    text += EscapedForTroff(paragraphs[i]) + "\n";
  }
  return text;
}

std::string ExitSection(const ProgramHelp& help) {
  std::string codes =
      help.exit_codes.substr(help.exit_codes.find(kExitMark) + sizeof(kExitMark) - 1);
  return Section("\"EXIT STATUS\"") + EscapedForTroff(codes) + "\n";
}

std::string SeeAlso(const std::string& pages) {
  return Section("\"SEE ALSO\"") + EscapedForTroff(pages) + "\n";
}

std::string CapturePage() {
  const ProgramHelp help = CaptureHelp();
  std::string page =
      Heading("capture", 1, "User Commands", "capture the memory layout of processes");
  page += UsageSections(help) + Section("OPTIONS");
  for (const OptionHelp& option : help.options) page += OptionEntry(option);
  return page + ExitSection(help) +
         SeeAlso("analyze(1), pagesnap(5), proc(5), proc_pid_pagemap(5)");
}

bool IsSame(const OptionHelp& one, const OptionHelp& other) {
  return one.name == other.name && one.value == other.value && one.description == other.description;
}

bool Contains(const std::vector<OptionHelp>& options, const OptionHelp& wanted) {
  return std::any_of(options.begin(), options.end(),
                     [&](const OptionHelp& option) { return IsSame(option, wanted); });
}

// Returns the options that all reports have.
std::vector<OptionHelp> CommonOptions() {
  std::vector<OptionHelp> common = ReportOptions(BuiltInReports().front());
  for (const Report& report : BuiltInReports()) {
    const std::vector<OptionHelp> options = ReportOptions(report);
    std::erase_if(common, [&](const OptionHelp& option) { return !Contains(options, option); });
  }
  return common;
}

std::string ReportText(const Report& report, const std::vector<OptionHelp>& common) {
  std::string text = fmt::format(".SS \"analyze {}\"\n{}.\n", EscapedForTroff(report.name),
                                 EscapedForTroff(report.about));
  for (const std::string& caveat : report.caveats) {
    text += fmt::format(".PP\nNote: {}.\n", EscapedForTroff(caveat));
  }
  bool has_options = false;
  for (const OptionHelp& option : ReportOptions(report)) {
    if (Contains(common, option)) continue;
    if (!has_options) text += ".PP\nOptions:\n.RS\n";
    has_options = true;
    text += OptionEntry(option);
  }
  if (has_options) text += ".RE\n";
  text += ".PP\nColumns:\n.RS\n";
  for (const ReportColumn& column : report.columns) text += Entry(column.name, column.description);
  return text + ".RE\n";
}

std::string AnalyzePage() {
  const ProgramHelp help = AnalyzeHelp();
  std::string page =
      Heading("analyze", 1, "User Commands", "report on a snapshot of memory layouts");
  page += UsageSections(help) + Section("OPTIONS") + "Every report has these.\n";
  const std::vector<OptionHelp> common = CommonOptions();
  for (const OptionHelp& option : common) page += OptionEntry(option);
  std::string group;
  for (const Report& report : BuiltInReports()) {
    if (report.group != group) {
      group = report.group;
      page += Section("\"REPORTS: " + EscapedForTroff(group) + "\"");
    }
    page += ReportText(report, common);
  }
  return page + ExitSection(help) + SeeAlso("capture(1), pagesnap(5)");
}

std::string FormatPage() {
  std::string page =
      Heading("pagesnap", 5, "File Formats", "snapshot of the memory layout of processes");
  page += Section("DESCRIPTION");
  page += EscapedForTroff(fmt::format(
      "A file that capture(1) writes is an SQLite 3 database with application_id {:#x} and, as "
      "user_version, the format version: {} in this release. Sizes are in the unit that a name or "
      "a "
      "comment says; a page is a virtual page, a frame a physical one, both counted in units of "
      "snapshot.page_size.\n",
      kApplicationId, kFormatVersion));
  page += "\n" + Section("TABLES");
  for (const TableText& table : ReadTables(TablesSql())) {
    page += fmt::format(".SS {}\n{}\n", table.name, EscapedForTroff(table.about));
    for (const TableText::Column& column : table.columns)
      page += Entry(column.name, column.description);
  }
  return page + SeeAlso("capture(1), analyze(1), sqlite3(1)");
}

}  // namespace

std::string EscapedForTroff(std::string_view text) {
  // What troff prints otherwise as typographic characters, or takes for an escape or a quotation.
  struct Special {
    char character;
    const char* escape;
  };
  static constexpr Special kSpecial[] = {{'\\', "\\e"},   {'-', "\\-"},   {'"', "\\(dq"},
                                         {'\'', "\\(aq"}, {'`', "\\(ga"}, {'^', "\\(ha"},
                                         {'~', "\\(ti"}};
  std::string escaped;
  bool line_begins = true;
  for (const char c : text) {
    // At the beginning of a line these would be a request.
    if (line_begins && (c == '.' || c == '\'')) escaped += "\\&";
    line_begins = c == '\n';
    const auto* special = std::find_if(std::begin(kSpecial), std::end(kSpecial),
                                       [c](const auto& one) { return one.character == c; });
    if (special == std::end(kSpecial)) {
      escaped += c;
    } else {
      escaped += special->escape;
    }
  }
  while (escaped.ends_with('\n')) escaped.pop_back();
  return escaped;
}

std::string ManualPage(const std::string& name) {
  if (name == "capture") return CapturePage();
  if (name == "analyze") return AnalyzePage();
  if (name == "pagesnap") return FormatPage();
  throw Error("there is no page '" + name + "'; there are capture, analyze and pagesnap");
}

}  // namespace pagesnap
