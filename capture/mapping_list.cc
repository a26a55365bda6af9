#include "capture/mapping_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/text_pipe.h"
#include "lib/codec/checksum.h"
#include "lib/proc/pagemap_scan.h"
#include "lib/proc/parse_maps.h"

namespace pagesnap {
namespace {

// Returns whether the field of smaps counts pages that pagemap has words of.
bool IsHeld(std::string_view name) {
  return name == "Rss" || name == "Swap" || name == "Private_Hugetlb" || name == "Shared_Hugetlb";
}

bool IsDenied(int error_number) { return error_number == EACCES || error_number == EPERM; }

// Adds the kernel's figures of a process to the writer, now or after the release.
void KeepFigures(CaptureContext& context, ProcessState& process, AccountingTableBuilder figures) {
  if (!context.held()) {
    return context.writer.AddAccounting(process.process_id, figures, process.family_key);
  }
  process.held->figures = std::move(figures);
  context.freeze->AddBytes(process.held->figures->memory());
}

// Adds a gap of the process. When its files are `gone`, it may have ended, and then there is none:
// that is known when all of it is read.
void AddGap(CaptureContext& context, ProcessState& process, const char* source,
            const std::string& reason, bool gone) {
  const Gap gap{.process_id = process.process_id, .source = source, .reason = reason};
  if (!gone) return context.gaps.Add(gap);
  const std::lock_guard lock(process.mutex);
  process.gaps_if_alive.push_back(gap);
}

// Reads one of the two files into the writer.
class MappingListReader {
 public:
  using Sink = std::function<void(const MappingSpan& span)>;
  MappingListReader(CaptureContext& context, ProcessState& process, const Sink& sink)
      : context_(context), process_(process), sink_(sink), list_(context.writer.mappings()) {}

  // Throws ReadError, or Error for text that is no maps. What was read before that stands.
  void Read(const char* file) {
    MapsParser parser([&](const MapsEntry& entry) { Add(entry); });
    TextPipe pipe([&](std::string_view block) { parser.Feed(block); }, context_.pool.jobs() > 1);
    try {
      context_.reader.ReadText(fmt::format("{}/{}", process_.folder, file),
                               [&](std::string_view block) { pipe.Put(block); });
    } catch (const ReadError&) {
      pipe.Finish();
      throw;
    }
    pipe.Finish();
    parser.Finish();
  }

  void Finish() {
    list_.Finish();
    context_.writer.mappings().ReturnIds(&ids_);
    context_.mapping_count += process_.mapping_count;
    if (process_.held == nullptr) {
      context_.writer.SetMappingCount(process_.process_id,
                                      static_cast<int64_t>(process_.mapping_count));
    }
    if (figures_.row_count() > 0) KeepFigures(context_, process_, std::move(figures_));
  }

 private:
  void Add(const MapsEntry& entry) {
    if (entry.end - entry.start < context_.page_size) {
      rows_in_line_ = 0;
      return;
    }
    SetFacts(entry);
    const MappingRow row = context_.writer.MakeMapping(process_.process_id, facts_, &ids_);
    MappingSpan span;
    span.id = row.id;
    span.first_page = facts_.first_page;
    span.page_count = facts_.page_count;
    // Equal parts of a file give equal chunks in every process that maps them, wherever it does.
    span.alignment = entry.inode != 0 ? entry.offset / context_.page_size : facts_.first_page;
    if (entry.inode != 0) {
      uint64_t device = uint64_t{entry.device_major} << 32 | entry.device_minor;
      span.file_key = CombineKeys(device, entry.inode);
    }
    if (process_.mapping_count == 0) {
      process_.family_key = CombineKeys(span.file_key, span.first_page);
    }
    if (context_.request.series) {
      span.process_key =
          CombineKeys(static_cast<uint64_t>(process_.stat.pid), process_.stat.start_time_ticks);
      // Distinguishes mappings of the same part of a file.
      span.process_key = CombineKeys(span.process_key, span.first_page - span.alignment);
    }
    if (entry.has_accounting) {
      AddFigures(entry, &span);
    } else {
      rows_in_line_ = 0;
    }
    if (entry.inode != 0 && context_.files != nullptr) NoteFile(entry, row.file_id);
    ++process_.mapping_count;
    if (process_.keep_mappings) {
      process_.mappings.push_back(row);
      if (context_.held()) context_.freeze->AddBytes(sizeof row);
    } else {
      list_.Add(row);
    }
    sink_(span);
  }

