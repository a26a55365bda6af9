#include "capture/frame_file.h"

#include <algorithm>
#include <cerrno>

#include "capture/word_range.h"

namespace pagesnap {
namespace {

// Reading over a frame costs 40 to 60 ns, a call (with what proc adds to it) 400 ns on bare metal
// and 3 us in a guest whose system calls go through the host: holes up to this size are read over.
// Between what is best for one and for the other, 8 and 60.
constexpr uint32_t kHoleWorthACall = 24;

}  // namespace

FrameBits Without(FrameBits bits, const FrameBits& others) {
  for (size_t i = 0; i < bits.size(); ++i) bits[i] &= ~others[i];
  return bits;
}

std::unique_ptr<WordFile> FrameSource::Open(CaptureContext& context) {
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

std::unique_ptr<WordFile> FrameSource::Take(CaptureContext& context) {
  if (state == SourceState::kHidden || state == SourceState::kMissing) return nullptr;
  std::unique_lock lock(mutex);
  if (opened) return std::move(opened);
  lock.unlock();
  std::unique_ptr<WordFile> file = Open(context);
  if (!file) state = SourceState::kPartly;  // another job could open it
  return file;
}

FrameFile::FrameFile(FrameSource& source, uint64_t ram_end, CaptureContext& context,
                     std::span<uint64_t> values)
    : source_(source),
      ram_end_(ram_end),
      context_(context),
      file_(source.Take(context)),
      values_(values) {}

void FrameFile::ReadColumn(uint64_t first_pfn, const FrameBits& bits, const KnownFrames& known,
                           DictionaryColumn* column) {
  if (file_) {
    RangeGap unread(context_.gaps, {.source = source_.name});
    const FrameBits to_read =
        Without(Without(Without(bits, known.ones), known.zeros), known.left_out);
    for (const Range& range : RangesOf(to_read)) ReadRange(first_pfn, range, &unread);
    unread.Flush();
    Fill(known.ones, 1);
    Fill(known.zeros, 0);
    Fill(known.left_out, kNotRead);
  } else {
    std::fill(values_.begin(), values_.end(), kNotRead);
  }
  SetRows(bits, column);
}

void FrameFile::ReadBehind(uint64_t first_pfn, const FrameBits& behind, FrameColumns* columns) {
  for (const Range& range : RangesOf(behind)) ReadRange(first_pfn, range, nullptr);
  for (size_t i = 0; i < behind.size(); ++i) columns->referenced[i] |= behind[i];
  ForEachRun(behind, [&](uint32_t begin, uint32_t count) {
    columns->behind_count += count;
    for (uint64_t& flags : values_.subspan(begin, count)) {
      if (flags != kNotRead) flags &= kFrameCompoundTail;
    }
  });
  SetRows(columns->referenced, &columns->flags);
}

// Returns the ranges of set bits, joined across small holes.
std::vector<FrameFile::Range> FrameFile::RangesOf(const FrameBits& bits) {
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

void FrameFile::Fill(const FrameBits& bits, uint64_t value) {
  ForEachRun(bits, [&](uint32_t begin, uint32_t count) {
    std::fill_n(values_.begin() + begin, count, value);
  });
}

void FrameFile::SetRows(const FrameBits& bits, DictionaryColumn* column) {
  column->Clear();
  ForEachRun(
      bits, [&](uint32_t begin, uint32_t count) { column->Append(values_.subspan(begin, count)); });
}

// Says in `unread` what cannot be read, unless that is null.
void FrameFile::ReadRange(uint64_t first_pfn, const Range& range, RangeGap* unread) {
  std::span<uint64_t> values = values_.subspan(range.begin, range.end - range.begin);
  uint64_t first = first_pfn + range.begin;
  uint64_t end = first + values.size();
  if (unread != nullptr) unread->Skip(last_end_, first);
  last_end_ = end;
  auto report = [&](uint64_t from, uint64_t count, const std::string& reason) {
    if (unread == nullptr) return;
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

}  // namespace pagesnap
