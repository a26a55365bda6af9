#include "capture/frame_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <mutex>
#include <optional>
#include <span>

#include "capture/word_range.h"
#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

// Reading over a frame costs 40 to 60 ns, a call (with what proc adds to it) 400 ns on bare metal
// and 3 us in a guest whose system calls go through the host: holes up to this size are read over.
// Between what is best for one and for the other, 8 and 60.
constexpr uint32_t kHoleWorthACall = 24;

struct Range {
  uint32_t begin;
  uint32_t end;
};

// Calls visit(begin, count) for each run of set bits, ascending; a run ends with its word.
template <typename Visit>
void ForEachRun(const FrameBits& bits, const Visit& visit) {
  for (uint32_t i = 0; i < bits.size(); ++i) {
    for (uint64_t rest = bits[i]; rest != 0;) {
      const auto first = static_cast<uint32_t>(std::countr_zero(rest));
      const auto count = static_cast<uint32_t>(std::countr_one(rest >> first));
      visit(i * 64 + first, count);
      rest = first + count == 64 ? 0 : rest >> (first + count) << (first + count);
    }
  }
}

// Returns the ranges of set bits, joined across small holes.
std::vector<Range> RangesOf(const FrameBits& bits) {
  std::vector<Range> ranges;
  ForEachRun(bits, [&](uint32_t begin, uint32_t count) {
    if (!ranges.empty() && begin - ranges.back().end <= kHoleWorthACall) {
      ranges.back().end = begin + count;
    } else {
      ranges.push_back({begin, begin + count});
    }
  });
  return ranges;
}

// Returns about how many bytes the rows take; a value also has a slot in a hash table.
size_t MemoryOf(const DictionaryColumn& column) {
  return column.size() * sizeof(uint16_t) + column.values().size() * 2 * sizeof(uint64_t);
}

FrameBits Without(FrameBits bits, const FrameBits& others) {
  for (size_t i = 0; i < bits.size(); ++i) bits[i] &= ~others[i];
  return bits;
}

// Returns the frames among `mapped_once`, frames of the chunk that their page words call so, whose
// map count is 1 by what kpageflags says of them.
FrameBits WithKnownCount(const FrameColumns& columns, FrameBits mapped_once) {
  size_t row = 0;
  for (size_t i = 0; i < mapped_once.size(); ++i) {
    for (uint64_t rest = columns.referenced[i]; rest != 0; rest &= rest - 1, ++row) {
      const uint64_t flags = columns.flags.at(row);
      if (flags == kNotRead || !ExclusiveIsMapCountOne(flags)) {
        mapped_once[i] &= ~(rest & -rest);
      }
    }
  }
  return mapped_once;
}

}  // namespace

// One of the three files, for all jobs.
struct FrameCapture::Source {
  const char* name;
  uint64_t behind_end;  // the value of frames that do not exist
  std::atomic<SourceState> state = SourceState::kRead;
  std::mutex mutex = {};
  std::unique_ptr<WordFile> opened = nullptr;  // for the job that comes first

  // Opens the file for one job, or returns null and says why in a gap.
  std::unique_ptr<WordFile> Open(CaptureContext& context) {
    try {
      std::unique_ptr<WordFile> file = context.reader.OpenWords(std::string("proc/") + name);
      uint64_t word = 0;
      if (file->Read(0, {&word, 1}) == 1) return file;
      // Containers hide files of /proc behind /dev/null.
      context.gaps.Add({.source = name, .reason = "the file is empty: it is masked here"});
      state = SourceState::kHidden;
      return nullptr;
    } catch (const ReadError& error) {
      context.gaps.Add({.source = name, .reason = error.reason()});
      int code = error.error_number();
      state = code == EACCES || code == EPERM ? SourceState::kHidden : SourceState::kMissing;
      return nullptr;
    }
  }

  std::unique_ptr<WordFile> Take(CaptureContext& context) {
    if (state == SourceState::kHidden || state == SourceState::kMissing) return nullptr;
    std::unique_lock lock(mutex);
    if (opened) return std::move(opened);
    lock.unlock();
    std::unique_ptr<WordFile> file = Open(context);
    if (!file) state = SourceState::kPartly;  // another job could open it
    return file;
  }
};

// One of the three files, opened for one job.
class FrameCapture::File {
 public:
  // `values` has room for a chunk, and is used by one call at a time.
  File(Source& source, uint64_t ram_end, CaptureContext& context, std::span<uint64_t> values)
      : source_(source),
        ram_end_(ram_end),
        context_(context),
        file_(source.Take(context)),
        values_(values) {}

  // Sets the column to the values of the frames in `bits`: those in `known` have the value 1, the
  // others are read.
  void ReadColumn(uint64_t first_pfn, const FrameBits& bits, const FrameBits& known,
                  DictionaryColumn* column) {
    if (file_) {
      RangeGap unread(context_.gaps, {.source = source_.name});
      for (const Range& range : RangesOf(Without(bits, known))) {
        ReadRange(first_pfn, range, &unread);
      }
      unread.Flush();
      ForEachRun(known, [&](uint32_t begin, uint32_t count) {
        std::fill_n(values_.begin() + begin, count, 1);
      });
    } else {
      std::fill(values_.begin(), values_.end(), kNotRead);
    }
    column->Clear();
    ForEachRun(bits, [&](uint32_t begin, uint32_t count) {
      column->Append(values_.subspan(begin, count));
    });
  }

