#include "analyze/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include "analyze/words.h"
#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/print.h"

namespace pagesnap {
namespace {

namespace po = boost::program_options;

constexpr char kUsage[] =
    "Usage: analyze REPORT FILE... [options]\n"
    "       analyze list                  the reports\n"
    "       analyze show REPORT           its SQL, ready to paste\n"
    "       analyze diff BEFORE AFTER     what changed between two files, or snapshots of one\n"
    "       analyze run MINE.sql FILE...  a report of your own, written like those\n"
    "       analyze sql FILE... 'SELECT ...' your own question\n"
    "       analyze REPORT --help         a report's options and columns\n"
    "\n"
    "Answers questions from a file that 'capture' wrote, on any machine, without root.\n"
    "\n"
    "Several files are read as one: their snapshots are numbered from the first file on.\n"
    "Options: --format {},\n"
    "--csv-guard, --snapshot N (default: the last one), --sort COLUMN or --sort -COLUMN,\n"
    "--limit N, --name GLOB and --path GLOB on the columns of these names, and those of the\n"
    "report.\n"
    "Exit codes: 0 done; 1 failed, also to write all of the answer, or 'check' found damage; 2\n"
    "the command line is wrong; 3 'check' found figures that differ from the kernel's or cannot\n"
    "be compared, or what --fail-if needs is unknown; 4 the condition of --fail-if holds.\n";

void PrintList() {
  std::string text;
  std::string group;
  for (const Report& report : BuiltInReports()) {
    if (report.group != group) text += (group.empty() ? "" : "\n") + report.group + "\n";
    group = report.group;
    text += fmt::format("  {:<17} {}\n", report.name, report.about);
  }
  WriteOutput(stdout, text + "\n'analyze REPORT --help' shows a report's options and columns.\n");
}

// `list` is the parameters or the columns of a report.
bool Has(const auto& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(), [&](const auto& one) { return one.name == name; });
}

auto Text(const std::string& value_name) {
  return po::value<std::string>()->value_name(value_name);
}

void AddSnapshotOptions(const Report& report, po::options_description* description) {
  auto add = description->add_options();
  if (report.scope == ReportScope::kOne) {
    add("snapshot", Text("N"), "the snapshot, numbered from 1 over all files; by default the last");
  } else if (report.scope == ReportScope::kTwo) {
    add("before", Text("N"),
        "the first of the two snapshots, numbered from 1 over all files; by default the last one "
        "of the first file, or the first one of a single file");
    add("after", Text("N"), "the second of the two; by default the last of all");
  }
  if (!report.fail_if_report.empty()) {
    add("fail-if", Text("EXPRESSION"),
        fmt::format("exit with 4 when this holds: SQL over the columns of '{}', as in "
                    "'rss_kib > 10240'",
                    report.fail_if_report)
            .c_str());
  }
}

po::options_description Describe(const Report& report) {
  po::options_description description("Options", 100);
  auto add = description.add_options();
  const std::string default_format(OutputFormats().front().name);
  std::string formats;
  for (const OutputFormat& format : OutputFormats()) {
    formats += fmt::format("{}{}: {}", formats.empty() ? "" : "\n", format.name, format.about);
  }
  add("format", Text("FORMAT")->default_value(default_format), formats.c_str());
  add("csv-guard",
      "for spreadsheets: put ' before texts that begin with = + - @; without it CSV is exact");
  AddSnapshotOptions(report, &description);
  add("limit", Text("N"), "print at most N rows");
  add("sort", Text("COLUMN"), "sort by this column; with a leading '-', the largest first");
  for (const char* name : {"name", "path"}) {
    // A report that has it as a parameter chooses what it reads, not only which rows it shows. A
    // user's own report need not declare its columns.
    if (Has(report.parameters, name)) continue;
    if (!report.columns.empty() && !Has(report.columns, name)) continue;
    add(name, Text("GLOB"),
        fmt::format("only rows whose {} is this, or like it as in '*server*'", name).c_str());
  }
  add("no-limit", "take as much CPU time as is needed: for a file that you trust");
  add("help,h", "print this");
  for (const ReportParameter& parameter : report.parameters) {
    std::string text = parameter.description;
    if (parameter.repeated) text += "; may be repeated";
    if (parameter.is_flag()) {
      add(parameter.name.c_str(), text.c_str());
    } else {
      add(parameter.name.c_str(), po::value<std::vector<std::string>>()->value_name(parameter.type),
          text.c_str());
    }
  }
  return description;
}

void PrintReportHelp(const Report& report, const po::options_description& description) {
  std::ostringstream options;
  options << description;
  if (report.is_sql()) {
    WriteOutput(stdout, "Usage: analyze sql FILE... 'SELECT ...' [options]\n\n" + options.str());
    return;
  }
  std::string text = fmt::format("Usage: analyze {} FILE... [options]\n\n{}\n\n{}\n",
                                 Printable(report.name), report.about, options.str());
  for (const std::string& form : FormsOf(report)) {
    text += fmt::format("Another form: analyze {} FILE...\n\n", form);
  }
  text += "Columns:\n";
  for (const ReportColumn& column : report.columns) {
    text += fmt::format("  {:<20} {}\n", column.name, column.description);
  }
  WriteOutput(stdout, PrintableLines(text));  // the report may be the user's own
}

constexpr char kWholeNumber[] = "a whole number from 0";

// Returns what is wanted of a value of this type, empty when it is one.
std::string WhatIsWanted(const std::string& type, const std::string& value) {
  if (type == "integer") return ParseUnsigned(value) ? "" : kWholeNumber;
  if (type == "address") {
    return ParseAddress(value) ? "" : "an address: 0x and hexadecimal digits, or a decimal number";
  }
  const std::vector<std::string> choices = SplitList(type, '|');
  const bool is_choice = std::find(choices.begin(), choices.end(), value) != choices.end();
  return choices.size() < 2 || is_choice ? "" : fmt::format("{}", fmt::join(choices, " or "));
}

void CheckParameter(const ReportParameter& parameter, const std::vector<std::string>& values) {
  if (values.size() > 1 && !parameter.repeated) {
    throw UsageError(fmt::format("--{} was given twice", parameter.name));
  }
  for (const std::string& value : values) {
    const std::string wanted = WhatIsWanted(parameter.type, value);
    if (wanted.empty()) continue;
    throw UsageError(fmt::format("--{} {}: that is not {}", parameter.name, value, wanted));
  }
}

std::optional<int64_t> TakeNumber(const po::variables_map& variables, const char* name) {
  if (!variables.count(name)) return std::nullopt;
  std::optional<uint64_t> number = ParseUnsigned(variables[name].as<std::string>());
  if (!number || *number > INT32_MAX) {
    throw UsageError(fmt::format("--{} takes a number from 1", name));
  }
  return static_cast<int64_t>(*number);
}

RowChoice TakeRowChoice(const po::variables_map& variables, const Report& report) {
  RowChoice choice;
  auto text = [&](const char* name) -> std::optional<std::string> {
    if (!variables.count(name) || Has(report.parameters, name)) return std::nullopt;
    return variables[name].as<std::string>();
  };
  if (std::optional<std::string> limit = text("limit")) {
    choice.limit = ParseUnsigned(*limit);
    if (!choice.limit) {
      throw UsageError(fmt::format("--limit {}: that is not {}", *limit, kWholeNumber));
    }
  }
  choice.sort = text("sort").value_or("");
  choice.name = text("name");
  choice.path = text("path");
  return choice;
}

ParameterValues TakeParameters(const po::variables_map& variables, const Report& report) {
  ParameterValues taken;
  for (const ReportParameter& parameter : report.parameters) {
    if (!variables.count(parameter.name)) continue;
    if (parameter.is_flag()) {
      taken[parameter.name] = {"1"};
      continue;
    }
    auto values = variables[parameter.name].as<std::vector<std::string>>();
    CheckParameter(parameter, values);
    taken[parameter.name] = std::move(values);
  }
  bool has_needed = report.needs_one_of.empty() ||
                    std::any_of(report.needs_one_of.begin(), report.needs_one_of.end(),
                                [&](const auto& name) { return taken.count(name); });
  if (!has_needed) {
    throw UsageError(
        fmt::format("{} needs --{}", report.name, fmt::join(report.needs_one_of, " or --")));
  }
  return taken;
}

// Returns why a report has not an option that most reports have, empty for any other option.
std::string WhyNot(const Report& report, const std::string& option) {
  if (option == "--snapshot") {
    if (report.is_sql()) return "its SQL chooses, as in 'WHERE snapshot_id = 1'";
    return report.scope == ReportScope::kTwo ? "it compares two, which --before and --after name"
                                             : "it is about all of them";
  }
  if (option != "--pid" && option != "--name" && option != "--path") return "";
  if (report.one_process) return "--pid says which process it is about";
  return option == "--path" ? "its rows are not of single mappings"
                            : "its rows are not of single processes";
}

[[noreturn]] void ThrowUnknownOption(const Report& report, const po::unknown_option& error) {
  const std::string option = error.get_option_name().substr(0, error.get_option_name().find('='));
  const std::string why_not = WhyNot(report, option);
  if (why_not.empty()) throw UsageError(error.what());
  throw UsageError(fmt::format("{} has no {}: {}; 'analyze {} --help' shows what it has",
                               report.name, option, why_not, report.name));
}

// Parses what follows the command's name; for 'analyze run', what follows the report's file.
std::optional<AnalyzeOptions> ParseRest(const Report& report, const std::string& command,
                                        std::vector<std::string> arguments) {
  po::options_description description = Describe(report);
  po::options_description all;
  all.add(description).add_options()("operand", po::value<std::vector<std::string>>());
  po::positional_options_description operands;
  operands.add("operand", -1);
  // SQL may begin with a comment, which is no option.
  auto comment = report.is_sql()
                     ? std::find_if(arguments.begin(), arguments.end(),
                                    [](const std::string& text) { return text.starts_with("-- "); })
                     : arguments.end();
  std::optional<std::string> sql;
  if (comment != arguments.end()) {
    sql = *comment;
    arguments.erase(comment);
  }
  po::variables_map variables;
  po::store(po::command_line_parser(arguments).options(all).positional(operands).run(), variables);
  po::notify(variables);
  if (variables.count("help")) {
    PrintReportHelp(report, description);
    return std::nullopt;
  }
  std::vector<std::string> given;
  if (variables.count("operand")) given = variables["operand"].as<std::vector<std::string>>();
  if (sql) given.push_back(*sql);
  size_t wanted = report.is_sql() ? 2 : 1;
  if (given.size() < wanted) {
    throw UsageError(given.empty() ? fmt::format("{}: say which file", command)
                                   : std::string("sql: say what to ask, as in 'SELECT ...'"));
  }
  AnalyzeOptions options;
  options.report = report;
  if (report.is_sql()) {
    options.report = SqlReport(given.back());
    given.pop_back();
  }
  options.files = std::move(given);
  options.format = &FindFormat(variables["format"].as<std::string>());
  options.csv_guard = variables.count("csv-guard") > 0;
  if (options.csv_guard && !options.format->has_guard) {
    throw UsageError("--csv-guard goes with --format csv");
  }
  options.snapshots = {.one = TakeNumber(variables, "snapshot"),
                       .before = TakeNumber(variables, "before"),
                       .after = TakeNumber(variables, "after")};
  if (variables.count("fail-if")) options.fail_if = variables["fail-if"].as<std::string>();
  options.no_limit = variables.count("no-limit") != 0;
  options.choice = TakeRowChoice(variables, report);
  options.parameters = TakeParameters(variables, report);
  return options;
}

}  // namespace

