// A machine of any size that needs no memory: its page words are computed when they are read.
#ifndef TESTS_BENCH_SYNTHETIC_MACHINE_H_
#define TESTS_BENCH_SYNTHETIC_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_reader.h"

namespace pagesnap {

// `process_count` processes that all map one shared memory segment of `shared_pages`, and each
// have `private_pages` of their own, all in random frames or each in one physical run. Pids are
// kFirstPid on. A frame's map count is what the mappings amount to, so that computed figures equal
// those of smaps.
class SyntheticMachine final : public ProcReader {
 public:
  static constexpr int32_t kFirstPid = 1000;
  static constexpr uint64_t kSharedStart = uint64_t{0x7f0000000000} / 4096;   // page number
  static constexpr uint64_t kPrivateStart = uint64_t{0x550000000000} / 4096;  // likewise

  enum class Frames { kRandom, kContiguous };

  SyntheticMachine(uint32_t process_count, uint64_t shared_pages, uint64_t private_pages,
                   Frames frame_order = Frames::kRandom);

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  ClockReading Now() override;
  MachineInfo Machine() override { return texts_.Machine(); }
  ResourceUsage Usage() override { return texts_.Usage(); }

  // Which pages get another frame: one of a hundred, here and there; or all pages of one of a
  // hundred chunks of 4096.
  enum class Turnover { kNone, kScattered, kChunks };
  void Change(Turnover turnover);

  [[nodiscard]] std::vector<int32_t> pids() const;
  // Returns the PFN of a page of the shared segment.
  [[nodiscard]] uint64_t SharedPfn(uint64_t page) const { return Frame(page); }

 private:
  class PageMap;
  class FrameFile;

  void AddProcess(int32_t pid);
  // Returns the PFN of a page: those of the segment are counted first, then each process's own.
  [[nodiscard]] uint64_t Frame(uint64_t index) const;
  void CountMappings();
  // Maps 0, 1, 2, ... to PFNs without a pattern and never twice, or one after the other.
  [[nodiscard]] uint64_t Scatter(uint64_t index) const;

  uint32_t process_count_;
  uint64_t shared_pages_;
  uint64_t private_pages_;
  Frames frames_;
  int pfn_bits_;
  Turnover turnover_ = Turnover::kNone;
  std::vector<uint8_t> map_counts_;  // by PFN
  FakeReader texts_;
};

}  // namespace pagesnap

#endif  // TESTS_BENCH_SYNTHETIC_MACHINE_H_
