#include "analyze/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/printer.h"
#include "analyze/report_options.h"
#include "lib/base/print.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

constexpr char kUsage[] =
    "Usage: analyze FILE                  what is in it, and what to ask next\n"
    "       analyze REPORT FILE... [options]\n"
    "       analyze diff BEFORE AFTER     what changed between two files, or snapshots of one\n"
    "       analyze sql FILE... 'SELECT ...' your own question; .tables, .schema\n"
    "       analyze run MINE.sql FILE...  a report of your own, written like those\n"
    "       analyze list                  the reports\n"
    "       analyze help REPORT           a report's options and columns\n"
    "       analyze show REPORT           its SQL, ready to paste\n"
    "\n"
    "Answers questions from a file that 'capture' wrote, on any machine, without root.\n"
    "\n"
    "FILE may be packed (.zst, .gz), and - is standard input. Several files are read as one: "
    "their\n"
    "snapshots are numbered from the first file on.\n"
    "Options, before or after the report: --format {},\n"
    "--csv-guard, --snapshot N (default: the last one), --sort COLUMN or --sort -COLUMN,\n"
    "--limit N, --columns A,B, --name GLOB and --path GLOB on the columns of these names, and\n"
    "those of the report.\n";

constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 failed, also to write all of the answer, or 'check' found damage; 2\n"
    "the command line is wrong; 3 'check' found figures that differ from the kernel's or cannot\n"
    "be compared, or what --fail-if needs is unknown; 4 the condition of --fail-if holds.\n";

}  // namespace

ProgramHelp AnalyzeHelp() {
  return {.usage = fmt::format(kUsage, FormatNames()), .options = {}, .exit_codes = kExitCodes};
}

std::vector<OptionHelp> ReportOptions(const Report& report) {
  std::vector<OptionHelp> options;
  for (const ReportOption& option : OptionsOf(report)) {
    const size_t comma = std::min(option.name.find(','), option.name.size());  // "help,h"
    options.push_back({.letter = comma < option.name.size() ? option.name.at(comma + 1) : '\0',
                       .name = option.name.substr(0, comma),
                       .value = option.value_name,
                       .description = option.description});
  }
  return options;
}

void PrintUsage() {
  const ProgramHelp help = AnalyzeHelp();
  WriteOutput(stdout, help.usage + help.exit_codes);
}

void PrintReportList() {
  std::string text;
  std::string group;
  for (const Report& report : BuiltInReports()) {
    if (report.group != group) text += (group.empty() ? "" : "\n") + report.group + "\n";
    group = report.group;
    text += fmt::format("  {:<17} {}\n", report.name, report.about);
  }
  WriteOutput(stdout, text + "\n'analyze help REPORT' shows a report's options and columns.\n");
}

void PrintReportHelp(const Report& report, const std::string& options) {
  if (report.is_sql()) {
    WriteOutput(stdout,
                "Usage: analyze sql FILE... 'SELECT ...' [options]\n"
                "       analyze sql FILE... - [options]    the SQL is on standard input\n"
                "       analyze sql FILE .tables           what there is to select from\n"
                "       analyze sql FILE '.schema [NAME]'  and with which columns\n"
                "\n"
                "Each report is a view, too: its name with report_ before it and _ for -.\n"
                "\n" +
                    options);
    return;
  }
  std::string text = fmt::format("Usage: analyze {} FILE... [options]\n\n{}\n\n{}\n",
                                 Printable(report.name), report.about, options);
  for (const std::string& form : FormsOf(report)) {
    text += fmt::format("Another form: analyze {} FILE...\n\n", form);
  }
  text += "Columns:\n";
  for (const ReportColumn& column : report.columns) {
    text += fmt::format("  {:<20} {}\n", column.name, column.description);
  }
  WriteOutput(stdout, PrintableLines(text));  // the report may be the user's own
}

}  // namespace pagesnap
