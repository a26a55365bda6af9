#include "tests/bench/synthetic_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "lib/kernel/page_word.h"

namespace pagesnap {
namespace {

constexpr uint64_t kUptodate = uint64_t{1} << 3;
constexpr uint64_t kLru = uint64_t{1} << 5;
constexpr uint64_t kMmap = uint64_t{1} << 11;
constexpr uint64_t kAnon = uint64_t{1} << 12;
constexpr uint64_t kSwapBacked = uint64_t{1} << 14;
constexpr uint64_t kCgroupInode = 4242;

std::string SmapsEntry(uint64_t first_page, uint64_t page_count, const char* rest, uint64_t pss_kib,
                       uint64_t private_kib) {
  return fmt::format(
      "{:x}-{:x} {}\nSize: {} kB\nRss: {} kB\nPss: {} kB\nPrivate_Clean: 0 kB\n"
      "Private_Dirty: {} kB\nSwap: 0 kB\nPrivate_Hugetlb: 0 kB\nShared_Hugetlb: 0 kB\n"
      "VmFlags: rd wr mr mw me ac\n",
      first_page * 4096, (first_page + page_count) * 4096, rest, page_count * 4, page_count * 4,
      pss_kib, private_kib);
}

}  // namespace

class SyntheticMachine::PageMap final : public WordFile {
 public:
  PageMap(const SyntheticMachine& machine, uint32_t process)
      : machine_(machine), process_(process) {}

  size_t Read(uint64_t first, std::span<uint64_t> words) override {
    const uint64_t own = machine_.shared_pages_ + process_ * machine_.private_pages_;
    for (size_t i = 0; i < words.size(); ++i) {
      const uint64_t page = first + i;
      words[i] = 0;
      if (page - kSharedStart < machine_.shared_pages_) {
        words[i] = PageWord::kPresent | PageWord::kFile | machine_.Frame(page - kSharedStart);
      } else if (page - kPrivateStart < machine_.private_pages_) {
        words[i] = PageWord::kPresent | PageWord::kMmapExclusive |
                   machine_.Frame(own + page - kPrivateStart);
      }
    }
    return words.size();
  }

 private:
  const SyntheticMachine& machine_;
  uint32_t process_;
};

class SyntheticMachine::FrameFile final : public WordFile {
 public:
  enum Kind { kFlags, kMapCount, kCgroup };
  FrameFile(const SyntheticMachine& machine, Kind kind) : machine_(machine), kind_(kind) {}

  size_t Read(uint64_t first, std::span<uint64_t> words) override {
    for (size_t i = 0; i < words.size(); ++i) {
      const uint64_t count = machine_.map_counts_.at(first + i);
      const uint64_t flags = kUptodate | kLru | kMmap | kSwapBacked | (count > 1 ? 0 : kAnon);
      words[i] = kind_ == kFlags ? flags : kind_ == kMapCount ? count : kCgroupInode;
    }
    return words.size();
  }

