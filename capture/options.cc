#include "capture/options.h"

#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <sstream>

#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

namespace po = boost::program_options;

constexpr char kUsage[] =
    "Usage: capture (-p PID[,PID...] | -n NAME-GLOB | -a)... -o FILE\n"
    "\n"
    "Writes the memory layout of processes into one file: their mappings, which physical frame\n"
    "or swap slot stands behind every page, and the state of those frames. Reads only; the\n"
    "processes run on. 'analyze' answers questions from the file, on any machine.\n"
    "\n";

constexpr char kExitCodes[] =
    "\n"
    "Exit codes: 0 all was captured; 1 failed, nothing was written; 2 the command line is wrong;\n"
    "3 written, with gaps (shown by 'analyze info FILE').\n"
    "PFNs, frames and other users' processes need root (CAP_SYS_ADMIN and CAP_SYS_PTRACE).\n";

void ParsePids(const std::string& list, std::vector<int32_t>* pids) {
  size_t begin = 0;
  while (begin <= list.size()) {
    size_t comma = std::min(list.find(',', begin), list.size());
    std::string text = list.substr(begin, comma - begin);
    std::optional<uint64_t> pid = ParseUnsigned(text);
    if (!pid || *pid == 0 || *pid > INT32_MAX) {
      throw UsageError(
          fmt::format("'{}' is not a pid; -p takes numbers, as in -p 1234,1235", text));
    }
    pids->push_back(static_cast<int32_t>(*pid));
    begin = comma + 1;
  }
}

std::string JoinCommandLine(int argc, const char* const* argv) {
  std::string line = "capture";
  for (int i = 1; i < argc; ++i) line += std::string(" ") + argv[i];
  return line;
}

po::options_description Describe() {
  po::options_description description("Options", 100);
  auto add = description.add_options();
  add("pid,p", po::value<std::vector<std::string>>()->value_name("PID[,PID...]"),
      "capture these processes; may be repeated");
  add("name,n", po::value<std::vector<std::string>>()->value_name("GLOB"),
      "capture the processes with a name like this; may be repeated");
  add("all,a", "capture all processes");
  add("output,o", po::value<std::string>()->value_name("FILE"), "the file to write");
  add("force", "replace FILE if it exists");
  add("no-smaps", "leave out the kernel's own figures: faster, but nothing to check against");
  add("quiet,q", "print nothing but errors");
  add("help,h", "print this");
  add("version", "print the version");
  return description;
}

CaptureOptions FromVariables(const po::variables_map& variables) {
  CaptureOptions options;
  Selection& selection = options.request.selection;
  if (variables.count("pid")) {
    for (const std::string& list : variables["pid"].as<std::vector<std::string>>()) {
      ParsePids(list, &selection.pids);
    }
  }
  if (variables.count("name")) {
    selection.name_globs = variables["name"].as<std::vector<std::string>>();
  }
  selection.all = variables.count("all") > 0;
  if (selection.pids.empty() && selection.name_globs.empty() && !selection.all) {
    throw UsageError("say which processes to capture: -p PID, -n NAME-GLOB or -a");
  }
  if (!variables.count("output")) throw UsageError("say where to write: -o FILE");
  options.output = variables["output"].as<std::string>();
  options.force = variables.count("force") > 0;
  options.quiet = variables.count("quiet") > 0;
  options.request.accounting = variables.count("no-smaps") == 0;
  return options;
}

}  // namespace

std::optional<CaptureOptions> ParseCaptureOptions(int argc, const char* const* argv) {
  po::options_description description = Describe();
  po::variables_map variables;
  try {
    po::store(po::command_line_parser(argc, argv)
                  .options(description)
                  .positional(po::positional_options_description())
                  .run(),
              variables);
    po::notify(variables);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  if (variables.count("help")) {
    std::ostringstream text;
    text << description;
    fmt::print("{}{}{}", kUsage, text.str(), kExitCodes);
    return std::nullopt;
  }
  if (variables.count("version")) {
    fmt::print("capture (pagesnap) {}\n", PAGESNAP_VERSION);
    return std::nullopt;
  }
  CaptureOptions options = FromVariables(variables);
  options.request.command_line = JoinCommandLine(argc, argv);
  return options;
}

}  // namespace pagesnap