  // Remembers where each file is mapped first.
  void NoteFile(const MapsEntry& entry, int64_t file_id) {
    std::vector<SeenFile>& files = process_.files;
    // The parts of a file are mapped one after the other.
    if (files.empty() || file_id != last_file_id_) {
      last_file_id_ = file_id;
      const auto [place, is_new] = file_places_.try_emplace(file_id, files.size());
      last_file_ = place->second;
      if (is_new) {
        files.push_back({.file_id = file_id,
                         .start = entry.start,
                         .end = entry.end,
                         .device_major = entry.device_major,
                         .device_minor = entry.device_minor,
                         .inode = entry.inode});
        if (context_.held()) context_.freeze->AddBytes(sizeof(SeenFile));
      }
    }
    files[last_file_].executable |= entry.perms[2] == 'x';
  }

  void SetFacts(const MapsEntry& entry) {
    facts_.first_page = entry.start / context_.page_size;
    facts_.page_count = (entry.end - entry.start) / context_.page_size;
    facts_.perms = entry.perms;
    facts_.offset = entry.offset;
    facts_.inode = entry.inode;
    facts_.path = entry.path;
    // Only files have one that is stored.
    if (entry.inode != 0 || !entry.path.empty()) {
      const auto device = std::pair(entry.device_major, entry.device_minor);
      if (std::exchange(device_, device) != device) {
        facts_.device = fmt::format("{}:{}", device.first, device.second);
      }
    }
    if (!entry.has_accounting) return;
    if (!facts_.vm_flags) facts_.vm_flags.emplace();
    *facts_.vm_flags = entry.vm_flags;
  }

  void AddFigures(const MapsEntry& entry, MappingSpan* span) {
    if (entry.is_rest) {
      figures_.BeginRow();  // of this part they are unknown
      rows_in_line_ = 0;
      return;
    }
    const auto back = static_cast<size_t>(entry.same_fields);
    uint64_t held_kib = 0;
    if (back > 0 && back <= rows_in_line_) {
      figures_.RepeatRow(back);
      held_kib = held_kib_[back - 1];
    } else {
      figures_.BeginRow();
      for (const SmapsField& field : entry.fields) {
        figures_.Set(field.name, field.value);
        // Most fields are 0.
        if (field.value != 0 && IsHeld(field.name)) held_kib += field.value;
      }
    }
    ++rows_in_line_;
    held_kib_ = {held_kib, held_kib_[0]};
    span->dense = held_kib * 1024 / context_.page_size >= span->page_count / 2;
    span->empty = held_kib == 0;
  }

