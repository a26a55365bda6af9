#include "capture/frame_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <optional>
#include <span>

#include "capture/frame_file.h"
#include "capture/ram_facts.h"
#include "lib/kernel/frame_flags.h"
#include "lib/kernel/page_word.h"

namespace pagesnap {
namespace {

// Returns about how many bytes the rows take; a value also has a slot in a hash table.
size_t MemoryOf(const DictionaryColumn& column) {
  return column.size() * sizeof(uint16_t) + column.values().size() * 2 * sizeof(uint64_t);
}

FrameBits Union(FrameBits bits, const FrameBits& others) {
  for (size_t i = 0; i < bits.size(); ++i) bits[i] |= others[i];
  return bits;
}

uint32_t CountOf(const FrameBits& bits) {
  int count = 0;
  for (const uint64_t word : bits) count += std::popcount(word);
  return static_cast<uint32_t>(count);
}

// Calls visit(frame, row) for each frame that the columns have a row of, ascending.
template <typename Visit>
void ForEachRow(const FrameColumns& columns, const Visit& visit) {
  size_t row = 0;
  ForEachRun(columns.referenced, [&](uint32_t begin, uint32_t count) {
    for (uint32_t frame = begin; frame < begin + count; ++frame) visit(frame, row++);
  });
}

// Returns the frames whose flags are known and `are_wanted`.
template <typename Test>
FrameBits FramesWhere(const FrameColumns& columns, const Test& are_wanted) {
  FrameBits frames{};
  ForEachRow(columns, [&](uint32_t frame, size_t row) {
    const uint64_t flags = columns.flags.at(row);
    if (flags != kNotRead && are_wanted(flags)) frames[frame / 64] |= uint64_t{1} << frame % 64;
  });
  return frames;
}

// Returns the frames among `mapped_once`, frames of the chunk that their page words call so, whose
// map count is 1 by what kpageflags says of them.
FrameBits WithKnownCount(const FrameColumns& columns, const FrameBits& mapped_once) {
  FrameBits known = FramesWhere(columns, ExclusiveIsMapCountOne);
  for (size_t i = 0; i < known.size(); ++i) known[i] &= mapped_once[i];
  return known;
}

// Returns the frames that tell whether a folio goes on: each is behind the last of a folio that any
// page refers to.
FrameBits BehindFolios(const FrameColumns& columns, uint64_t pmd_pages) {
  FrameBits behind{};
  uint64_t head = 0;
  uint64_t count = 0;  // frames of the folio so far; 0: they are of none, or its head is missing
  auto end_run = [&] {
    const uint64_t next = head + count;
    if (count > 0 && MayFolioGoOn(head, count, pmd_pages)) behind[next / 64] |= 1ULL << next % 64;
    count = 0;
  };
  size_t row = 0;
  ForEachRun(columns.referenced, [&](uint32_t begin, uint32_t length) {
    if (begin != head + count) end_run();
    for (uint64_t frame = begin; frame < begin + length; ++frame, ++row) {
      const uint64_t flags = columns.flags.at(row);
      const bool is_known = flags != kNotRead && (flags & kFrameHuge) == 0;
      if (is_known && (flags & kFrameCompoundHead) != 0) {
        head = frame;
        count = 1;
      } else if (count > 0) {
        count = is_known && (flags & kFrameCompoundTail) != 0 ? count + 1 : 0;
      }
    }
  });
  end_run();
  return behind;
}

}  // namespace

// What one job reads with.
struct FrameCapture::Job {
  std::array<std::optional<FrameFile>, 3> files;
  FrameColumns columns;  // of the chunk that it reads
  // Not set to anything: a page of it that no frame needs is no page fault.
  std::unique_ptr<uint64_t[]> values = std::make_unique_for_overwrite<uint64_t[]>(kFramesPerChunk);
};

FrameCapture::FrameCapture(CaptureContext& context, uint64_t ram_end, const RamRanges* ram)
    : context_(context),
      ram_end_(ram_end),
      ram_(ram),
      sources_(new std::array<FrameSource, 3>{
          {{"kpageflags", kFrameNoPage}, {"kpagecount", 0}, {"kpagecgroup", 0}}}),
      jobs_(context.pool.jobs()) {}

FrameCapture::~FrameCapture() = default;

uint64_t FrameCapture::Count() const {
  return ram_ != nullptr ? ram_->frame_count() : context_.frames.Count();
}

bool FrameCapture::has_flags() const {
  const SourceState state = (*sources_)[0].state;
  return state == SourceState::kRead || state == SourceState::kPartly;
}

void FrameCapture::Schedule() {
  if (const uint64_t count = context_.frames.left_out_count(); count != 0) {
    context_.gaps.Add(
        {.source = "pagemap",
         .reason = fmt::format(
             "the frames of {} pages are unknown: those of the others lie in {} ranges of {} "
             "frames, and that is the limit",
             count, context_.frames.chunk_limit(), kFramesPerChunk)});
  }
  for (FrameSource& source : *sources_) source.opened = source.Open(context_);
  std::map<uint64_t, Wanted> chunks;
  for (uint64_t number : context_.frames.ChunkNumbers()) chunks[number].referenced = true;
  if (ram_ != nullptr && context_.request.freezer == nullptr) {
    for (uint64_t number : ram_->ChunkNumbers()) chunks[number].ram = true;
  }
  AddTasks(chunks);
}

void FrameCapture::ScheduleRam() {
  if (ram_ == nullptr || context_.request.freezer == nullptr) return;
  std::map<uint64_t, Wanted> chunks;
  for (uint64_t number : ram_->ChunkNumbers()) chunks[number].ram = true;
  AddTasks(chunks);
}

void FrameCapture::AddTasks(const std::map<uint64_t, Wanted>& chunks) {
  const auto ram_count = static_cast<size_t>(
      std::ranges::count_if(chunks, [](const auto& entry) { return entry.second.ram; }));
  size_t before = 0;
  for (const auto& entry : chunks) {
    // Among the reads, so that what both count differs as little as possible.
    if (entry.second.ram && before++ == ram_count / 2) {
      context_.pool.Add([this](int) { CaptureFreeMemory(context_); });
    }
    context_.pool.Add([this, entry](int job) { ReadChunk(entry.first, entry.second, job); });
  }
}

FrameCapture::Job& FrameCapture::JobOf(int number) {
  std::unique_ptr<Job>& job = jobs_[number];
  if (!job) job = std::make_unique<Job>();
  for (size_t i = 0; i < job->files.size(); ++i) {
    if (job->files[i]) continue;
    job->files[i].emplace((*sources_)[i], ram_end_, context_,
                          std::span(job->values.get(), kFramesPerChunk));
  }
  return *job;
}

void FrameCapture::ReadChunk(uint64_t number, Wanted wanted, int job) {
  context_.CheckInterrupt();
  context_.CheckLimit();
  auto& [files, columns, values] = JobOf(job);
  const FrameBits referenced = wanted.referenced ? context_.frames.Frames(number) : FrameBits{};
  const FrameBits ram = wanted.ram ? ram_->Frames(number) : FrameBits{};
  columns.referenced = Union(referenced, ram);
  columns.behind_count = 0;
  const uint64_t first_pfn = number * kFramesPerChunk;
  files[0]->ReadColumn(first_pfn, columns.referenced, {}, &columns.flags);
  FrameFile::KnownFrames counts;
  FrameFile::KnownFrames cgroups;
  if (wanted.referenced) {
    counts.ones = WithKnownCount(columns, context_.frames.MappedOnce(number));
    const FrameBits behind =
        Without(BehindFolios(columns, PmdPages(context_.page_size)), columns.referenced);
    if (behind != FrameBits{}) files[0]->ReadBehind(first_pfn, behind, &columns);
    counts.left_out = cgroups.left_out = behind;
  }
  if (wanted.ram) {
    counts.zeros = Without(FramesWhere(columns, HasNoMapCount), counts.left_out);
    cgroups.zeros = Without(FramesWhere(columns, HasNoCgroup), cgroups.left_out);
  }
  files[1]->ReadColumn(first_pfn, columns.referenced, counts, &columns.map_count);
  files[2]->ReadColumn(first_pfn, columns.referenced, cgroups, &columns.cgroup);
  StoreMax(&read_ns_, MonotonicNow());
  context_.Advance((columns.flags.size() - columns.behind_count) *
                   (ram_ == nullptr ? kFrameWork : kRamFrameWork));
  if (wanted.ram) return AddRam(first_pfn, columns, ram, referenced);
  if (context_.held()) return Hold(first_pfn, columns);
  AddFrames(first_pfn, columns);
}

void FrameCapture::Hold(uint64_t first_pfn, const FrameColumns& columns) {
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
  CountTorn(columns, columns.referenced);
  TakeCgroups(columns);
}

void FrameCapture::AddRam(uint64_t first_pfn, const FrameColumns& columns, const FrameBits& ram,
                          const FrameBits& referenced) {
  context_.writer.AddRam(first_pfn, columns, CountOf(ram), CountOf(referenced),
                         context_.request.series);
  CountTorn(columns, referenced);
  TakeCgroups(columns);
}

void FrameCapture::CountTorn(const FrameColumns& columns, const FrameBits& referenced) {
  uint64_t torn = 0;
  ForEachRow(columns, [&](uint32_t frame, size_t row) {
    const uint64_t flags = columns.flags.at(row);
    const bool is_referenced = (referenced[frame / 64] >> frame % 64 & 1) != 0;
    torn +=
        is_referenced && flags != kNotRead && ContradictsMapping(flags, columns.map_count.at(row));
  });
  torn_count_ += torn;
}

void FrameCapture::TakeCgroups(const FrameColumns& columns) {
  const std::lock_guard lock(mutex_);
  cgroups_.insert(columns.cgroup.values().begin(), columns.cgroup.values().end());
}

std::set<uint64_t> FrameCapture::Finish() {
  jobs_.clear();  // the costs of their files count when these are closed
  for (FrameSource& source : *sources_) source.opened.reset();
  context_.writer.SetFrameSources((*sources_)[0].state, (*sources_)[1].state, (*sources_)[2].state);
  return std::move(cgroups_);
}

}  // namespace pagesnap
