#include "capture/process_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "capture/select.h"
#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/page_word.h"

namespace pagesnap {
namespace {

// 512 KiB of words for one read: the kernel is nearly as fast as with 2 MiB, and takes and drops
// mmap_lock for every 512 of them in either case (fs/proc/task_mmu.c, PAGEMAP_WALK_SIZE).
constexpr size_t kWordsPerRead = 16 * kPagesPerChunk;

bool IsDenied(int error_number) { return error_number == EACCES || error_number == EPERM; }

// Runs `read` and returns its result, or nothing when the file cannot be read: these facts are
// nice to have, and the kernel hides some of them from other users.
template <typename Read>
auto Optional(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const Error&) {
    return std::nullopt;
  }
}

ProcessFacts ReadFacts(ProcReader& reader, const ProcessStat& stat) {
  auto path = [&](const char* name) { return fmt::format("proc/{}/{}", stat.pid, name); };
  ProcessFacts facts;
  facts.pid = stat.pid;
  facts.ppid = stat.ppid;
  facts.start_time_ticks = stat.start_time_ticks;
  facts.name = stat.name;
  facts.state = std::string(1, stat.state);
  facts.thread_count = stat.thread_count;
  facts.kernel_thread = stat.kernel_thread;
  facts.uid =
      Optional([&] { return int64_t{ParseStatusUid(ReadWholeText(reader, path("status")))}; });
  facts.cgroup = Optional([&] { return ParseMemoryCgroup(ReadWholeText(reader, path("cgroup"))); });
  if (!stat.kernel_thread) {
    facts.exe = Optional([&] { return reader.ReadLink(path("exe")); });
    facts.cmdline = Optional([&] { return ParseCmdline(ReadWholeText(reader, path("cmdline"))); });
  }
  return facts;
}

}  // namespace

ProcessCapture::ProcessCapture(ProcReader& reader, SnapshotWriter& writer, GapRecorder& gaps,
                               Progress& progress, uint64_t page_size, bool accounting)
    : reader_(reader),
      writer_(writer),
      gaps_(gaps),
      progress_(progress),
      page_size_(page_size),
      accounting_(accounting),
      buffer_(kWordsPerRead) {}

std::string ProcessCapture::Path(const std::string& name) const {
  return fmt::format("proc/{}/{}", pid_, name);
}

void ProcessCapture::AddGap(const std::string& source, const std::string& reason) {
  gaps_.Add({.process_id = process_id_, .source = source, .reason = reason});
}

bool ProcessCapture::Run(const ProcessStat& stat) {
  pid_ = stat.pid;
  denied_ = false;
  gone_ = false;
  mappings_.clear();
  figures_ = AccountingTableBuilder();
  process_id_ = writer_.AddProcess(ReadFacts(reader_, stat));
  // Kernel threads have no memory of their own; zombies had, and their files are empty.
  if (stat.kernel_thread || stat.state == 'Z') return true;
  ReadMappings();
  mapping_count_ += mappings_.size();
  writer_.SetMappingCount(process_id_, static_cast<int64_t>(mappings_.size()));
  if (figures_.row_count() > 0) writer_.AddAccounting(process_id_, figures_);
  if (!mappings_.empty() && !gone_) ReadPages();
  CheckIdentity(stat);
  return !denied_;
}

// A gap of source "maps" says that the list of mappings is incomplete, whichever file it was read
// from; "smaps" says that only the kernel's figures are missing.
void ProcessCapture::ReadMappings() {
  try {
    try {
      ReadMapsFile(accounting_ ? "smaps" : "maps");
    } catch (const ReadError& error) {
      // A kernel without CONFIG_PROC_PAGE_MONITOR has maps and no smaps. Once mappings were taken
      // from one of them, the other could only contradict it.
      if (!accounting_ || IsDenied(error.error_number()) || !mappings_.empty()) throw;
      ReadMapsFile("maps");
      AddGap("smaps", ErrnoText(error.error_number()));
    }
  } catch (const ReadError& error) {
    denied_ = IsDenied(error.error_number());
    gone_ = error.process_gone();
    AddGap("maps", gone_ ? "the process ended" : ErrnoText(error.error_number()));
  } catch (const Error& error) {
    AddGap("maps", error.what());
  }
}

void ProcessCapture::ReadMapsFile(const std::string& name) {
  MapsParser parser([&](const MapsEntry& entry) { AddMapping(entry); });
  reader_.ReadText(Path(name), [&](std::string_view block) { parser.Feed(block); });
  parser.Finish();
}

