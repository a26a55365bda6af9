#include "capture/frame_capture.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <optional>

#include "capture/word_range.h"
#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

// Reading over a frame costs about 90 ns, a call about 400 ns: smaller holes are read over.
constexpr uint32_t kHoleWorthACall = 4;

struct Range {
  uint32_t begin;
  uint32_t end;
};

// Returns the ranges of set bits, joined across small holes.
std::vector<Range> RangesOf(const FrameSet::Bits& bits) {
  std::vector<Range> ranges;
  for (uint32_t i = 0; i < bits.size(); ++i) {
    for (uint64_t rest = bits[i]; rest != 0;) {
      int first = std::countr_zero(rest);
      int length = std::countr_one(rest >> first);
      uint32_t begin = i * 64 + first;
      uint32_t end = begin + length;
      if (!ranges.empty() && begin - ranges.back().end <= kHoleWorthACall) {
        ranges.back().end = end;
      } else {
        ranges.push_back({begin, end});
      }
      rest = first + length == 64 ? 0 : rest >> (first + length) << (first + length);
    }
  }
  return ranges;
}

// One of the three files.
class FrameSource {
 public:
  // `behind_end` is the value of frames that do not exist.
  FrameSource(std::string name, uint64_t behind_end, uint64_t ram_end, ProcReader& reader,
              GapRecorder& gaps)
      : name_(std::move(name)),
        behind_end_(behind_end),
        ram_end_(ram_end),
        unread_(gaps, {.source = name_}),
        values_(kFramesPerChunk) {
    try {
      file_ = reader.OpenWords("proc/" + name_);
      state_ = SourceState::kRead;
    } catch (const ReadError& error) {
      int code = error.error_number();
      state_ = code == EACCES || code == EPERM ? SourceState::kHidden : SourceState::kMissing;
      gaps.Add({.source = name_, .reason = ErrnoText(code)});
    }
  }

  [[nodiscard]] SourceState state() const { return state_; }

  DictionaryColumn ReadColumn(uint64_t first_pfn, const FrameSet::Bits& bits,
                              const std::vector<Range>& ranges) {
    if (file_) {
      for (const Range& range : ranges) ReadRange(first_pfn, range);
    }
    DictionaryColumn column;
    for (uint32_t i = 0; i < bits.size(); ++i) {
      for (uint64_t rest = bits[i]; rest != 0; rest &= rest - 1) {
        column.Append(file_ ? values_[i * 64 + std::countr_zero(rest)] : kNotRead);
      }
    }
    return column;
  }

  void Finish() { unread_.Flush(); }

 private:
  void ReadRange(uint64_t first_pfn, const Range& range) {
    std::span<uint64_t> values = std::span(values_).subspan(range.begin, range.end - range.begin);
    uint64_t first = first_pfn + range.begin;
    unread_.Skip(last_end_, first);
    last_end_ = first + values.size();
    auto report = [&](uint64_t from, uint64_t count, const std::string& reason) {
      state_ = SourceState::kPartly;
      unread_.AddUnread(from, count, reason);
    };
    size_t count = values.size();
    try {
      count = ReadWordRange(*file_, first, values, kNotRead, report);
    } catch (const ReadError& error) {
      // Says of a pagemap that its process is gone; of these files it says no more than others do.
      std::fill(values.begin(), values.end(), kNotRead);
      report(first, values.size(), ErrnoText(error.error_number()));
    }
    for (size_t i = count; i < values.size(); ++i) {
      bool in_ram = ram_end_ == 0 || first + i < ram_end_;
      values[i] = in_ram ? kNotRead : behind_end_;
    }
    if (count < values.size() && (ram_end_ == 0 || first + count < ram_end_)) {
      uint64_t end = ram_end_ == 0 ? first + values.size()
                                   : std::min<uint64_t>(first + values.size(), ram_end_);
      report(first + count, end - first - count, "the file ends before the end of memory");
    }
  }

  std::string name_;
  uint64_t behind_end_;
  uint64_t ram_end_;
  RangeGap unread_;
  uint64_t last_end_ = 0;  // behind the range that was read last
  SourceState state_;
  std::unique_ptr<WordFile> file_;
  std::vector<uint64_t> values_;  // of the current chunk; only referenced frames are meaningful
};

}  // namespace

std::set<uint64_t> CaptureFrames(const FrameSet& frames, uint64_t ram_end, ProcReader& reader,
                                 SnapshotWriter& writer, GapRecorder& gaps, Progress& progress) {
  FrameSource flags("kpageflags", kFrameNoPage, ram_end, reader, gaps);
  FrameSource map_count("kpagecount", 0, ram_end, reader, gaps);
  FrameSource cgroup("kpagecgroup", 0, ram_end, reader, gaps);
  std::set<uint64_t> cgroups;
  for (uint64_t number : frames.ChunkNumbers()) {
    const FrameSet::Bits& bits = frames.Chunk(number);
    std::vector<Range> ranges = RangesOf(bits);
    uint64_t first_pfn = number * kFramesPerChunk;
    FrameColumns columns;
    columns.referenced = bits;
    columns.flags = flags.ReadColumn(first_pfn, bits, ranges);
    columns.map_count = map_count.ReadColumn(first_pfn, bits, ranges);
    columns.cgroup = cgroup.ReadColumn(first_pfn, bits, ranges);
    cgroups.insert(columns.cgroup.values().begin(), columns.cgroup.values().end());
    progress.Advance(columns.flags.size());
    writer.AddFrames(first_pfn, columns);
  }
  flags.Finish();
  map_count.Finish();
  cgroup.Finish();
  writer.SetFrameSources(flags.state(), map_count.state(), cgroup.state());
  return cgroups;
}

}  // namespace pagesnap
