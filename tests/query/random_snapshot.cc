#include "tests/query/random_snapshot.h"

#include <map>
#include <random>

#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

class Generator {
 public:
  Generator(uint64_t seed, SnapshotWriter& writer) : random_(seed), writer_(writer) {}

  void AddSnapshot(bool pfn_visible) {
    frames_.clear();
    SnapshotFacts facts;
    facts.kernel_release = "6.18.0";
    facts.pfn_visible = pfn_visible;
    facts.page_size = Chance(3) ? 16384 : 4096;
    facts.swap_types = SwapTypeConfig{.memory_failure = true, .migration = true};
    writer_.BeginSnapshot(facts);
    for (uint64_t i = 0; i < 2 + Below(3); ++i) AddProcess(pfn_visible);
    if (pfn_visible) AddFrames();
    writer_.AddMemoryZone(0, "DMA32", 0, 0x300, 0x300, 0x300);
    writer_.AddMemoryZone(1, "Normal", 0x300, 0x20000, 0x20000, 0x20000);
    const SourceState state = pfn_visible ? SourceState::kRead : SourceState::kHidden;
    writer_.SetFrameSources(state, state, state);
    writer_.Commit();
  }

 private:
  uint64_t Below(uint64_t end) { return random_() % end; }
  bool Chance(uint64_t one_in) { return Below(one_in) == 0; }

  void AddProcess(bool pfn_visible) {
    const int64_t process = writer_.AddProcess(
        {.pid = static_cast<int64_t>(100 + Below(5)), .name = "p", .state = "S"});
    uint64_t first_page = Below(50);
    int64_t mapping_count = 0;
    for (uint64_t i = 0; i < Below(6); ++i, ++mapping_count) {
      MappingFacts facts;
      facts.first_page = first_page;
      facts.page_count = Chance(4) ? 5000 + Below(5000) : 1 + Below(40);
      facts.perms = "rw-p";
      facts.device = "0:0";
      facts.vm_flags = Chance(6) ? "rd io pf" : "rd wr";
      first_page += facts.page_count + Below(3) * 10;
      const int64_t mapping = writer_.AddMapping(process, facts);
      AddPages(mapping, facts.page_count, pfn_visible);
      if (Chance(8)) {
        writer_.AddGap({.process_id = process,
                        .mapping_id = mapping,
                        .source = "pagemap",
                        .first = 0,
                        .count = 1,
                        .reason = "lost"});
      }
    }
    writer_.SetMappingCount(process, mapping_count);
  }

  void AddPages(int64_t mapping, uint64_t page_count, bool pfn_visible) {
    const uint64_t density = 1 + Below(20);
    for (uint64_t first = 0; first < page_count; first += kPagesPerChunk) {
      std::vector<uint64_t> words(std::min<uint64_t>(kPagesPerChunk, page_count - first));
      for (uint64_t& word : words) {
        if (!Chance(density)) continue;
        word = Word();
        // Without permission the kernel clears the field.
        if (!pfn_visible) word &= ~PageWord::kFieldMask;
      }
      writer_.AddPages(mapping, first, words);
    }
  }

  uint64_t Word() {
    if (Chance(5)) return Swapped(Below(32), Below(1000));
    if (Chance(30)) return kGuardPage;
    const uint64_t near = 1 + Below(Chance(20) ? 3 * kFramesPerChunk : 0x600);
    const uint64_t pfn = Chance(20) ? (uint64_t{1} << 45) + Below(10) : near;
    if (frames_.count(pfn) == 0) frames_[pfn] = Below(8);
    return Present(pfn, Chance(2) ? PageWord::kFile : PageWord::kSoftDirty);
  }

  void AddFrames() {
    std::map<uint64_t, FrameColumns> chunks;
    for (const auto& [pfn, kind] : frames_) {
      FrameColumns& columns = chunks[pfn / kFramesPerChunk];
      const uint64_t index = pfn % kFramesPerChunk;
      columns.referenced[index / 64] |= uint64_t{1} << index % 64;
      static constexpr uint64_t kFlags[] = {kFrameHuge, kFrameZeroPage, kFrameNoPage, kNotRead};
      columns.flags.Append(kind < 4 && Chance(4) ? kFlags[kind] : 0x28);
      columns.map_count.Append(Chance(200) ? kNotRead : Below(7));
      columns.cgroup.Append(Chance(50) ? kNotRead : Below(3));
    }
    for (const auto& [number, columns] : chunks) {
      writer_.AddFrames(number * kFramesPerChunk, columns);
    }
  }

  std::mt19937_64 random_;
  SnapshotWriter& writer_;
  std::map<uint64_t, uint64_t> frames_;  // of the snapshot, each with a kind
};

}  // namespace

void WriteRandomSnapshots(const std::string& path, uint64_t seed) {
  WriteSnapshotFile(path, [&](SnapshotWriter& writer) {
    Generator generator(seed, writer);
    generator.AddSnapshot(true);
    generator.AddSnapshot(seed % 3 != 0);
  });
}

}  // namespace pagesnap
