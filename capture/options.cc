#include "capture/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <thread>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/print.h"
#include "lib/proc/parse_process.h"
#include "lib/store/sqlite/facts.h"

namespace pagesnap {
namespace {

namespace po = boost::program_options;

constexpr char kUsage[] =
    "Usage: capture (-p PID[,PID...] | -n GLOB | -t PID | -g CGROUP | -a)... -o FILE\n"
    "\n"
    "Writes the memory layout of processes into one file: their mappings, which physical frame\n"
    "or swap slot stands behind every page, and the state of those frames. Reads only; the\n"
    "processes run on. 'analyze' answers questions from the file, on any machine.\n"
    "\n";

constexpr char kExitCodes[] =
    "\n"
    "Exit codes: 0 all was captured; 1 failed, nothing was written (or only the closing line was\n"
    "not); 2 the command line is wrong; 3 written, with gaps (shown by 'analyze info FILE'), or a\n"
    "series that an error ended, or a signal before its --count.\n"
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

constexpr unsigned kMaxDefaultJobs = 4;  // more would be felt by the host
constexpr uint64_t kMaxJobs = 64;
// Most snapshots take longer, and the ticks that they miss are left out.
constexpr double kMinIntervalSeconds = 0.001;
constexpr double kMaxIntervalSeconds = 86400.0 * 366;
// A millisecond is less than stopping takes; whoever stops a process for longer than an hour has
// other tools.
constexpr double kMinFreezeSeconds = 0.001;
constexpr double kMaxFreezeSeconds = 3600;
constexpr double kMaxBudgetSeconds = 86400;

int ParseJobs(const po::variables_map& variables) {
  if (!variables.count("jobs")) {
    return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, kMaxDefaultJobs));
  }
  const auto& text = variables["jobs"].as<std::string>();
  std::optional<uint64_t> jobs = ParseUnsigned(text);
  if (!jobs || *jobs == 0 || *jobs > kMaxJobs) {
    throw UsageError(fmt::format("--jobs {}: that is not a number from 1 to {}", text, kMaxJobs));
  }
  return static_cast<int>(*jobs);
}

size_t ParseCmdlineBytes(const po::variables_map& variables) {
  if (!variables.count("cmdline-bytes")) return CaptureRequest().cmdline_bytes;
  const auto& text = variables["cmdline-bytes"].as<std::string>();
  std::optional<uint64_t> bytes = ParseUnsigned(text);
  if (!bytes || *bytes > kMaxTextBytes) {
    throw UsageError(
        fmt::format("--cmdline-bytes {}: that is not a number up to {}", text, kMaxTextBytes));
  }
  return *bytes;
}

std::string JoinCommandLine(int argc, const char* const* argv) {
  std::string line = "capture";
  for (int i = 1; i < argc; ++i) line += std::string(" ") + argv[i];
  return std::string(CutText(line, CaptureRequest().cmdline_bytes));
}

po::options_description Describe() {
  po::options_description description("Options", 100);
  auto add = description.add_options();
  add("pid,p", po::value<std::vector<std::string>>()->value_name("PID[,PID...]"),
      "capture these processes; may be repeated");
  add("name,n", po::value<std::vector<std::string>>()->value_name("GLOB"),
      "capture the processes with a name like this; may be repeated");
  add("tree,t", po::value<std::vector<std::string>>()->value_name("PID[,PID...]"),
      "capture these processes and all their descendants; may be repeated");
  add("cgroup,g", po::value<std::vector<std::string>>()->value_name("CGROUP"),
      "capture the processes in this cgroup (path or name) and those below it; may be repeated");
  add("all,a", "capture all processes");
  add("output,o", po::value<std::string>()->value_name("FILE"),
      "the file to write; - for standard output, which touches no disk");
  add("force", "replace FILE if it exists");
  add("jobs", po::value<std::string>()->value_name("N"),
      "threads that read; by default one for each core, at most 4");
  add("freeze", "stop the processes while they are captured (ptrace); they run on afterwards");
  add("freeze-limit", po::value<std::string>()->value_name("SECONDS"),
      "for how long at most, 2 by default; on a loaded host the release of thousands of threads "
      "can take some tenths of a second more; what is read later is marked as not exact by a gap");
  add("verify", "read all page words again at the end, and store how many changed");
  add("interval", po::value<std::string>()->value_name("SECONDS"),
      "write a series of snapshots into the file, one every so many seconds, 0.001 or more; what "
      "comes due while another one is taken is left out");
  add("count", po::value<std::string>()->value_name("N"),
      "how many snapshots; by default until Ctrl-C or SIGTERM");
  add("max-size", po::value<std::string>()->value_name("SIZE"),
      "end before FILE is larger than this, as in 500M or 2G (binary units)");
  add("nice", "run at the lowest CPU and I/O priority");
  add("proc-root", po::value<std::string>()->value_name("DIR"),
      "read DIR/proc and DIR/sys and nothing outside DIR: a container's view of its host, or a "
      "recorded tree");
  add("smaps",
      "read the kernel's own figures also where a mapping is so large that the process, while "
      "it runs, may have to wait for it");
  add("no-smaps", "leave out the kernel's own figures: faster, but nothing to check against");
  add("budget", po::value<std::string>()->value_name("SECONDS"),
      "how long the kernel may take for each of maps, smaps and pagemap of one process, 60 by "
      "default, and at most 2 for its first answer; the rest is a gap; and for all mapped files "
      "together");
  add("no-build-id", "do not look up the build IDs of programs and libraries");
  add("cmdline-bytes", po::value<std::string>()->value_name("N"),
      "how much of each command line to store; by default 4096");
  add("quiet,q", "print nothing but errors");
  add("help,h", "print this");
  add("version", "print the version");
  return description;
}