void ProcessCapture::AddMapping(const MapsEntry& entry) {
  MappingFacts facts;
  facts.first_page = entry.start / page_size_;
  facts.page_count = (entry.end - entry.start) / page_size_;
  facts.perms = entry.perms;
  facts.offset = entry.offset;
  facts.device = fmt::format("{}:{}", entry.device_major, entry.device_minor);
  facts.inode = entry.inode;
  facts.path = entry.path;
  if (entry.has_accounting) facts.vm_flags = entry.vm_flags;
  if (facts.page_count == 0) return;
  // Equal parts of a file give equal chunks in every process that maps them, wherever it does.
  uint64_t alignment = entry.inode != 0 ? entry.offset / page_size_ : facts.first_page;
  int64_t id = writer_.AddMapping(process_id_, facts);
  mappings_.push_back({id, facts.first_page, facts.page_count, alignment});
  if (!entry.has_accounting) return;
  figures_.BeginRow();
  for (const SmapsField& field : entry.fields) figures_.Set(field.name, field.value);
}

void ProcessCapture::ReadPages() {
  std::unique_ptr<WordFile> pagemap;
  try {
    pagemap = reader_.OpenWords(Path("pagemap"));
  } catch (const ReadError& error) {
    denied_ = IsDenied(error.error_number());
    gone_ = error.process_gone();
    AddGap("pagemap", gone_ ? "the process ended" : ErrnoText(error.error_number()));
    return;
  }
  for (size_t i = 0; i < mappings_.size(); ++i) {
    if (ReadMappingPages(*pagemap, mappings_[i])) continue;
    gone_ = true;
    // Each mapping that was not read to its end says so itself: its figures are unknown.
    for (; i < mappings_.size(); ++i) {
      gaps_.Add({.process_id = process_id_,
                 .mapping_id = mappings_[i].id,
                 .source = "pagemap",
                 .reason = "the process ended"});
    }
  }
}

// Returns false when the process is gone.
bool ProcessCapture::ReadMappingPages(WordFile& pagemap, const MappingSpan& mapping) {
  RangeGap unread(gaps_,
                  {.process_id = process_id_, .mapping_id = mapping.id, .source = "pagemap"});
  uint64_t done = 0;
  while (done < mapping.page_count) {
    uint64_t into_chunk = (mapping.alignment + done) % kPagesPerChunk;
    size_t count = std::min(mapping.page_count - done, kWordsPerRead - into_chunk);
    std::span<uint64_t> words = std::span(buffer_).first(count);
    size_t read = 0;
    try {
      read = ReadWordRange(pagemap, mapping.first_page + done, words, /*unread=*/0,
                           [&](uint64_t first, uint64_t size, const std::string& reason) {
                             unread.AddUnread(first - mapping.first_page, size, reason);
                           });
    } catch (const ReadError&) {
      return false;
    }
    if (read > 0) StoreWords(mapping, done, words.first(read));
    if (read < count) {
      // [vsyscall] lies behind the end of every pagemap; elsewhere the end means that the address
      // space is gone.
      bool outside = done == 0 && read == 0 && mapping.first_page >= uint64_t{1} << 51;
      if (!outside) return false;
      return true;
    }
    done += count;
  }
  unread.Flush();
  return true;
}

void ProcessCapture::StoreWords(const MappingSpan& mapping, uint64_t done,
                                std::span<const uint64_t> words) {
  uint64_t populated = 0;
  for (uint64_t raw : words) {
    PageWord word(raw);
    if (!word.populated()) continue;
    ++populated;
    // PFN 0 is what a reader without CAP_SYS_ADMIN gets; the real frame 0 is never mapped.
    if (word.present() && word.pfn() != 0) frames_.Insert(word.pfn());
  }
  page_count_ += populated;
  progress_.Advance(populated);
  if (populated == 0) return;
  while (!words.empty()) {
    size_t count = kPagesPerChunk - (mapping.alignment + done) % kPagesPerChunk;
    count = std::min(count, words.size());
    writer_.AddPages(mapping.id, done, words.first(count));
    words = words.subspan(count);
    done += count;
  }
}

void ProcessCapture::CheckIdentity(const ProcessStat& stat) {
  if (gone_ || denied_) return;
  try {
    ProcessStat now = ReadStat(reader_, pid_);
    if (now.start_time_ticks != stat.start_time_ticks) {
      AddGap("stat", "the process ended during the capture and its pid was given to another");
    }
  } catch (const Error&) {
    AddGap("stat", "the process ended during the capture");
  }
}

}  // namespace pagesnap
