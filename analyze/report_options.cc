#include "analyze/report_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "analyze/printer.h"

namespace pagesnap {
namespace {

// `list` is the parameters or the columns of a report.
bool Has(const auto& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(), [&](const auto& one) { return one.name == name; });
}

// Returns what --help calls the value of a parameter.
std::string ValueName(const ReportParameter& parameter) {
  if (parameter.type == "pids") return "PID[,PID...]";
  if (parameter.type == "integer") return "N";
  if (parameter.type == "address") return "ADDRESS";
  if (parameter.type == "range") return "ADDRESSES";
  if (parameter.type == "text") return "GLOB";
  return parameter.type;
}

void AddSnapshotOptions(const Report& report, std::vector<ReportOption>* options) {
  if (report.scope == ReportScope::kOne) {
    options->push_back(
        {"snapshot", "N", "the snapshot, numbered from 1 over all files; by default the last"});
  } else if (report.scope == ReportScope::kTwo) {
    options->push_back(
        {"before", "N",
         "the first of the two snapshots, numbered from 1 over all files; by default the last one "
         "of the first file, or the first one of a single file"});
    options->push_back({"after", "N", "the second of the two; by default the last of all"});
  }
  if (!report.fail_if_report.empty()) {
    options->push_back({"fail-if", "EXPRESSION",
                        report.has_own_condition()
                            ? "exit with 4 when this holds for a row: SQL over the columns, as in "
                              "'pss > 200M' (then pss_kib is meant, and KiB)"
                            : fmt::format("exit with 4 when this holds: SQL over the columns of "
                                          "'{}', as in 'rss > 10M' (then rss_kib is meant, and "
                                          "KiB) or 'rss_growth > 5%'",
                                          report.fail_if_report)});
  }
}

// How rows are chosen and printed, of every report.
void AddRowOptions(const Report& report, std::vector<ReportOption>* options) {
  options->push_back({"limit", "N",
                      "print at most N rows" + (report.default_limit.empty()
                                                    ? std::string()
                                                    : "; by default " + report.default_limit)});
  options->push_back(
      {"sort", "COLUMN", "sort by this column; with a leading '-', the largest first"});
  options->push_back({.name = "columns",
                      .value_name = "COLUMN[,COLUMN...]",
                      .description = "print only these columns, in this order; where there is a "
                                     "pid, also its user and command",
                      .is_repeated = true});
  for (const char* name : {"name", "path"}) {
    // A report that has it as a parameter chooses what it reads, not only which rows it shows. A
    // user's own report need not declare its columns.
    if (Has(report.parameters, name)) continue;
    if (!report.columns.empty() && !Has(report.columns, name)) continue;
    options->push_back(
        {.name = name,
         .value_name = "GLOB",
         .description = fmt::format(
             "only rows whose {} is this, or like it as in '*server*'; may be repeated", name),
         .is_repeated = true});
  }
}

}  // namespace

std::vector<ReportOption> OptionsOf(const Report& report) {
  std::string formats;
  for (const OutputFormat& format : OutputFormats()) {
    formats += fmt::format("{}{}: {}", formats.empty() ? "" : "\n", format.name, format.about);
  }
  std::vector<ReportOption> options = {
      {"format", "FORMAT", formats, std::string(OutputFormats().front().name)},
      {"csv-guard", "",
       "for spreadsheets: put ' before texts that begin with = + - @; without it CSV is exact"},
      {"units", "auto|kib|bytes",
       "of sizes: auto is as in 2.4M in a table on a terminal, and KiB elsewhere", "auto"},
      {"color", "auto|always|never", "auto: on a terminal, without NO_COLOR", "auto"},
      {"no-pager", "", "not through PAGESNAP_PAGER, PAGER or less on a terminal"}};
  AddSnapshotOptions(report, &options);
  AddRowOptions(report, &options);
  options.push_back(
      {"no-limit", "", "take as much CPU time as is needed: for a file that you trust"});
  options.push_back({"help,h", "", "print this"});
  for (const ReportParameter& parameter : report.parameters) {
    const std::string repeated = parameter.repeated ? "; may be repeated" : "";
    options.push_back({.name = parameter.name,
                       .value_name = parameter.is_flag() ? "" : ValueName(parameter),
                       .description = parameter.description + repeated,
                       // A second one gets a message of ours.
                       .is_repeated = true});
  }
  return options;
}

bool TakesValue(std::string_view name) {
  static const std::set<std::string> kNames = [] {
    std::set<std::string> names;
    for (const Report& report : BuiltInReports()) {
      for (const ReportOption& option : OptionsOf(report)) {
        if (!option.value_name.empty()) names.insert(option.name);
      }
    }
    return names;
  }();
  const auto found = kNames.lower_bound(std::string(name));
  return found != kNames.end() && found->starts_with(name);
}

std::string WhyNotOption(const Report& report, const std::string& option) {
  if (option == "--snapshot") {
    if (report.is_sql()) return "its SQL chooses, as in 'WHERE snapshot_id = 1'";
    return report.scope == ReportScope::kTwo ? "it compares two, which --before and --after name"
                                             : "it is about all of them";
  }
  if (option == "--address") return "it does not go by addresses";
  if (option == "--by") return "its rows are always of the same kind";
  if (option != "--pid" && option != "--name" && option != "--path") return "";
  if (report.is_sql()) return "its SQL chooses";
  if (report.one_process) return "--pid says which process it is about";
  return option == "--path" ? "its rows are not of single mappings"
                            : "its rows are not of single processes";
}

}  // namespace pagesnap