  CaptureContext& context_;
  ProcessState& process_;
  const Sink& sink_;
  MappingStore::List list_;
  MappingStore::Ids ids_;
  MappingFacts facts_;  // of the last mapping; its strings keep their memory
  std::optional<std::pair<uint32_t, uint32_t>> device_;  // that facts_.device says
  std::unordered_map<int64_t, size_t> file_places_;      // in process_.files, by file id
  int64_t last_file_id_ = 0;
  size_t last_file_ = 0;  // its place
  AccountingTableBuilder figures_;
  size_t rows_in_line_ = 0;                // its last ones that are of the last entries, one each
  std::array<uint64_t, 2> held_kib_ = {};  // of the last entry, and of the one before it
};

}  // namespace

bool ReadMappingList(CaptureContext& context, ProcessState& process, bool figures,
                     const std::function<void(const MappingSpan& span)>& sink) {
  MappingListReader list(context, process, sink);
  bool readable = true;
  try {
    try {
      list.Read(figures ? "smaps" : "maps");
    } catch (const ReadError& error) {
      // A kernel without CONFIG_PROC_PAGE_MONITOR has maps and no smaps. Once mappings were taken
      // from one of them, the other could only contradict it.
      bool fall_back = figures && process.mapping_count == 0;
      if (!fall_back || IsDenied(error.error_number())) throw;
      list.Read("maps");
      AddGap(context, process, "smaps", error.reason(), /*gone=*/false);
    }
  } catch (const ReadError& error) {
    readable = false;
    if (IsDenied(error.error_number())) ++context.denied_count;
    process.gone = error.process_gone();
    AddGap(context, process, "maps", error.reason(), process.gone);
  } catch (const Error& error) {
    AddGap(context, process, "maps", error.what(), /*gone=*/false);
  }
  list.Finish();
  return readable;
}

bool HasLongHold(CaptureContext& context, const std::string& folder) {
  std::vector<PageRange> large;
  std::vector<PageRange> found;
  std::unique_ptr<WordFile> pagemap;
  // Returns whether the mapping has fewer; false also when nobody can tell.
  auto has_few = [&](const PageRange& mapping) {
    uint64_t count = 0;
    for (uint64_t first = mapping.first; first < mapping.end; first += kPagesPerScan) {
      const uint64_t end = std::min(mapping.end, first + kPagesPerScan);
      found.clear();
      if (!pagemap->Scan(ScanFor::kMappedSingly, first, end, context.page_size, &found)) {
        return false;
      }
      for (const PageRange& range : found) count += range.end - range.first;
      if (count >= kPagesOfALongHold) return false;
    }
    return true;
  };
  try {
    MapsParser parser([&](const MapsEntry& entry) {
      const PageRange pages = {entry.start / context.page_size, entry.end / context.page_size};
      if (pages.end - pages.first >= kPagesOfALongHold) large.push_back(pages);
    });
    context.reader.ReadText(folder + "/maps", [&](std::string_view block) { parser.Feed(block); });
    parser.Finish();
    if (large.empty()) return false;
    // The smallest is the fullest as a rule, and one is enough.
    std::ranges::sort(large, {}, [](const PageRange& range) { return range.end - range.first; });
    pagemap = context.reader.OpenWords(folder + "/pagemap");
    return !std::ranges::all_of(large, has_few);
  } catch (const Error&) {
    return true;  // who reads the mappings and pages in earnest says why
  }
}

void ReadFigures(CaptureContext& context, ProcessState& process) {
  AccountingTableBuilder figures;
  auto next = process.mappings.begin();
  auto take = [&](const MapsEntry& entry) {
    const auto first_page = static_cast<int64_t>(entry.start / context.page_size);
    // Both lists are in the order of addresses.
    for (; next != process.mappings.end() && next->first_page < first_page; ++next) {
      figures.BeginRow();
    }
    if (next == process.mappings.end() || next->first_page != first_page) return;
    figures.BeginRow();
    const auto page_count = static_cast<int64_t>((entry.end - entry.start) / context.page_size);
    if (!entry.is_rest && page_count == next->page_count) {
      for (const SmapsField& field : entry.fields) figures.Set(field.name, field.value);
      next->vm_flags_id = context.writer.VmFlagsId(entry.vm_flags);
    }
    ++next;
  };
  std::string reason;
  bool gone = false;
  try {
    MapsParser parser(take);
    context.reader.ReadText(process.folder + "/smaps",
                            [&](std::string_view block) { parser.Feed(block); });
    parser.Finish();
  } catch (const ReadError& error) {
    gone = error.process_gone();
    reason = error.reason();
  } catch (const Error& error) {
    reason = error.what();
  }
  for (; next != process.mappings.end(); ++next) figures.BeginRow();
  KeepFigures(context, process, std::move(figures));
  // Of mappings that changed since, what smaps said is no more: their figures are unknown.
  if (reason.empty()) return;
  AddGap(context, process, "smaps", reason, gone);
}

}  // namespace pagesnap
