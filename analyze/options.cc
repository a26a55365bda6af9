#include "analyze/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <cerrno>
#include <cstdio>
#include <sstream>

#include "analyze/command_line.h"
#include "analyze/complete.h"
#include "analyze/help.h"
#include "analyze/report_options.h"
#include "analyze/words.h"
#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/print.h"
#include "lib/base/similar.h"
#include "lib/base/version.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

namespace po = boost::program_options;

po::options_description DescribeOptions(const Report& report) {
  constexpr unsigned kHelpColumns = 100;
  po::options_description description("Options", kHelpColumns);
  auto add = description.add_options();
  for (const ReportOption& option : OptionsOf(report)) {
    const char* name = option.name.c_str();
    const char* text = option.description.c_str();
    if (option.value_name.empty()) {
      add(name, text);
    } else if (option.is_repeated) {
      add(name, po::value<std::vector<std::string>>()->value_name(option.value_name), text);
    } else {
      auto* value = po::value<std::string>()->value_name(option.value_name);
      if (!option.default_value.empty()) value->default_value(option.default_value);
      add(name, value, text);
    }
  }
  return description;
}

void PrintHelpOf(const Report& report) {
  std::ostringstream options;
  options << DescribeOptions(report);
  PrintReportHelp(report, options.str());
}

constexpr char kWholeNumber[] = "a whole number from 0";

// Returns what is wanted of a range of addresses, empty when it is one.
std::string WhatIsWantedOfRange(const std::string& value) {
  if (ParseAddressRange(value)) return "";
  const size_t minus = value.find('-', 1);
  const size_t plus = value.find('+', 1);
  if (minus != std::string::npos && ParseAddressRange(value.substr(0, minus) + "+1", 16) &&
      ParseAddressRange(value.substr(minus + 1) + "+1", 16)) {
    return "a range: its end must be behind its start";
  }
  if (plus != std::string::npos && ParseAddressRange(value.substr(0, plus), 16)) {
    return "an address and a length, which is in bytes or has K, M, G or T, as in 0x7f1000+8K";
  }
  return "an address (0x7f1234), a range as in /proc/PID/maps (7f1000-7f3000), or an address "
         "and how many bytes (0x7f1000+8K)";
}

// Returns what is wanted of a value of this type, empty when it is one.
std::string WhatIsWanted(const std::string& type, const std::string& value) {
  if (type == "integer" || type == "pids") return ParseUnsigned(value) ? "" : kWholeNumber;
  if (type == "address") {
    return ParseAddress(value) ? "" : "an address: 0x and hexadecimal digits, or a decimal number";
  }
  if (type == "range") return WhatIsWantedOfRange(value);
  const std::vector<std::string> choices = SplitList(type, '|');
  const bool is_choice = std::find(choices.begin(), choices.end(), value) != choices.end();
  return choices.size() < 2 || is_choice ? "" : fmt::format("{}", fmt::join(choices, " or "));
}

// Returns the values of a parameter one by one. Throws UsageError.
std::vector<std::string> TakeValues(const ReportParameter& parameter,
                                    const std::vector<std::string>& given) {
  if (given.size() > 1 && !parameter.repeated) {
    throw UsageError(fmt::format("--{} was given twice", parameter.name));
  }
  std::vector<std::string> values;
  for (const std::string& text : given) {
    std::vector<std::string> parts = {text};
    if (parameter.type == "pids" && !text.empty()) parts = SplitList(text, ',');
    for (std::string& value : parts) {
      const std::string wanted = WhatIsWanted(parameter.type, value);
      if (!wanted.empty()) {
        throw UsageError(fmt::format("--{} {}: that is not {}", parameter.name, value, wanted));
      }
      values.push_back(std::move(value));
    }
  }
  return values;
}

std::optional<int64_t> TakeNumber(const po::variables_map& variables, const char* name) {
  if (!variables.count(name)) return std::nullopt;
  std::optional<uint64_t> number = ParseUnsigned(variables[name].as<std::string>());
  if (!number || *number > INT32_MAX) {
    throw UsageError(fmt::format("--{} {}: that is not a number from 1", name,
                                 variables[name].as<std::string>()));
  }
  return static_cast<int64_t>(*number);
}

std::optional<bool> TakeColour(const std::string& when) {
  if (when == "auto") return std::nullopt;
  if (when == "always" || when == "never") return when == "always";
  throw UsageError(fmt::format("--color {}: that is not auto, always or never", when));
}

