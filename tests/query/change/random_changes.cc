#include "tests/query/change/random_changes.h"

#include <map>
#include <random>
#include <set>

#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

// Snapshots of processes that live on from one to the next, where something changes.
class Generator {
 public:
  Generator(uint64_t seed, SnapshotWriter& writer)
      : random_(seed),
        writer_(writer),
        page_size_(Chance(3) ? 16384 : 4096),
        all_read_(Chance(2)) {}

  void AddSnapshot(bool pfn_visible) {
    if (processes_.empty()) {
      for (uint64_t i = 0; i < 2 + Below(3); ++i) processes_.push_back(MakeProcess());
    } else {
      Change();
    }
    SnapshotFacts facts;
    facts.boot_id = "7c7ad1c3";
    facts.kernel_release = "6.18.0";
    facts.pfn_visible = pfn_visible;
    facts.page_size = page_size_;
    facts.swap_types = SwapTypeConfig{.memory_failure = true, .migration = true};
    facts.map_counts = MapCountKind::kPage;
    writer_.BeginSnapshot(facts);
    referenced_.clear();
    for (const Process& process : processes_) WriteProcess(process, pfn_visible);
    if (pfn_visible) WriteFrames();
    writer_.AddUsages();
    writer_.AddMemoryZone(0, "DMA32", 0, 0x300, 0x300, 0x300);
    writer_.AddMemoryZone(1, "Normal", 0x300, 0x20000, 0x20000, 0x20000);
    const SourceState state = pfn_visible ? SourceState::kRead : SourceState::kHidden;
    writer_.SetFrameSources(state, state, state);
    writer_.Commit();
  }

 private:
  struct Mapping {
    MappingFacts facts;
    std::vector<uint64_t> words;
    bool has_gap = false;
  };
  struct Process {
    int64_t pid = 0;
    std::vector<Mapping> mappings;
  };

  uint64_t Below(uint64_t end) { return random_() % end; }
  bool Chance(uint64_t one_in) { return Below(one_in) == 0; }

  Process MakeProcess() {
    Process process;
    process.pid = next_pid_++;
    uint64_t first_page = Below(50);
    const uint64_t count = 1 + Below(5);
    for (uint64_t i = 0; i < count; ++i) {
      Mapping mapping;
      mapping.facts.first_page = first_page;
      mapping.facts.page_count = Chance(4) ? 5000 + Below(5000) : 1 + Below(40);
      mapping.facts.perms = Chance(4) ? "r-xp" : "rw-p";
      mapping.facts.device = "0:0";
      if (Chance(3)) SetFile(&mapping.facts);
      mapping.facts.vm_flags = Chance(6) ? "rd io pf" : "rd wr";
      mapping.has_gap = Chance(8);
      const uint64_t density = 1 + Below(20);
      mapping.words.resize(mapping.facts.page_count);
      for (uint64_t& word : mapping.words) {
        if (Chance(density)) word = Word();
      }
      first_page += mapping.facts.page_count + Below(3) * 10;
      process.mappings.push_back(std::move(mapping));
    }
    return process;
  }

  void SetFile(MappingFacts* facts) {
    facts->device = "8:1";
    facts->inode = 1 + Below(3);
    facts->path = Chance(2) ? "/lib/x.so." + std::to_string(Below(3)) : "/data";
    facts->offset = Below(6) * page_size_;
  }

  // What happens between two snapshots.
  void Change() {
    if (Chance(4)) processes_.erase(processes_.begin());
    if (Chance(4)) processes_.push_back(MakeProcess());
    for (Process& process : processes_) {
      if (!process.mappings.empty() && Chance(5)) {
        process.mappings.erase(process.mappings.begin() +
                               static_cast<int64_t>(Below(process.mappings.size())));
      }
      for (Mapping& mapping : process.mappings) ChangeMapping(&mapping);
      for (uint64_t i = Below(4); i > 0; --i) MoveMapping(&process);
    }
    const bool frames_change = Chance(2);
    for (auto& [pfn, facts] : frames_) {
      if (frames_change && Chance(30)) facts = MakeFacts();
    }
  }

  void ChangeMapping(Mapping* mapping) {
    mapping->has_gap = Chance(8);
    if (mapping->facts.inode != 0 && Chance(5)) SetFile(&mapping->facts);  // another build
    if (Chance(4)) {  // cut at its start: the chunks lie otherwise
      const uint64_t cut = Below(mapping->facts.page_count);
      mapping->facts.first_page += cut;
      mapping->facts.page_count -= cut;
      mapping->words.erase(mapping->words.begin(),
                           mapping->words.begin() + static_cast<int64_t>(cut));
    } else if (Chance(4)) {
      mapping->facts.page_count = 1 + Below(mapping->facts.page_count);
      mapping->words.resize(mapping->facts.page_count);
    }
    if (Chance(2)) return;
    for (uint64_t& word : mapping->words) {
      if (Chance(20)) word = Chance(3) ? 0 : Word();
    }
  }