 private:
  const SyntheticMachine& machine_;
  Kind kind_;
};

SyntheticMachine::SyntheticMachine(uint32_t process_count, uint64_t shared_pages,
                                   uint64_t private_pages, Frames frame_order)
    : process_count_(process_count),
      shared_pages_(shared_pages),
      private_pages_(private_pages),
      frames_(frame_order) {
  const uint64_t frames = shared_pages + process_count * private_pages;
  pfn_bits_ = std::bit_width(frames + frames / 2);
  map_counts_.resize(size_t{1} << pfn_bits_);
  CountMappings();
  const uint64_t ram_pages = map_counts_.size();
  texts_.AddText("proc/sys/kernel/hostname", "synthetic\n");
  texts_.AddText("proc/sys/kernel/osrelease", "6.18.0\n");
  texts_.AddText("proc/sys/kernel/version", "#1 SMP\n");
  texts_.AddText("boot/config-6.18.0", "# CONFIG_NO_PAGE_MAPCOUNT is not set\n");
  texts_.AddText("proc/sys/kernel/arch", "x86_64\n");
  texts_.AddText("proc/sys/kernel/random/boot_id", "00000000-0000-0000-0000-000000000000\n");
  texts_.AddText("proc/swaps", "Filename Type Size Used Priority\n");
  texts_.AddText("proc/meminfo", fmt::format("MemTotal: {} kB\n", ram_pages * 4));
  texts_.AddText(
      "proc/zoneinfo",
      fmt::format("Node 0, zone   Normal\n  pages free     0\n        spanned  {0}\n"
                  "        present  {0}\n        managed  {0}\n  start_pfn:           0\n",
                  ram_pages));
  for (int32_t pid : pids()) AddProcess(pid);
}

void SyntheticMachine::AddProcess(int32_t pid) {
  const std::string folder = fmt::format("proc/{}/", pid);
  texts_.AddText(
      folder + "stat",
      fmt::format("{} (server) S 1 {} {} 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0 0 0 0 "
                  "0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                  pid, pid, pid));
  texts_.AddText(folder + "status", "Name:\tserver\nUid:\t0\t0\t0\t0\n");
  texts_.AddText(folder + "cgroup", "0::/server\n");
  texts_.AddText(folder + "cmdline", "server");
  texts_.AddLink(folder + "exe", "/usr/bin/server");
  texts_.AddText(
      folder + "smaps",
      SmapsEntry(kPrivateStart, private_pages_, "rw-p 00000000 00:00 0 ", private_pages_ * 4,
                 private_pages_ * 4) +
          SmapsEntry(kSharedStart, shared_pages_, "rw-s 00000000 00:01 77 /dev/shm/segment",
                     shared_pages_ * 4 / process_count_, 0));
}

void SyntheticMachine::CountMappings() {
  std::fill(map_counts_.begin(), map_counts_.end(), 0);
  const uint64_t frames = shared_pages_ + process_count_ * private_pages_;
  for (uint64_t i = 0; i < frames; ++i) {
    map_counts_[Frame(i)] = static_cast<uint8_t>(i < shared_pages_ ? process_count_ : 1);
  }
}

void SyntheticMachine::Change(Turnover turnover) {
  turnover_ = turnover;
  CountMappings();
}

// The new frames are those behind the old ones: half as many are free.
uint64_t SyntheticMachine::Frame(uint64_t index) const {
  constexpr uint64_t kOneOf = 100;
  constexpr uint64_t kChunk = 4096;
  const uint64_t frames = shared_pages_ + process_count_ * private_pages_;
  const uint64_t group = turnover_ == Turnover::kChunks ? index / kChunk : index;
  // One of each hundred, anywhere in it.
  const uint64_t victim = (group / kOneOf) * 0x9e3779b97f4a7c15 >> 40;
  if (turnover_ == Turnover::kNone || group % kOneOf != victim % kOneOf) return Scatter(index);
  const uint64_t rank =
      turnover_ == Turnover::kChunks ? group / kOneOf * kChunk + index % kChunk : group / kOneOf;
  return Scatter(frames + rank);
}

uint64_t SyntheticMachine::Scatter(uint64_t index) const {
  // Each step is a bijection of pfn_bits_ bits.
  const uint64_t mask = (uint64_t{1} << pfn_bits_) - 1;
  uint64_t x = (index + 1) & mask;
  if (frames_ == Frames::kContiguous) return x;
  for (uint64_t factor : {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb}) {
    x = x * factor & mask;
    x ^= x >> (pfn_bits_ / 2);
  }
  return x;
}

std::vector<int32_t> SyntheticMachine::pids() const {
  std::vector<int32_t> pids;
  for (uint32_t i = 0; i < process_count_; ++i) pids.push_back(kFirstPid + static_cast<int32_t>(i));
  return pids;
}

void SyntheticMachine::ReadText(const std::string& path, const TextSink& sink) {
  texts_.ReadText(path, sink);
}

std::vector<DirectoryEntry> SyntheticMachine::List(const std::string& path) {
  return texts_.List(path);
}

std::string SyntheticMachine::ReadLink(const std::string& path) { return texts_.ReadLink(path); }

std::unique_ptr<WordFile> SyntheticMachine::OpenWords(const std::string& path) {
  if (path == "proc/kpageflags") return std::make_unique<FrameFile>(*this, FrameFile::kFlags);
  if (path == "proc/kpagecount") return std::make_unique<FrameFile>(*this, FrameFile::kMapCount);
  if (path == "proc/kpagecgroup") return std::make_unique<FrameFile>(*this, FrameFile::kCgroup);
  const int pid = std::atoi(path.c_str() + 5);
  if (pid < kFirstPid || !path.ends_with("/pagemap")) return texts_.OpenWords(path);
  return std::make_unique<PageMap>(*this, pid - kFirstPid);
}

ClockReading SyntheticMachine::Now() { return texts_.Now(); }

}  // namespace pagesnap