 private:
  void ReadRange(uint64_t first_pfn, const Range& range, RangeGap* unread) {
    std::span<uint64_t> values = values_.subspan(range.begin, range.end - range.begin);
    uint64_t first = first_pfn + range.begin;
    uint64_t end = first + values.size();
    unread->Skip(last_end_, first);
    last_end_ = end;
    auto report = [&](uint64_t from, uint64_t count, const std::string& reason) {
      source_.state = SourceState::kPartly;
      unread->AddUnread(from, count, reason);
    };
    uint64_t file_end = end;
    try {
      file_end = first + ReadWordRange(*file_, first, values, kNotRead, report);
    } catch (const ReadError& error) {
      // Says of a pagemap that its process is gone; of these files it says no more than others do.
      std::fill(values.begin(), values.end(), kNotRead);
      report(first, values.size(), error.reason());
    }
    // Up to here the file should have gone.
    uint64_t due = ram_end_ == 0 ? end : std::clamp(ram_end_, file_end, end);
    for (uint64_t pfn = file_end; pfn < end; ++pfn) {
      values[pfn - first] = pfn < due ? kNotRead : source_.behind_end;
    }
    if (file_end < due) {
      report(file_end, due - file_end, "the file ends before the end of memory");
    }
  }

  Source& source_;
  uint64_t ram_end_;
  CaptureContext& context_;
  std::unique_ptr<WordFile> file_;
  uint64_t last_end_ = 0;       // behind the range that was read last
  std::span<uint64_t> values_;  // of the current chunk; only referenced frames are meaningful
};

// What one job reads with.
struct FrameCapture::Job {
  std::array<std::optional<File>, 3> files;
  FrameColumns columns;  // of the chunk that it reads
  // Not set to anything: a page of it that no frame needs is no page fault.
  std::unique_ptr<uint64_t[]> values = std::make_unique_for_overwrite<uint64_t[]>(kFramesPerChunk);
};

FrameCapture::FrameCapture(CaptureContext& context, uint64_t ram_end)
    : context_(context),
      ram_end_(ram_end),
      sources_(new std::array<Source, 3>{
          {{"kpageflags", kFrameNoPage}, {"kpagecount", 0}, {"kpagecgroup", 0}}}),
      jobs_(context.pool.jobs()) {}

FrameCapture::~FrameCapture() = default;

void FrameCapture::Schedule() {
  if (const uint64_t count = context_.frames.left_out_count(); count != 0) {
    context_.gaps.Add(
        {.source = "pagemap",
         .reason = fmt::format(
             "the frames of {} pages are unknown: those of the others lie in {} ranges of {} "
             "frames, and that is the limit",
             count, context_.frames.chunk_limit(), kFramesPerChunk)});
  }
  for (Source& source : *sources_) source.opened = source.Open(context_);
  for (uint64_t number : context_.frames.ChunkNumbers()) {
    context_.pool.Add([this, number](int job) { ReadChunk(number, job); });
  }
}

void FrameCapture::ReadChunk(uint64_t number, int job) {
  context_.CheckInterrupt();
  context_.CheckLimit();
  if (!jobs_[job]) jobs_[job] = std::make_unique<Job>();
  auto& [files, columns, values] = *jobs_[job];
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i]) continue;
    files[i].emplace((*sources_)[i], ram_end_, context_, std::span(values.get(), kFramesPerChunk));
  }
  columns.referenced = context_.frames.Frames(number);
  uint64_t first_pfn = number * kFramesPerChunk;
  files[0]->ReadColumn(first_pfn, columns.referenced, {}, &columns.flags);
  FrameBits known = WithKnownCount(columns, context_.frames.MappedOnce(number));
  files[1]->ReadColumn(first_pfn, columns.referenced, known, &columns.map_count);
  files[2]->ReadColumn(first_pfn, columns.referenced, {}, &columns.cgroup);
  StoreMax(&read_ns_, MonotonicNow());
  context_.Advance(columns.flags.size());
  if (!context_.held()) return AddFrames(first_pfn, columns);
  auto copy = std::make_unique<FrameColumns>(columns);
  {
    const std::lock_guard lock(mutex_);
    held_[first_pfn] = std::move(copy);
  }
  context_.freeze->AddBytes(sizeof columns + MemoryOf(columns.flags) + MemoryOf(columns.map_count) +
                            MemoryOf(columns.cgroup));
}

void FrameCapture::ScheduleHeld() {
  for (auto& entry : held_) {
    context_.pool.Add([this, &entry](int) {
      AddFrames(entry.first, *entry.second);
      entry.second.reset();
    });
  }
}

void FrameCapture::AddFrames(uint64_t first_pfn, const FrameColumns& columns) {
  context_.writer.AddFrames(first_pfn, columns, context_.request.series);
  uint64_t torn = 0;
  for (size_t row = 0; row < columns.flags.size(); ++row) {
    uint64_t value = columns.flags.at(row);
    torn += value != kNotRead && ContradictsMapping(value, columns.map_count.at(row));
  }
  torn_count_ += torn;
  std::lock_guard lock(mutex_);
  cgroups_.insert(columns.cgroup.values().begin(), columns.cgroup.values().end());
}

std::set<uint64_t> FrameCapture::Finish() {
  jobs_.clear();  // the costs of their files count when these are closed
  for (Source& source : *sources_) source.opened.reset();
  context_.writer.SetFrameSources((*sources_)[0].state, (*sources_)[1].state, (*sources_)[2].state);
  return std::move(cgroups_);
}

}  // namespace pagesnap