  // As mremap() does, of a whole mapping or its end; it may grow.
  void MoveMapping(Process* process) {
    if (process->mappings.empty()) return;
    Mapping& old = process->mappings[Below(process->mappings.size())];
    Mapping moved = old;
    const uint64_t kept = Chance(2) ? 0 : Below(old.facts.page_count);
    moved.words.erase(moved.words.begin(), moved.words.begin() + static_cast<int64_t>(kept));
    moved.words.resize(moved.words.size() + Below(3));
    moved.facts.page_count = moved.words.size();
    const Mapping& last = process->mappings.back();
    moved.facts.first_page = last.facts.first_page + last.facts.page_count + Below(3);
    moved.has_gap = false;
    old.words.resize(std::max<uint64_t>(kept, 1));
    old.words[0] = kept == 0 ? 0 : old.words[0];
    old.facts.page_count = old.words.size();
    process->mappings.push_back(std::move(moved));
  }

  void WriteProcess(const Process& process, bool pfn_visible) {
    const int64_t id = writer_.AddProcess({.pid = process.pid, .name = "p", .state = "S"});
    writer_.SetMappingCount(id, static_cast<int64_t>(process.mappings.size()));
    for (const Mapping& mapping : process.mappings) {
      const int64_t mapping_id = writer_.AddMapping(id, mapping.facts);
      for (uint64_t first = 0; first < mapping.words.size(); first += kPagesPerChunk) {
        const auto end = std::min<uint64_t>(first + kPagesPerChunk, mapping.words.size());
        std::vector<uint64_t> words(mapping.words.begin() + static_cast<int64_t>(first),
                                    mapping.words.begin() + static_cast<int64_t>(end));
        for (uint64_t& word : words) {
          if (PageWord(word).present()) referenced_.insert(PageWord(word).pfn());
          // Without permission the kernel clears the field.
          if (!pfn_visible) word &= ~PageWord::kFieldMask;
        }
        writer_.AddPages(mapping_id, first, words);
      }
      if (mapping.has_gap) {
        writer_.AddGap({.process_id = id,
                        .mapping_id = mapping_id,
                        .source = "pagemap",
                        .first = static_cast<int64_t>(Below(mapping.words.size())),
                        .count = static_cast<int64_t>(1 + Below(30)),
                        .reason = "lost"});
      }
    }
  }

  uint64_t Word() {
    if (Chance(5)) return Swapped(Below(32), Below(1000));
    if (Chance(30)) return kGuardPage;
    const uint64_t near = 1 + Below(Chance(20) ? 3 * kFramesPerChunk : 0x600);
    const uint64_t pfn = Chance(20) ? (uint64_t{1} << 45) + Below(10) : near;
    if (frames_.count(pfn) == 0) frames_[pfn] = MakeFacts();
    return Present(pfn, Chance(2) ? PageWord::kFile : PageWord::kSoftDirty);
  }

  FrameFacts MakeFacts() {
    static constexpr uint64_t kFlags[] = {kFrameHuge, kFrameZeroPage, kFrameNoPage,
                                          kFrameThp,  kFrameAnon,     kNotRead};
    FrameFacts facts;
    facts.flags =
        Chance(4) ? kFlags[Below(all_read_ ? 5 : 6)] : 0x28 | (Chance(2) ? kFrameAnon : 0);
    facts.map_count = !all_read_ && Chance(200) ? kNotRead : Below(7);
    facts.cgroup = Chance(50) ? kNotRead : Below(3);
    return facts;
  }

  void WriteFrames() {
    std::map<uint64_t, FrameColumns> chunks;
    for (const uint64_t pfn : referenced_) {
      FrameColumns& columns = chunks[pfn / kFramesPerChunk];
      const uint64_t index = pfn % kFramesPerChunk;
      columns.referenced[index / 64] |= uint64_t{1} << index % 64;
      columns.flags.Append(frames_[pfn].flags);
      columns.map_count.Append(frames_[pfn].map_count);
      columns.cgroup.Append(frames_[pfn].cgroup);
    }
    for (const auto& [number, columns] : chunks) {
      writer_.AddFrames(number * kFramesPerChunk, columns);
    }
  }

  std::mt19937_64 random_;
  SnapshotWriter& writer_;
  uint64_t page_size_;
  bool all_read_;  // the facts of all frames
  int64_t next_pid_ = 100;
  std::vector<Process> processes_;
  std::map<uint64_t, FrameFacts> frames_;
  std::set<uint64_t> referenced_;  // in this snapshot
};

}  // namespace

void WriteRandomChanges(const std::string& path, uint64_t seed) {
  WriteSnapshotFile(path, [&](SnapshotWriter& writer) {
    Generator generator(seed, writer);
    generator.AddSnapshot(true);
    generator.AddSnapshot(seed % 5 != 0);
  });
}

}  // namespace pagesnap
