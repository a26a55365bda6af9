// Processes of different runs: by name, arguments and order, from parents to children.
#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>

#include "lib/query/match/match_steps.h"

namespace pagesnap {
namespace {

uint64_t Hash(std::string_view text) { return std::hash<std::string_view>()(text); }

// Ports, pids and temporary names differ from run to run.
std::string WithoutNumbers(std::string_view text) {
  std::string result;
  bool in_number = false;
  for (char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) result += c;
    if (digit && !in_number) result += '#';
    in_number = digit;
  }
  return result;
}

// What two processes can have in common, the strongest first. A key of 0 is nobody's.
struct Likeness {
  const char* how;
  uint64_t (*key)(const MatchProcess& process);
};
constexpr Likeness kLikenesses[] = {
    {"arguments",
     [](const MatchProcess& process) {
       return MixKey({Hash(process.name), Hash(process.exe), Hash(process.cmdline)});
     }},
    {"similar",
     [](const MatchProcess& process) {
       if (process.cmdline.empty()) return uint64_t{0};
       return MixKey({Hash(process.exe), Hash(WithoutNumbers(process.cmdline))});
     }},
    {"program",
     [](const MatchProcess& process) {
       return process.exe.empty() ? uint64_t{0} : MixKey({Hash(process.exe)});
     }},
    {"name", [](const MatchProcess& process) { return MixKey({Hash(process.name)}); }},
};

// The processes of one side as a forest. Indexes are those of MatchSide::processes().
class Family {
 public:
  explicit Family(const MatchSide& side) : processes_(side.processes()) {
    std::unordered_map<int64_t, size_t> by_pid;
    for (size_t i = 0; i < processes_.size(); ++i) by_pid.try_emplace(processes_[i].pid, i);
    children_.resize(processes_.size());
    free_.assign(processes_.size(), true);
    for (size_t i : InOrder()) {
      auto parent = by_pid.find(processes_[i].ppid);
      if (parent != by_pid.end() && parent->second != i) {
        children_[parent->second].push_back(i);
      } else {
        roots_.push_back(i);
      }
    }
  }

  [[nodiscard]] const MatchProcess& process(size_t index) const { return processes_[index]; }
  [[nodiscard]] const std::vector<size_t>& roots() const { return roots_; }
  [[nodiscard]] const std::vector<size_t>& ChildrenOf(size_t index) const {
    return children_[index];
  }
  [[nodiscard]] bool IsFree(size_t index) const { return free_[index]; }
  void Take(size_t index) { free_[index] = false; }
  [[nodiscard]] std::vector<size_t> Free() const {
    std::vector<size_t> indexes = InOrder();
    std::erase_if(indexes, [&](size_t index) { return !free_[index]; });
    return indexes;
  }
  // Returns the only process that is no kernel thread, if there is just one.
  [[nodiscard]] std::optional<size_t> OnlyUserProcess() const {
    std::optional<size_t> only;
    for (size_t i = 0; i < processes_.size(); ++i) {
      if (processes_[i].kernel_thread) continue;
      if (only) return std::nullopt;
      only = i;
    }
    return only;
  }

 private:
  // All, the oldest first.
  [[nodiscard]] std::vector<size_t> InOrder() const {
    std::vector<size_t> indexes(processes_.size());
    for (size_t i = 0; i < indexes.size(); ++i) indexes[i] = i;
    std::stable_sort(indexes.begin(), indexes.end(), [&](size_t a, size_t b) {
      const MatchProcess& x = processes_[a];
      const MatchProcess& y = processes_[b];
      return std::pair(x.start_time_ticks, x.pid) < std::pair(y.start_time_ticks, y.pid);
    });
    return indexes;
  }

  const std::vector<MatchProcess>& processes_;
  std::vector<size_t> roots_;
  std::vector<std::vector<size_t>> children_;
  std::vector<bool> free_;
};

class ProcessMatcher {
 public:
  ProcessMatcher(const MatchSide& before, const MatchSide& after)
      : before_(before), after_(after) {}

  std::vector<ProcessMatch> Run() {
    MatchLists(before_.roots(), after_.roots());
    while (!pairs_.empty()) {
      const auto [before, after] = pairs_.front();
      pairs_.pop_front();
      MatchLists(before_.ChildrenOf(before), after_.ChildrenOf(after));
    }
    // Those whose parents are elsewhere now, and those that a damaged file has in circles.
    MatchLists(before_.Free(), after_.Free());
    MatchOnly();
    return std::move(matches_);
  }

 private:
  // Two lists of brothers.
  void MatchLists(const std::vector<size_t>& before, const std::vector<size_t>& after) {
    for (const Likeness& likeness : kLikenesses) {
      std::unordered_map<uint64_t, std::deque<size_t>> waiting;
      for (size_t index : before) {
        if (!before_.IsFree(index)) continue;
        if (uint64_t key = likeness.key(before_.process(index)); key != 0) {
          waiting[key].push_back(index);
        }
      }
      if (waiting.empty()) continue;
      for (size_t index : after) {
        if (!after_.IsFree(index)) continue;
        auto found = waiting.find(likeness.key(after_.process(index)));
        if (found == waiting.end() || found->second.empty()) continue;
        Pair(found->second.front(), index, likeness.how);
        found->second.pop_front();
      }
    }
  }

  // Who captures one process of each run wants these two compared, whatever they are called.
  void MatchOnly() {
    const std::optional<size_t> before = before_.OnlyUserProcess();
    const std::optional<size_t> after = after_.OnlyUserProcess();
    if (before && after && before_.IsFree(*before) && after_.IsFree(*after)) {
      Pair(*before, *after, "only");
    }
  }

  void Pair(size_t before, size_t after, const char* how) {
    before_.Take(before);
    after_.Take(after);
    matches_.push_back({before_.process(before).id, after_.process(after).id, how});
    pairs_.emplace_back(before, after);
  }

  Family before_;
  Family after_;
  std::deque<std::pair<size_t, size_t>> pairs_;  // whose children were not looked at yet
  std::vector<ProcessMatch> matches_;
};

}  // namespace

std::vector<ProcessMatch> MatchRerunProcesses(const MatchSide& before, const MatchSide& after) {
  return ProcessMatcher(before, after).Run();
}

}  // namespace pagesnap
