#include "lib/query/match/matching.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "lib/base/error.h"
#include "lib/base/work_limit.h"
#include "lib/query/match/match_steps.h"

namespace pagesnap {
namespace {

std::vector<Piece> WholePieces(const std::vector<MatchMapping>& mappings) {
  std::vector<Piece> pieces;
  pieces.reserve(mappings.size());
  for (const MatchMapping& mapping : mappings) pieces.push_back({&mapping, 0, mapping.page_count});
  return pieces;
}

// Adds the processes that are in no pair yet, and brings all into order.
void Complete(const MatchSide& before, const MatchSide& after,
              std::vector<ProcessMatch>* processes) {
  std::unordered_set<int64_t> matched_before;
  std::unordered_set<int64_t> matched_after;
  for (const ProcessMatch& match : *processes) {
    matched_before.insert(match.before_id);
    matched_after.insert(match.after_id);
  }
  for (const MatchProcess& process : before.processes()) {
    if (!matched_before.contains(process.id)) processes->push_back({process.id, 0, "gone"});
  }
  for (const MatchProcess& process : after.processes()) {
    if (!matched_after.contains(process.id)) processes->push_back({0, process.id, "new"});
  }
  std::sort(processes->begin(), processes->end(), [](const ProcessMatch& a, const ProcessMatch& b) {
    const bool a_new = a.before_id == 0;
    const bool b_new = b.before_id == 0;
    if (a_new != b_new) return b_new;
    return a_new ? a.after_id < b.after_id : a.before_id < b.before_id;
  });
}

void CheckPageSizes(const SnapshotInfo& before, const SnapshotInfo& after) {
  if (before.page_size == after.page_size) return;
  throw Error(
      fmt::format("snapshots {} and {} cannot be compared: their pages are of {} and {} bytes",
                  before.id, after.id, before.page_size, after.page_size));
}

void MatchMappings(SnapshotReader& reader, MatchSide& before, MatchSide& after, SameBoot boot,
                   SnapshotMatch* match) {
  for (size_t i = 0; i < match->processes.size(); ++i) {
    CheckWork();
    const ProcessMatch& process = match->processes[i];
    std::vector<MatchMapping> old_mappings;
    std::vector<MatchMapping> new_mappings;
    if (process.before_id != 0) old_mappings = before.Mappings(process.before_id);
    if (process.after_id != 0) new_mappings = after.Mappings(process.after_id);
    OpenPieces open{WholePieces(old_mappings), WholePieces(new_mappings)};
    const size_t first = match->ranges.size();
    // With one process of millions of mappings, room that is made in steps takes twice as much.
    if (first == 0) match->ranges.reserve(std::max(old_mappings.size(), new_mappings.size()));
    RangeList ranges(static_cast<uint32_t>(i), &match->ranges);
    if (process.before_id != 0 && process.after_id != 0) {
      if (match->mode == MatchMode::kSame) {
        MatchSameMappings(reader, before, after, &open, &ranges);
      } else {
        MatchRerunMappings(boot, &open, &ranges);
      }
    }
    ranges.Close(open);
    auto page = [](const MatchedRange& range) {
      return range.before_mapping_id != 0 ? range.before_page : range.after_page;
    };
    auto is_before = [&](const MatchedRange& a, const MatchedRange& b) {
      return page(a) < page(b);
    };
    const auto begin = match->ranges.begin() + static_cast<ptrdiff_t>(first);
    if (!std::is_sorted(begin, match->ranges.end(), is_before)) {
      std::stable_sort(begin, match->ranges.end(), is_before);
    }
  }
}

}  // namespace

SnapshotMatch MatchSnapshots(SnapshotReader& reader, int64_t before_id, int64_t after_id,
                             MatchMode mode) {
  TextNumbers texts;
  FileNumbers files;
  MatchSide before(reader, before_id, texts, files);
  MatchSide after(reader, after_id, texts, files);
  CheckPageSizes(before.snapshot(), after.snapshot());
  SnapshotMatch match;
  const SameBoot boot = CompareBoots(reader, before_id, after_id);
  // What is unknown is only believed to be so if one says it.
  if (boot == SameBoot::kYes || (boot == SameBoot::kUnknown && mode == MatchMode::kSame)) {
    if (mode != MatchMode::kRerun) match.processes = MatchSameProcesses(before, after);
  }
  const bool rerun =
      mode == MatchMode::kRerun || (mode == MatchMode::kAuto && match.processes.empty());
  match.mode = rerun ? MatchMode::kRerun : MatchMode::kSame;
  if (rerun) match.processes = MatchRerunProcesses(before, after);
  Complete(before, after, &match.processes);
  MatchMappings(reader, before, after, boot, &match);
  return match;
}

const char* MatchModeName(MatchMode mode) {
  switch (mode) {
    case MatchMode::kSame:
      return "same";
    case MatchMode::kRerun:
      return "rerun";
    default:
      return "auto";
  }
}

}  // namespace pagesnap
