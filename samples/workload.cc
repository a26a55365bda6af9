// A program whose memory is known page by page.
//
// It makes a region for each thing that pagemap can say, forks a child that shares some of them,
// prints one line of JSON that tells what both hold, and then keeps still until its standard input
// is closed or SIGTERM arrives. Capture it meanwhile, and compare.
//
//   {"pid": 12, "child_pid": 13, "page_size": 4096, "pfn_visible": true, "stable": true,
//    "regions": [{"name": "touched", "pid": 12, "kind": "private_anonymous",
//                 "start": "0x7f0000000000", "page_count": 16, "pages": ["0x81...", ...]}, ...]}
//
// `pages` are the raw words that the process read in its own pagemap. A region that this machine
// cannot have says why in "skipped", and has no pages.
#include <fmt/format.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "samples/workload_child.h"
#include "samples/workload_regions.h"

namespace pagesnap {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kUsage =
    "usage: workload [--no-fork] [--mib N]\n"
    "Holds memory that is known page by page, prints one line of JSON about it, and waits until\n"
    "its standard input is closed or SIGTERM arrives.\n"
    "  --no-fork  no child process\n"
    "  --mib N    another N MiB of private memory, touched in random order (not listed by page)\n"
    "  --help     this text\n";

struct Options {
  bool fork = true;
  size_t mib = 0;
};

// Returns nothing when the text cannot be such a number.
std::optional<size_t> ParseMib(const std::string& text) {
  if (text.empty() || text.size() > 7) return std::nullopt;
  if (text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoul(text);
}

// Ends the process when there is nothing to run.
Options ParseOptions(int argc, char** argv) {
  static constexpr option kOptions[] = {{"no-fork", no_argument, nullptr, 'f'},
                                        {"mib", required_argument, nullptr, 'm'},
                                        {"help", no_argument, nullptr, 'h'},
                                        {nullptr, 0, nullptr, 0}};
  Options options;
  for (int key; (key = getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
    const std::optional<size_t> mib = key == 'm' ? ParseMib(optarg) : 0;
    if (key == 'h') {
      fmt::print("{}", kUsage);
      std::exit(0);
    }
    if (key == '?' || !mib) {
      fmt::print(stderr, "{}", kUsage);
      std::exit(2);
    }
    if (key == 'f') options.fork = false;
    if (key == 'm') options.mib = *mib;
  }
  return options;
}

// What a process said about one region.
struct Reading {
  pid_t pid;
  const Region* region;
  std::vector<uint64_t> words;

  bool operator==(const Reading&) const = default;
};

// All regions of both processes, and where the words of each come from.
class Workload {
 public:
  explicit Workload(const Options& options)
      : copied_(MakeCopiedOnWrite()), shared_(MakeSharedMemory()) {
    if (options.fork) child_ = std::make_unique<WorkloadChild>(copied_, shared_);
    regions_ = MakeParentRegions();
    regions_.push_back(copied_);
    regions_.push_back(shared_);
    if (options.mib > 0) regions_.push_back(MakeBulk(options.mib));
    regions_.push_back(MakeSwapped());
  }

  // Returns what both processes hold, once two readings in a row are equal.
  [[nodiscard]] Json Describe() {
    std::vector<Reading> readings = ReadAll();
    bool stable = false;
    for (int attempt = 0; attempt < 20 && !stable; ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      std::vector<Reading> again = ReadAll();
      stable = readings == again;
      readings = std::move(again);
    }
    Json answer = {
        {"pid", getpid()},         {"child_pid", child_ ? Json(child_->pid()) : Json(nullptr)},
        {"page_size", PageSize()}, {"pfn_visible", PfnVisible(readings)},
        {"stable", stable},        {"regions", Json::array()}};
    for (const Reading& reading : readings) answer["regions"].push_back(ToJson(reading));
    return answer;
  }

 private:
  std::vector<Reading> ReadAll() {
    std::vector<Reading> readings;
    for (const Region& region : regions_) {
      const bool read = region.list_pages && region.skipped.empty();
      readings.push_back(
          {getpid(), &region, read ? ReadPageWords(region) : std::vector<uint64_t>()});
    }
    if (child_) {
      std::vector<std::vector<uint64_t>> answers = child_->AskPageWords();
      readings.push_back({child_->pid(), &copied_, std::move(answers[0])});
      readings.push_back({child_->pid(), &shared_, std::move(answers[1])});
    }
    return readings;
  }

  // Without CAP_SYS_ADMIN the kernel writes zero in place of the frame's number, in bits 0-54.
  static bool PfnVisible(const std::vector<Reading>& readings) {
    return (readings.front().words.front() & ((uint64_t{1} << 55) - 1)) != 0;
  }

  static Json ToJson(const Reading& reading) {
    const Region& region = *reading.region;
    Json json = {{"name", region.name},
                 {"pid", reading.pid},
                 {"kind", region.kind},
                 {"start", fmt::format("{:#x}", reinterpret_cast<uintptr_t>(region.start))},
                 {"page_count", region.page_count},
                 {"pages", Json::array()}};
    for (uint64_t word : reading.words) json["pages"].push_back(fmt::format("{:#018x}", word));
    if (region.anon_huge_kib) json["anon_huge_kib"] = *region.anon_huge_kib;
    if (!region.skipped.empty()) json["skipped"] = region.skipped;
    return json;
  }

  Region copied_;
  Region shared_;
  std::vector<Region> regions_;
  std::unique_ptr<WorkloadChild> child_;
};

// Returns a descriptor that becomes readable when the process is asked to end.
int OpenEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "signalfd");
  return fd;
}

void WaitForEnd(int signal_fd) {
  pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {signal_fd, POLLIN, 0}};
  char ignored[256];
  while (true) {
    if (poll(sources, std::size(sources), -1) < 0) continue;  // interrupted by a stop and continue
    if (sources[1].revents != 0) return;
    if (sources[0].revents != 0 && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0) return;
  }
}

void Run(const Options& options) {
  signal(SIGPIPE, SIG_IGN);  // a write to a child that is gone must say so, not kill
  Workload workload(options);
  const int signal_fd = OpenEndSignals();
  fmt::print("{}\n", workload.Describe().dump());
  std::fflush(stdout);
  WaitForEnd(signal_fd);
}

}  // namespace
}  // namespace pagesnap

int main(int argc, char** argv) {
  const pagesnap::Options options = pagesnap::ParseOptions(argc, argv);
  try {
    pagesnap::Run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "workload: {}\n", error.what());
    return 1;
  }
  return 0;
}
