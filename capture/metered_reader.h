// A ProcReader that measures what each kind of file costs.
#ifndef CAPTURE_METERED_READER_H_
#define CAPTURE_METERED_READER_H_

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

class MeteredReader final : public ProcReader {
 public:
  // `reader` does the work; it is borrowed.
  explicit MeteredReader(ProcReader& reader) : reader_(reader) {}

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  ClockReading Now() override { return reader_.Now(); }

  // Returns the costs by kind of file ("pagemap", "smaps", "kpageflags"). Word files count when
  // they are closed.
  std::map<std::string, SourceCost> Costs();

 private:
  class MeteredWords;
  // The reference stays valid; what it refers to is guarded by mutex_.
  SourceCost& CostOf(const std::string& source);
  void Add(const std::string& source, const SourceCost& cost);

  ProcReader& reader_;
  std::mutex mutex_;
  std::map<std::string, SourceCost> costs_;
};

// Returns the kind of file that `path` is, for costs and gaps: the last part of its name, or
// "cgroup" below sys/fs/cgroup.
std::string SourceOf(const std::string& path);

}  // namespace pagesnap

#endif  // CAPTURE_METERED_READER_H_
