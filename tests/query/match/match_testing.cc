#include "tests/query/match/match_testing.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pagesnap {
namespace {

void AddSnapshot(const TestSnapshot& snapshot, SnapshotWriter& writer) {
  SnapshotFacts facts;
  facts.kernel_release = "6.18.0";
  facts.host = "host";
  facts.boot_id = snapshot.boot_id;
  facts.page_size = snapshot.page_size;
  facts.pfn_visible = snapshot.pfn_visible;
  facts.swap_types = SwapTypeConfig{};
  writer.BeginSnapshot(facts);
  for (const TestProcess& process : snapshot.processes) {
    const int64_t id = writer.AddProcess({.pid = process.pid,
                                          .ppid = process.ppid,
                                          .start_time_ticks = process.start_time_ticks,
                                          .name = process.name,
                                          .exe = process.exe,
                                          .cmdline = process.cmdline,
                                          .state = "S"});
    for (const TestMapping& mapping : process.mappings) {
      MappingFacts row;
      row.first_page = mapping.first_page;
      row.page_count = mapping.page_count;
      row.perms = mapping.perms;
      row.offset = mapping.file_page * snapshot.page_size;
      row.device = mapping.inode != 0 ? mapping.device : "0:0";
      row.inode = mapping.inode;
      row.path = mapping.path;
      const MappingRow added = writer.MakeMapping(id, row);
      writer.AddMapping(added);
      if (mapping.inode != 0) writer.SetFileFacts(added.file_id, mapping.file);
      if (!mapping.words.empty()) writer.AddPages(added.id, 0, mapping.words);
    }
    writer.SetMappingCount(id, static_cast<int64_t>(process.mappings.size()));
  }
  writer.Commit();
}

// How often each page of each mapping of a snapshot is in a range, in runs: page to change.
using Coverage = std::map<int64_t, std::map<uint64_t, int>>;

void Cover(int64_t mapping_id, uint64_t page, uint64_t count, Coverage* coverage) {
  ++(*coverage)[mapping_id][page];
  --(*coverage)[mapping_id][page + count];
}

std::string BrokenCoverage(SnapshotReader& reader, int64_t snapshot_id, Coverage coverage) {
  for (int64_t process_id : reader.Processes({.snapshot_id = snapshot_id})) {
    for (const MappingInfo& mapping : reader.Mappings(process_id, {})) {
      int depth = 0;
      uint64_t next = mapping.first_page;
      for (const auto& [page, change] : coverage[mapping.id]) {
        if (depth == 0 && change == 0 && page != next) return "an empty range";
        if (depth == 0 && page != next) return fmt::format("a hole in {}", mapping.id);
        depth += change;
        if (depth != 0 && depth != 1) return fmt::format("mapping {} is covered twice", mapping.id);
        next = page;
        if (depth == 0 && page < mapping.first_page + mapping.page_count) {
          return fmt::format("a hole in {}", mapping.id);
        }
      }
      if (next != mapping.first_page + mapping.page_count) {
        return fmt::format("mapping {} is not covered to its end", mapping.id);
      }
      coverage.erase(mapping.id);
    }
  }
  return coverage.empty() ? "" : "a range of a mapping that is not in the snapshot";
}

}  // namespace

MatchedFile::MatchedFile(const TestSnapshot& before, const TestSnapshot& after) {
  WriteSnapshotFile(folder_.File("test.pagesnap"), [&](SnapshotWriter& writer) {
    AddSnapshot(before, writer);
    AddSnapshot(after, writer);
  });
  session_ = std::make_unique<Session>(folder_.File("test.pagesnap"));
}

std::vector<std::string> MatchedFile::Processes(MatchMode mode) {
  std::vector<std::string> lines;
  for (const ProcessMatch& match : Match(mode).processes) {
    auto pid = [&](int64_t id) { return id == 0 ? 0 : reader().Pid(id); };
    lines.push_back(fmt::format("{}>{} {}", pid(match.before_id), pid(match.after_id), match.how));
  }
  return lines;
}

std::vector<std::string> MatchedFile::Ranges(MatchMode mode) {
  std::vector<std::string> lines;
  for (const MatchedRange& range : Match(mode).ranges) {
    if (range.before_mapping_id == 0) {
      lines.push_back(fmt::format("{} {}+{}", range.how, range.after_page, range.page_count));
    } else if (range.after_mapping_id == 0) {
      lines.push_back(fmt::format("{} {}+{}", range.how, range.before_page, range.page_count));
    } else {
      lines.push_back(fmt::format("{} {}+{}>{}", range.how, range.before_page, range.page_count,
                                  range.after_page));
    }
  }
  return lines;
}

std::string BrokenPromise(SnapshotReader& reader, int64_t before_id, int64_t after_id,
                          const SnapshotMatch& match) {
  std::vector<int64_t> before_processes;
  std::vector<int64_t> after_processes;
  for (const ProcessMatch& process : match.processes) {
    if (process.before_id != 0) before_processes.push_back(process.before_id);
    if (process.after_id != 0) after_processes.push_back(process.after_id);
    if (process.before_id == 0 && process.after_id == 0) return "a match of nothing";
  }
  std::sort(before_processes.begin(), before_processes.end());
  std::sort(after_processes.begin(), after_processes.end());
  if (before_processes != reader.Processes({.snapshot_id = before_id}) ||
      after_processes != reader.Processes({.snapshot_id = after_id})) {
    return "a process is not there once";
  }
  Coverage before;
  Coverage after;
  uint32_t last_process = 0;
  for (const MatchedRange& range : match.ranges) {
    if (range.page_count == 0) return "an empty range";
    if (range.process < last_process) return "the processes are out of order";
    last_process = range.process;
    if (range.process >= match.processes.size()) return "no such process";
    if (range.before_mapping_id == 0 && range.after_mapping_id == 0) return "a range of nothing";
    if (range.before_mapping_id != 0) {
      Cover(range.before_mapping_id, range.before_page, range.page_count, &before);
    }
    if (range.after_mapping_id != 0) {
      Cover(range.after_mapping_id, range.after_page, range.page_count, &after);
    }
    const ProcessMatch& process = match.processes[range.process];
    auto owner = [&](int64_t mapping_id) {
      return reader.Processes({.mapping_id = mapping_id}).at(0);
    };
    if ((range.before_mapping_id != 0 && owner(range.before_mapping_id) != process.before_id) ||
        (range.after_mapping_id != 0 && owner(range.after_mapping_id) != process.after_id)) {
      return "a range of another process";
    }
  }
  std::string broken = BrokenCoverage(reader, before_id, std::move(before));
  return broken.empty() ? BrokenCoverage(reader, after_id, std::move(after)) : broken;
}

}  // namespace pagesnap
