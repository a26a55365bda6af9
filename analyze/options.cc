#include "analyze/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

namespace po = boost::program_options;

constexpr char kUsage[] =
    "Usage: analyze REPORT FILE... [options]\n"
    "       analyze list                  the reports\n"
    "       analyze sql FILE... 'SELECT ...' your own question\n"
    "       analyze REPORT --help         a report's options and columns\n"
    "\n"
    "Answers questions from a file that 'capture' wrote, on any machine, without root.\n"
    "\n"
    "Several files are read as one: their snapshots are numbered from the first file on.\n"
    "Options: --format table|csv|json, --snapshot N (default: the last one),\n"
    "and those of the report.\n"
    "Exit codes: 0 done; 1 failed, or 'check' found damage; 2 the command line is wrong;\n"
    "3 'check' found figures that differ from the kernel's or cannot be compared.\n";

void PrintList() {
  std::string group;
  for (const Report& report : BuiltInReports()) {
    if (report.group != group) fmt::print("{}{}\n", group.empty() ? "" : "\n", report.group);
    group = report.group;
    fmt::print("  {:<14} {}\n", report.name, report.about);
  }
  fmt::print("\n'analyze REPORT --help' shows a report's options and columns.\n");
}

po::options_description Describe(const Report* report) {
  po::options_description description("Options", 100);
  auto add = description.add_options();
  add("format", po::value<std::string>()->default_value("table")->value_name("FORMAT"),
      "table, csv or json");
  add("snapshot", po::value<std::string>()->value_name("N"),
      "the snapshot, numbered from 1 over all files; by default the last");
  add("help,h", "print this");
  if (report == nullptr) return description;
  for (const ReportParameter& parameter : report->parameters) {
    std::string text = parameter.description;
    if (parameter.repeated) text += "; may be repeated";
    add(parameter.name.c_str(), po::value<std::vector<std::string>>()->value_name(parameter.type),
        text.c_str());
  }
  return description;
}

void PrintReportHelp(const Report* report, const po::options_description& description) {
  std::ostringstream text;
  text << description;
  if (report == nullptr) {
    fmt::print("Usage: analyze sql FILE... 'SELECT ...' [options]\n\n{}", text.str());
    return;
  }
  fmt::print("Usage: analyze {} FILE... [options]\n\n{}\n\n{}\nColumns:\n", report->name,
             report->about, text.str());
  for (const ReportColumn& column : report->columns) {
    fmt::print("  {:<20} {}\n", column.name, column.description);
  }
}

Format ParseFormat(const std::string& text) {
  if (text == "table") return Format::kTable;
  if (text == "csv") return Format::kCsv;
  if (text == "json") return Format::kJson;
  throw UsageError(fmt::format("there is no format '{}'; say table, csv or json", text));
}

void CheckParameter(const ReportParameter& parameter, const std::vector<std::string>& values) {
  if (values.size() > 1 && !parameter.repeated) {
    throw UsageError(fmt::format("--{} was given twice", parameter.name));
  }
  for (const std::string& value : values) {
    bool valid = parameter.type == "integer"   ? ParseUnsigned(value).has_value()
                 : parameter.type == "address" ? ParseAddress(value).has_value()
                                               : true;
    if (valid) continue;
    const char* wanted = parameter.type == "integer"
                             ? "a number"
                             : "an address: 0x and hexadecimal digits, or a decimal number";
    throw UsageError(fmt::format("--{} {}: that is not {}", parameter.name, value, wanted));
  }
}

void TakeParameters(const po::variables_map& variables, AnalyzeOptions* options) {
  const Report& report = *options->report;
  for (const ReportParameter& parameter : report.parameters) {
    if (!variables.count(parameter.name)) continue;
    auto values = variables[parameter.name].as<std::vector<std::string>>();
    CheckParameter(parameter, values);
    options->parameters[parameter.name] = std::move(values);
  }
  bool has_needed = report.needs_one_of.empty() ||
                    std::any_of(report.needs_one_of.begin(), report.needs_one_of.end(),
                                [&](const auto& name) { return options->parameters.count(name); });
  if (!has_needed) {
    throw UsageError(
        fmt::format("{} needs --{}", report.name, fmt::join(report.needs_one_of, " or --")));
  }
}

// What stands behind the command's name.
std::optional<AnalyzeOptions> ParseRest(const Report* report, const char* command,
                                        std::vector<std::string> arguments) {
  po::options_description description = Describe(report);
  po::options_description all;
  all.add(description).add_options()("operand", po::value<std::vector<std::string>>());
  po::positional_options_description operands;
  operands.add("operand", -1);
  po::variables_map variables;
  po::store(po::command_line_parser(arguments).options(all).positional(operands).run(), variables);
  po::notify(variables);
  if (variables.count("help")) {
    PrintReportHelp(report, description);
    return std::nullopt;
  }
  std::vector<std::string> given;
  if (variables.count("operand")) given = variables["operand"].as<std::vector<std::string>>();
  size_t wanted = report == nullptr ? 2 : 1;
  if (given.size() < wanted) {
    throw UsageError(given.empty() ? fmt::format("{}: say which file", command)
                                   : std::string("sql: say what to ask, as in 'SELECT ...'"));
  }
  AnalyzeOptions options;
  options.report = report;
  if (report == nullptr) {
    options.sql = given.back();
    given.pop_back();
  }
  options.files = std::move(given);
  options.format = ParseFormat(variables["format"].as<std::string>());
  if (variables.count("snapshot")) {
    std::optional<uint64_t> number = ParseUnsigned(variables["snapshot"].as<std::string>());
    if (!number || *number > INT32_MAX) throw UsageError("--snapshot takes a number from 1");
    options.snapshot = static_cast<int64_t>(*number);
  }
  if (report != nullptr) TakeParameters(variables, &options);
  return options;
}

}  // namespace

std::optional<AnalyzeOptions> ParseAnalyzeOptions(int argc, const char* const* argv) {
  if (argc < 2) throw UsageError("say which report, and of which file");
  std::string command = argv[1];
  if (command == "--help" || command == "-h" || command == "help") {
    fmt::print("{}", kUsage);
    return std::nullopt;
  }
  if (command == "--version") {
    fmt::print("analyze (pagesnap) {}\n", PAGESNAP_VERSION);
    return std::nullopt;
  }
  if (command == "list") {
    PrintList();
    return std::nullopt;
  }
  const Report* report = command == "sql" ? nullptr : &FindReport(command);
  try {
    return ParseRest(report, argv[1], {argv + 2, argv + argc});
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace pagesnap