std::optional<AnalyzeOptions> ParseAnalyzeOptions(int argc, const char* const* argv) {
  if (argc < 2) throw UsageError("say which report, and of which file");
  std::string command = argv[1];
  if (command.empty()) throw UsageError("say which report, and of which file");
  if (command == "--help" || command == "-h" || command == "help") {
    WriteOutput(stdout, fmt::format(kUsage, FormatNames()));
    return std::nullopt;
  }
  if (command == "--version") {
    WriteOutput(stdout, fmt::format("analyze (pagesnap) {}\n", PAGESNAP_VERSION));
    return std::nullopt;
  }
  if (command == "list") {
    PrintList();
    return std::nullopt;
  }
  if (command == "show") {
    if (argc < 3) throw UsageError("show: say which report, and nothing else");
    const std::vector<std::string> name(argv + 2, argv + argc);  // "maps --by path"
    WriteOutput(stdout, PasteableSql(FindReport(fmt::format("{}", fmt::join(name, " ")))));
    return std::nullopt;
  }
  if (command == "run" && argc < 3) {
    throw UsageError("run: say which .sql file, and which snapshot file");
  }
  std::vector<std::string> arguments(argv + (command == "run" ? 3 : 2), argv + argc);
  const Report report = command == "sql"   ? SqlReport("")
                        : command == "run" ? ReadReport(argv[2])
                                           : TakeReport(command, &arguments);
  try {
    return ParseRest(report, command, std::move(arguments));
  } catch (const po::unknown_option& error) {
    ThrowUnknownOption(report, error);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace pagesnap