// Returns the value of an option that takes seconds, with or without decimals; nothing without the
// option. `min` and `max` are allowed.
std::optional<double> ParseSeconds(const po::variables_map& variables, const char* option,
                                   double min, double max) {
  if (!variables.count(option)) return std::nullopt;
  const auto& text = variables[option].as<std::string>();
  double seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  bool valid =
      error == std::errc() && end == text.data() + text.size() && seconds >= min && seconds <= max;
  if (!valid) {
    throw UsageError(fmt::format("--{} {}: that is no number of seconds from {:g} to {:.0f}",
                                 option, text, min, max));
  }
  return seconds;
}

void TakeFreeze(const po::variables_map& variables, CaptureOptions* options) {
  options->freeze = variables.count("freeze") > 0;
  const std::optional<double> limit =
      ParseSeconds(variables, "freeze-limit", kMinFreezeSeconds, kMaxFreezeSeconds);
  if (!limit) return;
  if (!options->freeze) throw UsageError("--freeze-limit goes with --freeze");
  options->request.freeze_limit_ns = static_cast<int64_t>(*limit * 1e9);
}

void TakeSeries(const po::variables_map& variables, CaptureOptions* options) {
  if (variables.count("count")) {
    const auto& text = variables["count"].as<std::string>();
    options->count = ParseUnsigned(text);
    if (!options->count || *options->count == 0) {
      throw UsageError(fmt::format("--count {}: that is not a number from 1", text));
    }
    if (!variables.count("interval")) throw UsageError("--count goes with --interval SECONDS");
  }
  options->interval_seconds =
      ParseSeconds(variables, "interval", kMinIntervalSeconds, kMaxIntervalSeconds);
  if (options->interval_seconds && options->output == "-")
    throw UsageError("-o - takes one snapshot, not a series");
}

CaptureOptions FromVariables(const po::variables_map& variables) {
  CaptureOptions options;
  Selection& selection = options.request.selection;
  if (variables.count("pid")) {
    for (const std::string& list : variables["pid"].as<std::vector<std::string>>()) {
      ParsePids(list, &selection.pids);
    }
  }
  if (variables.count("tree")) {
    for (const std::string& list : variables["tree"].as<std::vector<std::string>>()) {
      ParsePids(list, &selection.tree_roots);
    }
  }
  if (variables.count("name")) {
    selection.name_globs = variables["name"].as<std::vector<std::string>>();
  }
  if (variables.count("cgroup")) {
    selection.cgroups = variables["cgroup"].as<std::vector<std::string>>();
  }
  selection.all = variables.count("all") > 0;
  if (selection.pids.empty() && selection.tree_roots.empty() && selection.name_globs.empty() &&
      selection.cgroups.empty() && !selection.all) {
    throw UsageError("say which processes to capture: -p PID, -n GLOB, -t PID, -g CGROUP or -a");
  }
  if (variables.count("output")) options.output = variables["output"].as<std::string>();
  if (options.output.empty()) throw UsageError("say where to write: -o FILE");
  options.request.jobs = ParseJobs(variables);
  options.request.cmdline_bytes = ParseCmdlineBytes(variables);
  options.request.verify = variables.count("verify") > 0;
  if (const auto budget = ParseSeconds(variables, "budget", 0, kMaxBudgetSeconds)) {
    options.request.file_budget_ns = static_cast<int64_t>(*budget * 1e9);
  }
  TakeFreeze(variables, &options);
  options.request.build_ids = variables.count("no-build-id") == 0;
  options.nice = variables.count("nice") > 0;
  if (variables.count("proc-root")) {
    options.root = variables["proc-root"].as<std::string>();
    options.request.look_at_files = false;  // links of /proc lead out of it
    if (options.freeze) throw UsageError("--freeze works on this machine, not with --proc-root");
  }
  if (variables.count("max-size")) {
    const auto& text = variables["max-size"].as<std::string>();
    options.max_bytes = ParseBytes(text);
    if (!options.max_bytes || *options.max_bytes == 0) {
      throw UsageError(fmt::format("--max-size {}: that is no size, as 500M or 2G is", text));
    }
  }
  TakeSeries(variables, &options);
  options.force = variables.count("force") > 0;
  options.quiet = variables.count("quiet") > 0;
  if (variables.count("smaps") && variables.count("no-smaps")) {
    throw UsageError("--smaps and --no-smaps contradict each other");
  }
  // Who is stopped does not wait for a lock.
  if (variables.count("no-smaps")) {
    options.request.accounting = Accounting::kNever;
  } else if (variables.count("smaps") || options.freeze) {
    options.request.accounting = Accounting::kAlways;
  }
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
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError(
        "every argument belongs to an option: processes to -p, -n, -t or -g, the file to -o");
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  if (variables.count("help")) {
    std::ostringstream text;
    text << description;
    WriteOutput(stdout, kUsage + text.str() + kExitCodes);
    return std::nullopt;
  }
  if (variables.count("version")) {
    WriteOutput(stdout, fmt::format("capture (pagesnap) {}\n", PAGESNAP_VERSION));
    return std::nullopt;
  }
  CaptureOptions options = FromVariables(variables);
  options.request.command_line = JoinCommandLine(argc, argv);
  return options;
}

}  // namespace pagesnap
