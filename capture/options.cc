#include "capture/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>
#include <sstream>
#include <thread>

#include "capture/complete.h"
#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/print.h"
#include "lib/base/similar.h"
#include "lib/base/version.h"
#include "lib/proc/directory_reader.h"
#include "lib/proc/parse_process.h"
#include "lib/store/schema.h"
#include "lib/store/sqlite/facts.h"

namespace pagesnap {
namespace {

namespace po = boost::program_options;

constexpr char kUsage[] =
    "Usage: capture (-p PID[,PID...] | -n GLOB | -t PID | -g CGROUP | -a)... [-o FILE]\n"
    "       capture --frames all [PROCESSES AS ABOVE] [-o FILE]\n"
    "       capture [--at TIME] [-o FILE] -- COMMAND [ARGUMENT...]\n"
    "\n"
    "Writes the memory layout of processes into one file: their mappings, which physical frame\n"
    "or swap slot stands behind every page, and the state of those frames. Reads only; the\n"
    "processes run on. 'analyze FILE' answers questions from it, on any machine.\n"
    "\n";

constexpr char kExitCodes[] =
    "\n"
    "Exit codes: 0 all was captured; 1 failed, nothing was written (or only the closing line was\n"
    "not); 2 the command line is wrong; 3 written, with gaps (shown by 'analyze info FILE'), or a\n"
    "series that an error ended, or a signal before its --count. With a COMMAND its own exit "
    "code,\n"
    "or 128 + the signal that ended it; those above when that is 0.\n"
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
// What a duration on the command line may be; both ends are allowed.
struct DurationRange {
  int64_t min_ns;
  int64_t max_ns;
  const char* text;
};
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1000 * kMillisecond;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;
// Most snapshots take longer, and the ticks that they miss are left out.
constexpr DurationRange kIntervals = {kMillisecond, 366 * kDay, "1ms to 366d"};
// A millisecond is less than stopping takes; whoever stops a process for longer than an hour has
// other tools.
constexpr DurationRange kFreezes = {kMillisecond, kHour, "1ms to 1h"};
constexpr DurationRange kBudgets = {0, kDay, "0 to 1d"};

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

bool ParseFrames(const po::variables_map& variables) {
  if (!variables.count("frames")) return false;
  const auto& text = variables["frames"].as<std::string>();
  if (text != "all") {
    throw UsageError(fmt::format("--frames {}: only 'all' is possible", text));
  }
  return true;
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
  add("frames", po::value<std::string>()->value_name("all"),
      "capture the state of all frames of RAM, whoever has them, for the reports ram and "
      "fragmentation; with or without processes");
  add("output,o", po::value<std::string>()->value_name("FILE"),
      "the file to write; - for standard output, which touches no disk; by default "
      "capture-NAME-PID-TIME.pagesnap in this folder");
  add("force", "replace FILE if it exists");
  add("jobs", po::value<std::string>()->value_name("N"),
      "threads that read; by default one for each core, at most 4");
  add("freeze", "stop the processes while they are captured (ptrace); they run on afterwards");
  add("freeze-limit", po::value<std::string>()->value_name("TIME"),
      "for how long at most, 2s by default; on a loaded host the release of thousands of threads "
      "can take some tenths of a second more; what is read later is marked as not exact by a gap");
  add("verify", "read all page words again at the end, and store how many changed");
  add("interval", po::value<std::string>()->value_name("TIME"),
      "write a series of snapshots into the file, one every so often, as in 500ms, 10s or 5m; what "
      "comes due while another one is taken is left out");
  add("count", po::value<std::string>()->value_name("N"),
      "how many snapshots; by default until Ctrl-C or SIGTERM");
  add("max-size", po::value<std::string>()->value_name("SIZE"),
      "end before FILE is larger than this, as in 500M or 2G (binary units)");
  add("at", po::value<std::string>()->value_name("TIME"),
      "with a COMMAND: capture it so long after its start, as in 5s, while it runs; by default "
      "when it is about to end");
  add("nice", "run at the lowest CPU and I/O priority");
  add("proc-root", po::value<std::string>()->value_name("DIR"),
      "read DIR/proc, DIR/sys and DIR/etc/passwd and nothing outside DIR: a container's view of "
      "its host, or a "
      "recorded tree");
  add("smaps",
      "read the kernel's own figures also where a mapping is so large that the process, while "
      "it runs, may have to wait for it");
  add("no-smaps", "leave out the kernel's own figures: faster, but nothing to check against");
  add("budget", po::value<std::string>()->value_name("TIME"),
      "how long the kernel may take for each of maps, smaps and pagemap of one process, 60s by "
      "default, and at most 2s for its first answer; the rest is a gap; and for all mapped files "
      "together");
  add("no-build-id", "do not look up the build IDs of programs and libraries");
  add("cmdline-bytes", po::value<std::string>()->value_name("N"),
      "how much of each command line to store; by default 4096");
  add("quiet,q", "print nothing but errors");
  add("help,h", "print this");
  add("version", "print the version");
  return description;
}

// Returns the nanoseconds of an option that takes a duration; nothing without the option.
std::optional<int64_t> TakeDuration(const po::variables_map& variables, const char* option,
                                    const DurationRange& range) {
  if (!variables.count(option)) return std::nullopt;
  const auto& text = variables[option].as<std::string>();
  const std::optional<int64_t> duration = ParseDuration(text);
  if (!duration || *duration < range.min_ns || *duration > range.max_ns) {
    throw UsageError(
        fmt::format("--{} {}: that is not a duration from {}, as 500ms, 2s (or 2) and 5m are",
                    option, text, range.text));
  }
  return duration;
}

// Processes are named by options. Throws UsageError that says by which.
void RefuseOperands(const po::variables_map& variables) {
  if (!variables.count("operand")) return;
  const std::string word = variables["operand"].as<std::vector<std::string>>().front();
  const bool is_number = ParseUnsigned(word).has_value();
  const char* const what = is_number                                     ? "a pid goes with -p"
                           : word.find(".pagesnap") != std::string::npos ? "a file goes with -o"
                                                                         : "a name goes with -n";
  const char letter = what[std::string_view(what).size() - 1];
  throw UsageError(fmt::format("'{}': {}, as in 'capture -{} {}'", word, what, letter, word));
}

void TakeFreeze(const po::variables_map& variables, CaptureOptions* options) {
  options->freeze = variables.count("freeze") > 0;
  const std::optional<int64_t> limit = TakeDuration(variables, "freeze-limit", kFreezes);
  if (!limit) return;
  if (!options->freeze) throw UsageError("--freeze-limit goes with --freeze");
  options->request.freeze_limit_ns = *limit;
}

void TakeSeries(const po::variables_map& variables, CaptureOptions* options) {
  if (variables.count("count")) {
    const auto& text = variables["count"].as<std::string>();
    options->count = ParseUnsigned(text);
    if (!options->count || *options->count == 0) {
      throw UsageError(fmt::format("--count {}: that is not a number from 1", text));
    }
    if (!variables.count("interval")) throw UsageError("--count goes with --interval TIME");
  }
  options->interval_ns = TakeDuration(variables, "interval", kIntervals);
  if (options->interval_ns && options->output == "-")
    throw UsageError("-o - takes one snapshot, not a series");
}

// Throws UsageError where an option makes no sense for a program that capture runs.
void TakeCommand(const po::variables_map& variables, std::vector<std::string> command,
                 CaptureOptions* options) {
  options->command_at_ns = TakeDuration(variables, "at", kIntervals);
  if (command.empty()) {
    if (options->command_at_ns) throw UsageError("--at goes with a program: capture -- COMMAND");
    return;
  }
  for (const char* option :
       {"pid", "name", "tree", "cgroup", "all", "freeze", "interval", "proc-root"}) {
    if (!variables.count(option)) continue;
    throw UsageError(
        fmt::format("--{} does not go with '-- {}': that alone is captured", option, command[0]));
  }
  options->command = std::move(command);
}

CaptureOptions FromVariables(const po::variables_map& variables, std::vector<std::string> command) {
  CaptureOptions options;
  TakeCommand(variables, std::move(command), &options);
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
  options.request.all_frames = ParseFrames(variables);
  if (selection.empty() && !options.request.all_frames && options.command.empty()) {
    throw UsageError("say which processes to capture: -p PID, -n GLOB, -t PID, -g CGROUP or -a");
  }
  if (selection.empty() && variables.count("freeze")) {
    throw UsageError("--freeze needs processes to stop: -p PID, -n GLOB, -t PID, -g CGROUP or -a");
  }
  if (variables.count("output")) options.output = variables["output"].as<std::string>();
  if (variables.count("output") && options.output.empty()) {
    throw UsageError("-o '': a file needs a name; without -o, capture makes one");
  }
  options.request.jobs = ParseJobs(variables);
  options.request.cmdline_bytes = ParseCmdlineBytes(variables);
  options.request.verify = variables.count("verify") > 0;
  if (const auto budget = TakeDuration(variables, "budget", kBudgets)) {
    options.request.file_budget_ns = *budget;
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

namespace {

constexpr char kSeeHelp[] = "; 'capture --help' shows the options";

[[noreturn]] void ThrowUnknownOption(const po::options_description& description,
                                     const po::unknown_option& error) {
  const std::string option = error.get_option_name().substr(0, error.get_option_name().find('='));
  std::vector<std::string> names;
  for (const auto& known : description.options()) names.push_back("--" + known->long_name());
  throw UsageError(fmt::format("there is no {}{}{}", option, DidYouMean(option, names), kSeeHelp));
}

po::variables_map ParseVariables(int argc, const char* const* argv,
                                 const po::options_description& description) {
  po::options_description all;
  all.add(description).add_options()("operand", po::value<std::vector<std::string>>());
  po::positional_options_description operands;
  operands.add("operand", -1);
  po::variables_map variables;
  try {
    po::store(po::command_line_parser(argc, argv).options(all).positional(operands).run(),
              variables);
    po::notify(variables);
  } catch (const po::unknown_option& error) {
    ThrowUnknownOption(description, error);
  } catch (const po::error& error) {
    throw UsageError(fmt::format("{}{}", error.what(), kSeeHelp));
  }
  return variables;
}

}  // namespace

ProgramHelp CaptureHelp() {
  ProgramHelp help = {.usage = kUsage, .options = {}, .exit_codes = kExitCodes};
  const po::options_description description = Describe();
  for (const auto& option : description.options()) {
    const std::string shown = option->format_name();  // "-p [ --pid ]" or "--frames"
    help.options.push_back({.letter = shown.starts_with("--") ? '\0' : shown.at(1),
                            .name = option->long_name(),
                            .value = option->format_parameter(),
                            .description = option->description()});
  }
  return help;
}

std::optional<CaptureOptions> ParseCaptureOptions(int argc, const char* const* argv) {
  if (argc > 2 && argv[1] == std::string_view("--complete")) {
    DirectoryReader reader("/");
    WriteOutput(stdout, CompleteCapture(CaptureHelp().options, {argv + 2, argv + argc}, reader));
    return std::nullopt;
  }
  const po::options_description description = Describe();
  const char* const* const end = argv + argc;
  const char* const* const dashes =
      std::find_if(argv, end, [](const char* word) { return std::string_view(word) == "--"; });
  const po::variables_map variables =
      ParseVariables(static_cast<int>(dashes - argv), argv, description);
  std::vector<std::string> command;
  if (dashes != end) command.assign(dashes + 1, end);
  if (variables.count("help")) {
    std::ostringstream text;
    text << description;
    WriteOutput(stdout, kUsage + text.str() + kExitCodes);
    return std::nullopt;
  }
  if (variables.count("version")) {
    WriteOutput(stdout, VersionLine("capture", kFormatVersion));
    return std::nullopt;
  }
  RefuseOperands(variables);
  if (dashes != end && command.empty()) {
    throw UsageError("--: say which program to run, as in 'capture -- COMMAND'");
  }
  CaptureOptions options = FromVariables(variables, std::move(command));
  options.request.command_line = JoinCommandLine(argc, argv);
  return options;
}

}  // namespace pagesnap
