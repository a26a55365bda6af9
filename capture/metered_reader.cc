#include "capture/metered_reader.h"

#include <algorithm>
#include <chrono>

namespace pagesnap {
namespace {

using Clock = std::chrono::steady_clock;

int64_t NanosecondsSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

}  // namespace

void SourceCost::Add(int64_t duration_ns, int64_t bytes) {
  wall_ns += duration_ns;
  ++call_count;
  byte_count += bytes;
  longest_ns = std::max(longest_ns, duration_ns);
}

void SourceCost::Add(const SourceCost& other) {
  wall_ns += other.wall_ns;
  call_count += other.call_count;
  byte_count += other.byte_count;
  longest_ns = std::max(longest_ns, other.longest_ns);
}

std::string SourceOf(const std::string& path) {
  if (path.starts_with("sys/fs/cgroup")) return "cgroupfs";
  if (path.starts_with("proc/sys/")) return "sysctl";
  return path.substr(path.rfind('/') + 1);
}

// Collects on its own and reports once, so that threads do not meet at every read. Where to is
// found when it is made: a destructor must not need memory.
class MeteredReader::MeteredWords final : public WordFile {
 public:
  MeteredWords(std::unique_ptr<WordFile> file, MeteredReader& owner, const std::string& source)
      : file_(std::move(file)),
        owner_(owner),
        total_(owner.CostOf(source)),
        scan_total_(owner.CostOf("PAGEMAP_SCAN")) {}
  ~MeteredWords() override {
    const std::lock_guard lock(owner_.mutex_);
    total_.Add(cost_);
    scan_total_.Add(scan_cost_);
  }

  size_t Read(uint64_t first, std::span<uint64_t> words) override {
    Clock::time_point start = Clock::now();
    size_t count = 0;
    try {
      count = file_->Read(first, words);
    } catch (const ReadError&) {
      cost_.Add(NanosecondsSince(start), 0);
      throw;
    }
    cost_.Add(NanosecondsSince(start), static_cast<int64_t>(count * sizeof(uint64_t)));
    return count;
  }

  bool Scan(ScanFor what, uint64_t first, uint64_t end, uint64_t page_size,
            std::vector<PageRange>* ranges) override {
    Clock::time_point start = Clock::now();
    bool found = file_->Scan(what, first, end, page_size, ranges);
    scan_cost_.Add(NanosecondsSince(start), 0);
    return found;
  }

 private:
  std::unique_ptr<WordFile> file_;
  MeteredReader& owner_;
  SourceCost& total_;
  SourceCost& scan_total_;
  SourceCost cost_;
  SourceCost scan_cost_;
};

SourceCost& MeteredReader::CostOf(const std::string& source) {
  const std::lock_guard lock(mutex_);
  return costs_[source];
}

void MeteredReader::Add(const std::string& source, const SourceCost& cost) {
  std::lock_guard lock(mutex_);
  costs_[source].Add(cost);
}

void MeteredReader::ReadText(const std::string& path, const TextSink& sink) {
  SourceCost cost;
  Clock::time_point start = Clock::now();
  // Parsing is not the kernel's time: the clock stands still inside the sink.
  reader_.ReadText(path, [&](std::string_view block) {
    cost.Add(NanosecondsSince(start), static_cast<int64_t>(block.size()));
    sink(block);
    start = Clock::now();
  });
  cost.Add(NanosecondsSince(start), 0);  // open, the empty last read, close
  Add(SourceOf(path), cost);
}

std::vector<DirectoryEntry> MeteredReader::List(const std::string& path) {
  Clock::time_point start = Clock::now();
  std::vector<DirectoryEntry> entries = reader_.List(path);
  SourceCost cost;
  cost.Add(NanosecondsSince(start), 0);
  Add(SourceOf(path), cost);
  return entries;
}

std::string MeteredReader::ReadLink(const std::string& path) {
  Clock::time_point start = Clock::now();
  std::string target = reader_.ReadLink(path);
  SourceCost cost;
  cost.Add(NanosecondsSince(start), static_cast<int64_t>(target.size()));
  Add(SourceOf(path), cost);
  return target;
}

std::unique_ptr<WordFile> MeteredReader::OpenWords(const std::string& path) {
  return std::make_unique<MeteredWords>(reader_.OpenWords(path), *this, SourceOf(path));
}

std::map<std::string, SourceCost> MeteredReader::Costs() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, SourceCost> costs = costs_;
  std::erase_if(costs, [](const auto& entry) { return entry.second.call_count == 0; });
  return costs;
}

}  // namespace pagesnap