RowChoice TakeRowChoice(const po::variables_map& variables, const Report& report) {
  RowChoice choice;
  auto has = [&](const char* name) {
    return variables.count(name) > 0 &&
           !std::ranges::any_of(report.parameters,
                                [&](const auto& parameter) { return parameter.name == name; });
  };
  auto texts = [&](const char* name) -> std::vector<std::string> {
    if (!has(name)) return {};
    return variables[name].as<std::vector<std::string>>();
  };
  std::string limit = report.default_limit;
  if (has("limit")) limit = variables["limit"].as<std::string>();
  if (!limit.empty()) {
    choice.limit = ParseUnsigned(limit);
    if (!choice.limit) {
      throw UsageError(fmt::format("--limit {}: that is not {}", limit, kWholeNumber));
    }
  }
  if (has("sort")) choice.sort = variables["sort"].as<std::string>();
  choice.names = texts("name");
  choice.paths = texts("path");
  for (const std::string& list : texts("columns")) {
    for (std::string& column : SplitList(list, ',')) choice.columns.push_back(std::move(column));
  }
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
    taken[parameter.name] =
        TakeValues(parameter, variables[parameter.name].as<std::vector<std::string>>());
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

[[noreturn]] void ThrowUnknownOption(const Report& report, const po::unknown_option& error) {
  const std::string option = error.get_option_name().substr(0, error.get_option_name().find('='));
  const std::string why_not = WhyNotOption(report, option);
  if (!why_not.empty()) {
    throw UsageError(fmt::format("{} has no {}: {}; 'analyze help {}' shows what it has",
                                 report.name, option, why_not, report.name));
  }
  std::vector<std::string> names;
  for (const ReportOption& known : OptionsOf(report)) {
    names.push_back("--" + known.name.substr(0, known.name.find(',')));
  }
  throw UsageError(fmt::format("{} has no {}{}; 'analyze help {}' shows what it has", report.name,
                               option, DidYouMean(option, names), report.name));
}

// Throws UsageError when files, or the SQL, are missing.
void CheckOperands(const Report& report, const std::string& command,
                   const std::vector<std::string>& given) {
  if (given.empty()) {
    throw UsageError(fmt::format("{}: say which file, as in 'analyze {} FILE{}'", command, command,
                                 report.is_sql() ? " .tables" : ""));
  }
  if (report.is_sql() && given.size() < 2) {
    throw UsageError("sql: say what to ask, as in 'SELECT ...' or .tables");
  }
}

// Returns all of standard input.
std::string ReadInput() {
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), stdin)) {
    text.append(buffer.data(), count);
  }
  if (ferror(stdin) != 0) throw Error("standard input cannot be read: " + ErrnoText(errno));
  return text;
}

// Takes the SQL off the operands: the last one, '-' for standard input, or a command such as
// ".schema page", which may be several words.
std::string TakeSql(std::vector<std::string>* operands) {
  const auto command = std::ranges::find_if(
      *operands, [](const std::string& word) { return word == ".tables" || word == ".schema"; });
  std::string sql = operands->back();
  if (command != operands->end()) {
    sql = fmt::format("{}", fmt::join(command, operands->end(), " "));
    operands->erase(command, operands->end());
  } else {
    operands->pop_back();
    if (sql == "-") sql = ReadInput();
  }
  if (operands->empty()) throw UsageError("sql: say which file, as in 'analyze sql FILE .tables'");
  return sql;
}

// Parses what follows the command's name; for 'analyze run', what follows the report's file.
std::optional<AnalyzeOptions> ParseRest(const Report& report, const std::string& command,
                                        std::vector<std::string> arguments) {
  const po::options_description description = DescribeOptions(report);
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
    PrintHelpOf(report);
    return std::nullopt;
  }
  std::vector<std::string> given;
  if (variables.count("operand")) given = variables["operand"].as<std::vector<std::string>>();
  if (sql) given.push_back(*sql);
  CheckOperands(report, command, given);
  AnalyzeOptions options;
  options.report = report;
  if (report.is_sql()) options.report = SqlReport(TakeSql(&given));
  options.files = std::move(given);
  options.format = &FindFormat(variables["format"].as<std::string>());
  options.colour = TakeColour(variables["color"].as<std::string>());
  options.pager = variables.count("no-pager") == 0;
  options.units = ParseUnits(variables["units"].as<std::string>());
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

// Prints what a command asks for that needs no file. Returns false for other commands.
bool PrintAnswer(const std::string& command, const std::vector<std::string>& arguments) {
  const std::string words = fmt::format("{}", fmt::join(arguments, " "));  // "maps --by path"
  if (command == "list") {
    PrintReportList();
  } else if (command == "show") {
    if (words.empty()) throw UsageError("show: say which report, as in 'analyze show maps'");
    WriteOutput(stdout, PasteableSql(FindReport(words)));
  } else if (command == "help") {
    if (words.empty()) {
      PrintUsage();
    } else {
      PrintHelpOf(words == "sql" ? SqlReport("") : FindReport(words));
    }
  } else {
    return false;
  }
  return true;
}

// Answers a command line without a command.
void PrintWithoutCommand(const std::vector<std::string>& arguments) {
  const std::string first = arguments.empty() ? "" : arguments.front();
  if (first == "--version" || first == "-V") {
    WriteOutput(stdout, VersionLine("analyze", kFormatVersion));
  } else if (first == "--help" || first == "-h") {
    PrintUsage();
  } else {
    throw UsageError("say which report, and of which file, as in 'analyze processes FILE'");
  }
}

// Takes the .sql file of 'analyze run' off the arguments.
Report TakeOwnReport(std::vector<std::string>* arguments) {
  const auto file = std::ranges::find_if(
      *arguments, [](const std::string& argument) { return !argument.starts_with("-"); });
  if (file == arguments->end()) {
    throw UsageError("run: say which .sql file, and which snapshot file");
  }
  Report report = ReadReport(*file);
  arguments->erase(file);
  return report;
}

}  // namespace

std::optional<AnalyzeOptions> ParseAnalyzeOptions(int argc, const char* const* argv) {
  if (argc > 2 && argv[1] == std::string_view("--complete")) {
    WriteOutput(stdout, CompleteAnalyze({argv + 2, argv + argc}));
    return std::nullopt;
  }
  auto [command, arguments] = FindCommand({argv + std::min(argc, 1), argv + argc});
  if (command.empty()) {
    PrintWithoutCommand(arguments);
    return std::nullopt;
  }
  if (PrintAnswer(command, arguments)) return std::nullopt;
  const Report report = command == "sql"   ? SqlReport("")
                        : command == "run" ? TakeOwnReport(&arguments)
                                           : TakeReport(command, &arguments);
  try {
    return ParseRest(report, command, std::move(arguments));
  } catch (const po::unknown_option& error) {
    ThrowUnknownOption(report, error);
  } catch (const po::error& error) {
    throw UsageError(fmt::format("{}; 'analyze help {}' shows its options", error.what(), command));
  }
}

}  // namespace pagesnap
