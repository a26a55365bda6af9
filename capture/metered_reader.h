// A ProcReader that measures what each kind of file costs, and limits the time for one process.
#ifndef CAPTURE_METERED_READER_H_
#define CAPTURE_METERED_READER_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/proc/reader.h"

namespace pagesnap {

// What the calls for one kind of file have cost.
struct SourceCost {
  int64_t wall_ns = 0;
  int64_t call_count = 0;
  int64_t byte_count = 0;
  int64_t longest_ns = 0;

  void Add(int64_t duration_ns, int64_t bytes);
  void Add(const SourceCost& other);
};

// What is read of one process can take as long as an unprivileged user wants: 127 TiB of reserved
// addresses, hundreds of thousands of mappings. Once the calls for its maps, smaps or pagemap have
// taken the budget, on all threads together, further ones for this file throw ReadError with
// out_of_time(); likewise those for mapped files and mounts, of all processes together. A call that
// has begun is not cut short.
class MeteredReader final : public ProcReader {
 public:
  static constexpr int64_t kNoBudget = std::numeric_limits<int64_t>::max();

  // `reader` does the work; it is borrowed. `file_budget_ns` is for each of these files
  // of each process.
  explicit MeteredReader(ProcReader& reader, int64_t file_budget_ns = kNoBudget)
      : reader_(reader), file_budget_ns_(file_budget_ns) {}

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  FileStatus StatLink(const std::string& path) override;
  FileStatus StatInFolder(const std::string& folder, const std::string& name) override;
  std::unique_ptr<CachedFile> OpenCached(const std::string& path) override;
  SpaceOrder CompareSpaces(int32_t pid, int32_t other) override {
    return reader_.CompareSpaces(pid, other);
  }
  FoundSharers FindSharers(std::span<const int32_t> tasks,
                           std::span<const int32_t> others) override {
    return reader_.FindSharers(tasks, others);
  }
  ClockReading Now() override { return reader_.Now(); }
  MachineInfo Machine() override { return reader_.Machine(); }
  ResourceUsage Usage() override { return reader_.Usage(); }

  // Returns the costs by kind of file ("pagemap", "smaps", "kpageflags"). Word files count when
  // they are closed.
  std::map<std::string, SourceCost> Costs();

 private:
  class MeteredWords;
  class MeteredCached;
  class Meter;
  using Spent = std::shared_ptr<std::atomic<int64_t>>;
  // The reference stays valid; what it refers to is guarded by mutex_.
  SourceCost& CostOf(const std::string& source);
  void Add(const std::string& source, const SourceCost& cost);
  template <typename Call>
  auto Measure(const std::string& path, const Call& call);
  Spent SpentOn(const std::string& path);

  ProcReader& reader_;
  const int64_t file_budget_ns_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, SourceCost> costs_;
  std::map<std::string, Spent> spent_;  // nanoseconds, by path
};

// Returns the kind of file that `path` is, for costs and gaps: the last part of its name, or
// "cgroup" below sys/fs/cgroup.
std::string SourceOf(const std::string& path);

}  // namespace pagesnap

#endif  // CAPTURE_METERED_READER_H_
