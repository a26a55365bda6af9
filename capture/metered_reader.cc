#include "capture/metered_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "lib/base/number.h"

namespace pagesnap {
namespace {

using Clock = std::chrono::steady_clock;

int64_t NanosecondsSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

// Returns whether the time for this kind of file is that for mapped files.
bool IsOfFiles(const std::string& source) {
  return source == "map_files" || source == "mountinfo" || source == "root";
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
  if (path.starts_with("sys/kernel/mm/") || path.starts_with("sys/module/")) return "sysfs";
  if (path.find("/map_files/") != std::string::npos) return "map_files";
  return path.substr(path.rfind('/') + 1);
}

// Counts the calls for one file, and takes their time from the budget of its process.
class MeteredReader::Meter {
 public:
  Meter(MeteredReader& owner, const std::string& path)
      : path_(path),
        what_(IsOfFiles(SourceOf(path)) ? "mapped files" : "this file of one process"),
        budget_ns_(owner.file_budget_ns_),
        spent_(owner.SpentOn(path)) {}

  // Begins a call. Throws ReadError when the budget is used up.
  void Start() {
    if (spent_ && *spent_ > budget_ns_) {
      throw ReadError(path_, ETIME,
                      fmt::format("the time for {} was used up after {} (--budget)", what_,
                                  HumanDuration(static_cast<uint64_t>(budget_ns_))));
    }
    start_ = Clock::now();
  }
  void Stop(int64_t bytes, SourceCost* cost) const {
    const int64_t duration_ns = NanosecondsSince(start_);
    cost->Add(duration_ns, bytes);
    if (spent_) *spent_ += duration_ns;
  }

 private:
  std::string path_;
  const char* what_;
  int64_t budget_ns_;
  Spent spent_;  // null: no budget for this file
  Clock::time_point start_;
};

// Collects on its own and reports once, so that threads do not meet at every read. Where to is
// found when it is made: a destructor must not need memory.
class MeteredReader::MeteredWords final : public WordFile {
 public:
  MeteredWords(std::unique_ptr<WordFile> file, MeteredReader& owner, const std::string& path)
      : file_(std::move(file)),
        owner_(owner),
        meter_(owner, path),
        total_(owner.CostOf(SourceOf(path))),
        scan_total_(owner.CostOf("PAGEMAP_SCAN")) {}
  ~MeteredWords() override {
    const std::lock_guard lock(owner_.mutex_);
    total_.Add(cost_);
    scan_total_.Add(scan_cost_);
  }

  size_t Read(uint64_t first, std::span<uint64_t> words) override {
    meter_.Start();
    size_t count = 0;
    try {
      count = file_->Read(first, words);
    } catch (const ReadError&) {
      meter_.Stop(0, &cost_);
      throw;
    }
    meter_.Stop(static_cast<int64_t>(count * sizeof(uint64_t)), &cost_);
    return count;
  }

  bool Scan(ScanFor what, uint64_t first, uint64_t end, uint64_t page_size,
            std::vector<PageRange>* ranges) override {
    meter_.Start();
    const bool found = file_->Scan(what, first, end, page_size, ranges);
    meter_.Stop(0, &scan_cost_);
    return found;
  }

 private:
  std::unique_ptr<WordFile> file_;
  MeteredReader& owner_;
  Meter meter_;
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

MeteredReader::Spent MeteredReader::SpentOn(const std::string& path) {
  const std::string source = SourceOf(path);
  const bool is_limited = source == "maps" || source == "smaps" || source == "pagemap";
  const bool is_of_files = IsOfFiles(source);
  if (file_budget_ns_ == kNoBudget || !(is_limited || is_of_files)) return nullptr;
  std::lock_guard lock(mutex_);
  Spent& spent = spent_[is_of_files ? "map_files" : path];
  if (!spent) spent = std::make_shared<std::atomic<int64_t>>(0);
  return spent;
}

void MeteredReader::ReadText(const std::string& path, const TextSink& sink) {
  SourceCost cost;
  Meter meter(*this, path);
  meter.Start();
  // Parsing is not the kernel's time: the clock stands still inside the sink.
  reader_.ReadText(path, [&](std::string_view block) {
    meter.Stop(static_cast<int64_t>(block.size()), &cost);
    sink(block);
    meter.Start();
  });
  meter.Stop(0, &cost);  // open, the empty last read, close
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
  return std::make_unique<MeteredWords>(reader_.OpenWords(path), *this, path);
}

template <typename Call>
auto MeteredReader::Measure(const std::string& path, const Call& call) {
  SourceCost cost;
  Meter meter(*this, path);
  meter.Start();
  auto stop = [&](size_t bytes) {
    meter.Stop(static_cast<int64_t>(bytes), &cost);
    Add(SourceOf(path), cost);
  };
  try {
    auto result = call();
    if constexpr (std::is_same_v<decltype(result), size_t>) {
      stop(result);
    } else {
      stop(0);
    }
    return result;
  } catch (const ReadError&) {
    stop(0);
    throw;
  }
}

FileStatus MeteredReader::StatLink(const std::string& path) {
  return Measure(path, [&] { return reader_.StatLink(path); });
}

FileStatus MeteredReader::StatInFolder(const std::string& folder, const std::string& name) {
  return Measure(folder, [&] { return reader_.StatInFolder(folder, name); });
}

class MeteredReader::MeteredCached final : public CachedFile {
 public:
  MeteredCached(std::unique_ptr<CachedFile> file, MeteredReader& owner, const std::string& path)
      : file_(std::move(file)), owner_(owner), path_(path) {}

  size_t Read(uint64_t offset, std::span<char> bytes) override {
    return owner_.Measure(path_, [&] { return file_->Read(offset, bytes); });
  }

 private:
  std::unique_ptr<CachedFile> file_;
  MeteredReader& owner_;
  std::string path_;
};

std::unique_ptr<CachedFile> MeteredReader::OpenCached(const std::string& path) {
  return std::make_unique<MeteredCached>(Measure(path, [&] { return reader_.OpenCached(path); }),
                                         *this, path);
}

std::map<std::string, SourceCost> MeteredReader::Costs() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, SourceCost> costs = costs_;
  std::erase_if(costs, [](const auto& entry) { return entry.second.call_count == 0; });
  return costs;
}

}  // namespace pagesnap
