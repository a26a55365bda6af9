#include "capture/page_walk.h"

#include <algorithm>
#include <utility>

#include "capture/word_range.h"
#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/page_word.h"

namespace pagesnap {
namespace {

// 512 KiB of words for one read: the kernel is nearly as fast as with 2 MiB, and takes and drops
// mmap_lock for every 512 of them in either case (fs/proc/task_mmu.c, PAGEMAP_WALK_SIZE).
constexpr uint64_t kChunksPerRead = 16;
constexpr uint64_t kWordsPerRead = kChunksPerRead * kPagesPerChunk;

// Reading over a hole costs 4 ns a page and a call some 500 ns: smaller holes are read over, and
// smaller parts are read without looking for holes.
constexpr uint64_t kHoleWorthACall = 128;

// Small parts that lie close together are read with one call, up to 32 KiB of words: a call costs
// more than the words of such a part, and a process can have a hundred thousand of them.
constexpr uint64_t kPagesAhead = 4096;

// Where there is no scan, a mapping of this size that smaps calls empty is believed, because
// reading its holes takes milliseconds. Zero pages and markers in it are then not seen.
constexpr uint64_t kPagesWorthBelieving = uint64_t{1} << 18;

// User addresses end below 2^63 everywhere; what lies above, [vsyscall], is in no pagemap.
constexpr uint64_t kFirstKernelAddress = uint64_t{1} << 63;

ChunkPlace PlaceOf(const MappingSpan& mapping, uint64_t page) {
  uint64_t chunk = (mapping.alignment + page) / kPagesPerChunk;
  // Several mappings may be in one chunk of the addresses: where the mapping begins in it tells
  // them apart.
  uint64_t begin = std::max(chunk * kPagesPerChunk, mapping.alignment);
  // Of relatives by fork the addresses are the same, and of other processes they are random.
  uint64_t slide = CombineKeys(mapping.file_key, mapping.first_page - mapping.alignment);
  return {.process_key = mapping.process_key == 0 ? 0 : CombineKeys(mapping.process_key, begin),
          .address_key = CombineKeys(slide, chunk),
          .file_key = mapping.file_key == 0 ? 0 : CombineKeys(mapping.file_key, chunk),
          .into_chunk = static_cast<uint32_t>((mapping.alignment + page) % kPagesPerChunk)};
}

// Joins ranges across holes that are cheaper to read than to skip.
void JoinNearRanges(std::vector<PageRange>* ranges) {
  size_t kept = 0;
  for (size_t i = 1; i < ranges->size(); ++i) {
    PageRange& last = (*ranges)[kept];
    if ((*ranges)[i].first - last.end < kHoleWorthACall) {
      last.end = (*ranges)[i].end;
    } else {
      (*ranges)[++kept] = (*ranges)[i];
    }
  }
  if (!ranges->empty()) ranges->resize(kept + 1);
}

}  // namespace

PageWalker::PageWalker(CaptureContext& context)
    : context_(context),
      buffer_(std::make_unique_for_overwrite<uint64_t[]>(kWordsPerRead + kPagesAhead)),
      words_(buffer_.get(), kWordsPerRead),
      ahead_(buffer_.get() + kWordsPerRead, kPagesAhead) {}

void PageWalker::Walk(ProcessState& process, std::span<const PagePart> parts) {
  bool readable = Open(process);
  for (size_t i = 0; i < parts.size(); ++i) {
    const PagePart& part = parts[i];
    context_.CheckInterrupt();
    context_.CheckLimit();
    if (readable && !process.gone) ReadAhead(parts.subspan(i));
    if (readable && !process.gone && WalkPart(process, part)) continue;
    if (!readable && !process.gone) break;  // one gap for the process says why
    process.gone = true;
    MarkCutOff(process, part.mapping);
  }
  ahead_count_ = 0;
  pagemap_.reset();
}

// Reads the first part, unless it has been read, and those that follow it closely. Where that
// fails nothing is lost: each part is then read on its own, and says what is wrong with it.
void PageWalker::ReadAhead(std::span<const PagePart> parts) {
  auto first_page = [](const PagePart& part) { return part.mapping.first_page + part.begin; };
  uint64_t first = first_page(parts[0]);
  if (IsAhead(first, parts[0].end - parts[0].begin)) return;
  ahead_count_ = 0;
  uint64_t end = first;
  size_t joined = 0;
  for (const PagePart& part : parts) {
    uint64_t size = part.end - part.begin;
    uint64_t begin = first_page(part);
    if (size >= kPartWorthAScan || begin + size > first + kPagesAhead || begin < end ||
        begin - end >= kHoleWorthACall || !IsInPagemap(begin, context_.page_size)) {
      break;
    }
    end = begin + size;
    ++joined;
  }
  if (joined < 2) return;
  try {
    ahead_first_ = first;
    ahead_count_ = pagemap_->Read(first, ahead_.first(end - first));
  } catch (const ReadError&) {
    ahead_count_ = 0;
  }
}

bool PageWalker::IsAhead(uint64_t first, uint64_t count) const {
  return first >= ahead_first_ && first + count <= ahead_first_ + ahead_count_;
}

bool PageWalker::Open(ProcessState& process) {
  try {
    pagemap_ = context_.reader.OpenWords(process.folder + "/pagemap");
    return true;
  } catch (const ReadError& error) {
    if (error.process_gone()) {
      process.gone = true;
      return false;
    }
    std::lock_guard lock(process.mutex);
    // The parts of one process fail alike.
    if (!std::exchange(process.open_failed, true)) {
      context_.gaps.Add(
          {.process_id = process.process_id, .source = "pagemap", .reason = error.reason()});
    }
    return false;
  }
}

void PageWalker::MarkCutOff(ProcessState& process, const MappingSpan& mapping) {
  std::lock_guard lock(process.mutex);
  process.cut_off.insert(mapping.id);
}

// A process can have a hundred thousand parts, so one gap says it for each mapping.
void PageWalker::MarkOutOfTime(ProcessState& process, const PagePart& part,
                               const std::string& reason) {
  std::lock_guard lock(process.mutex);
  process.out_of_time_reason = reason;
  auto [range, is_new] =
      process.out_of_time.try_emplace(part.mapping.id, PageRange{part.begin, part.end});
  if (is_new) return;
  range->second.first = std::min(range->second.first, part.begin);
  range->second.end = std::max(range->second.end, part.end);
}

// Returns false when the process is gone.
bool PageWalker::WalkPart(ProcessState& process, const PagePart& part) {
  const MappingSpan& mapping = part.mapping;
  if (!IsInPagemap(mapping.first_page, context_.page_size)) return true;
  RangeGap unread(
      context_.gaps,
      {.process_id = process.process_id, .mapping_id = mapping.id, .source = "pagemap"});
  bool alive = false;
  try {
    ranges_.clear();
    bool scanned = !mapping.dense && part.end - part.begin >= kPartWorthAScan &&
                   pagemap_->Scan(ScanFor::kPopulated, mapping.first_page + part.begin,
                                  mapping.first_page + part.end, context_.page_size, &ranges_);
    if (scanned) {
      alive = ReadRanges(process, part, &unread);
    } else if (!context_.can_scan && mapping.empty && mapping.page_count >= kPagesWorthBelieving) {
      alive = true;
    } else {
      alive = ReadAll(process, part, &unread);
    }
  } catch (const ReadError& error) {
    if (error.out_of_time()) {
      MarkOutOfTime(process, part, error.reason());
      alive = true;
    } else if (!error.process_gone()) {
      throw;
    }
  }
  unread.Flush();
  return alive;
}

bool PageWalker::ReadAll(const ProcessState& process, const PagePart& part, RangeGap* unread) {
  const MappingSpan& mapping = part.mapping;
  for (uint64_t begin = part.begin; begin < part.end;) {
    uint64_t into_chunk = (mapping.alignment + begin) % kPagesPerChunk;
    Window window{begin, std::min(part.end, begin + words_.size() - into_chunk)};
    if (!ReadInto(mapping, window, window.begin, window.end, unread)) return false;
    Store(process, mapping, window);
    begin = window.end;
  }
  return true;
}

// Reads only ranges_. A window begins with a range and goes on to the end of the last range that
// begins in the same chunk, because a chunk is stored in one piece; a longer range is read by as
// many whole chunks as fit.
bool PageWalker::ReadRanges(const ProcessState& process, const PagePart& part, RangeGap* unread) {
  const MappingSpan& mapping = part.mapping;
  JoinNearRanges(&ranges_);
  for (PageRange& range : ranges_) {
    range.first -= mapping.first_page;
    range.end -= mapping.first_page;
  }
  uint64_t done = part.begin;
  for (auto range = ranges_.begin(); range != ranges_.end();) {
    Window window{std::max(range->first, done), 0};
    uint64_t to_boundary = kPagesPerChunk - (mapping.alignment + window.begin) % kPagesPerChunk;
    uint64_t first_chunk_end = window.begin + to_boundary;
    uint64_t whole =
        range->end > first_chunk_end ? (range->end - first_chunk_end) / kPagesPerChunk : 0;
    uint64_t most = first_chunk_end + std::min(whole, kChunksPerRead - 1) * kPagesPerChunk;
    for (auto next = range; next != ranges_.end() && next->first < most; ++next) {
      window.end = std::min(next->end, most);
    }
    std::fill_n(words_.begin(), window.end - window.begin, 0);
    for (; range != ranges_.end() && range->first < window.end; ++range) {
      uint64_t begin = std::max(range->first, window.begin);
      uint64_t end = std::min(range->end, window.end);
      if (!ReadInto(mapping, window, begin, end, unread)) return false;
      if (range->end > window.end) break;
    }
    Store(process, mapping, window);
    done = window.end;
  }
  return true;
}

// Reads pages [begin, end) of the mapping to their place in the window. Returns false when the
// process is gone: a pagemap then ends at once.
bool PageWalker::ReadInto(const MappingSpan& mapping, Window window, uint64_t begin, uint64_t end,
                          RangeGap* unread) {
  std::span<uint64_t> words = words_.subspan(begin - window.begin, end - begin);
  uint64_t first_page = mapping.first_page + begin;
  if (IsAhead(first_page, words.size())) {
    std::copy_n(ahead_.begin() + static_cast<std::ptrdiff_t>(first_page - ahead_first_),
                words.size(), words.begin());
    return true;
  }
  size_t count = ReadWordRange(*pagemap_, first_page, words, /*unread=*/0,
                               [&](uint64_t first, uint64_t size, const std::string& reason) {
                                 unread->AddUnread(first - mapping.first_page, size, reason);
                               });
  return count == words.size();
}

void PageWalker::Store(const ProcessState& process, const MappingSpan& mapping, Window window) {
  std::span<uint64_t> words = words_.first(window.end - window.begin);
  uint64_t populated = 0;
  for (uint64_t& raw : words) {
    const PageWord word(raw);
    if (!word.populated()) continue;
    ++populated;
    // PFN 0 is what a reader without CAP_SYS_ADMIN gets; the real frame 0 is never mapped.
    if (word.present() && word.pfn() != 0) {
      const bool mapped_once = (raw & context_.mapped_once_bit) != 0;
      // A file has facts of all frames that its pages name.
      if (!context_.frames.Insert(word.pfn(), mapped_once)) raw &= ~PageWord::kFieldMask;
    }
  }
  if (populated == 0) return;
  context_.page_count += populated;
  context_.Advance(populated * kPageWork);
  if (!context_.held()) return AddPages(context_.writer, mapping, window.begin, words);
  size_t begin = 0;
  while (!PageWord(words[begin]).populated()) ++begin;
  size_t end = words.size();
  while (!PageWord(words[end - 1]).populated()) --end;
  context_.freeze->AddBytes(held_pages_.Add(process.stat.pid, mapping, window.begin + begin,
                                            words.subspan(begin, end - begin)));
}

bool IsInPagemap(uint64_t page, uint64_t page_size) {
  return page < kFirstKernelAddress / page_size;
}

void AddPages(SnapshotWriter& writer, const MappingSpan& mapping, uint64_t first,
              std::span<const uint64_t> words) {
  while (!words.empty()) {
    size_t count = kPagesPerChunk - (mapping.alignment + first) % kPagesPerChunk;
    count = std::min(count, words.size());
    writer.AddPages(mapping.id, first, words.first(count), PlaceOf(mapping, first));
    words = words.subspan(count);
    first += count;
  }
}

}  // namespace pagesnap
