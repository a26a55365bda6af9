#include "capture/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "capture/page_walk.h"
#include "capture/select.h"
#include "capture/word_range.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/page_word.h"
#include "lib/proc/threads.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {
namespace {

class Verifier {
 public:
  Verifier(CaptureContext& context, SnapshotReader& reader)
      : context_(context), reader_(reader), now_(kPagesPerChunk), then_(kPagesPerChunk) {}

  // Returns how many words of the mapping differ, or nothing when they cannot be read.
  std::optional<uint64_t> Compare(WordFile& pagemap, const MappingInfo& mapping) {
    std::vector<ChunkInfo> chunks = reader_.Chunks(mapping);
    uint64_t changed = 0;
    for (uint64_t first : Windows(pagemap, mapping, chunks)) {
      uint64_t count = std::min<uint64_t>(kPagesPerChunk, mapping.page_count - first);
      bool complete = true;
      size_t read =
          ReadWordRange(pagemap, mapping.first_page + first, std::span(now_).first(count), 0,
                        [&](uint64_t, uint64_t, const std::string&) { complete = false; });
      if (read < count || !complete) return std::nullopt;
      FillThen(chunks, first, count);
      uint64_t populated = 0;
      for (uint64_t i = 0; i < count; ++i) {
        changed += IsChanged(then_[i], now_[i]);
        populated += then_[i] != 0 ? 1 : 0;
      }
      context_.Advance(populated * kPageWork);
    }
    return changed;
  }

 private:
  // Returns where pieces of kPagesPerChunk pages begin, from the start of the mapping, that hold
  // all pages populated now or then.
  std::set<uint64_t> Windows(WordFile& pagemap, const MappingInfo& mapping,
                             const std::vector<ChunkInfo>& chunks) {
    std::set<uint64_t> windows;
    auto add = [&](uint64_t first, uint64_t end) {
      for (first -= first % kPagesPerChunk; first < end; first += kPagesPerChunk) {
        windows.insert(first);
      }
    };
    std::vector<PageRange> ranges;
    uint64_t end = mapping.first_page + mapping.page_count;
    if (mapping.page_count < kPartWorthAScan ||
        !pagemap.Scan(ScanFor::kPopulated, mapping.first_page, end, context_.page_size, &ranges)) {
      add(0, mapping.page_count);
      return windows;
    }
    for (const PageRange& range : ranges) {
      add(range.first - mapping.first_page, range.end - mapping.first_page);
    }
    for (const ChunkInfo& chunk : chunks) {
      add(chunk.first_page, chunk.first_page + reader_.Words(chunk.content_id).size());
    }
    return windows;
  }

  // Sets then_ to what was stored of the pages [first, first + count).
  void FillThen(const std::vector<ChunkInfo>& chunks, uint64_t first, uint64_t count) {
    std::fill(then_.begin(), then_.end(), 0);
    for (const ChunkInfo& chunk : chunks) {
      if (chunk.first_page >= first + count) break;
      if (chunk.first_page + kPagesPerChunk <= first) continue;
      std::span<const uint64_t> words = reader_.Words(chunk.content_id);
      for (size_t i = 0; i < words.size(); ++i) {
        uint64_t page = chunk.first_page + i;
        if (page >= first && page < first + count) then_[page - first] = words[i];
      }
    }
  }

  CaptureContext& context_;
  SnapshotReader& reader_;
  std::vector<uint64_t> now_;
  std::vector<uint64_t> then_;
};

}  // namespace

uint64_t VerifyPages(CaptureContext& context, int64_t snapshot_id) {
  SnapshotReader reader(context.writer.database());
  Verifier verifier(context, reader);
  Statement processes(context.writer.database(),
                      "SELECT id, pid FROM process WHERE snapshot_id = ? AND mapping_count > 0");
  processes.Bind(1, snapshot_id);
  uint64_t changed = 0;
  while (processes.Step()) {
    try {
      const ProcessStat stat = ReadStat(context.reader, static_cast<int32_t>(processes.Int(1)));
      std::unique_ptr<WordFile> pagemap =
          context.reader.OpenWords(MemoryFolder(context.reader, stat) + "/pagemap");
      for (const MappingInfo& mapping : reader.Mappings(processes.Int(0), {})) {
        context.CheckInterrupt();
        std::optional<uint64_t> count = verifier.Compare(*pagemap, mapping);
        if (!count) continue;
        context.writer.SetChangedCount(mapping.id, static_cast<int64_t>(*count));
        changed += *count;
      }
    } catch (const ReadError&) {
      continue;  // it ended, which is a gap already, or is one of the next snapshot
    }
  }
  return changed;
}

}  // namespace pagesnap
