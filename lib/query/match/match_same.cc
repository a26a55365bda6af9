// The same processes later: everything goes by pid, start time and address.
#include <map>

#include "lib/query/match/match_steps.h"

namespace pagesnap {
namespace {

bool IsPrivateMemory(const Backing& backing) {
  return backing.kind == BackingKind::kAnonymous || backing.kind == BackingKind::kStack;
}

// Whether two pieces at one address are of one mapping, or of what it was split into or merged to.
const char* CompareAtAddress(const Piece& before, const Piece& after) {
  const Backing& old_backing = *before.mapping->backing;
  const Backing& new_backing = *after.mapping->backing;
  // A name comes and goes: prctl(PR_SET_VMA), brk.
  if (IsPrivateMemory(old_backing) && IsPrivateMemory(new_backing)) return "address";
  if (old_backing.kind != new_backing.kind) return nullptr;
  if (old_backing.kind == BackingKind::kSpecial) {
    return old_backing.path == new_backing.path ? "address" : nullptr;
  }
  const bool same_pages =
      old_backing.identity == new_backing.identity && before.file_page() == after.file_page();
  return same_pages ? "address" : nullptr;
}

}  // namespace

std::vector<ProcessMatch> MatchSameProcesses(const MatchSide& before, const MatchSide& after) {
  std::vector<ProcessMatch> matches;
  std::map<std::pair<int64_t, int64_t>, int64_t> ids;
  for (const MatchProcess& process : before.processes()) {
    ids.try_emplace({process.pid, process.start_time_ticks}, process.id);
  }
  for (const MatchProcess& process : after.processes()) {
    auto found = ids.find({process.pid, process.start_time_ticks});
    if (found == ids.end()) continue;
    matches.push_back({found->second, process.id, "pid"});
    ids.erase(found);
  }
  return matches;
}

void MatchSameMappings(SnapshotReader& reader, const MatchSide& before, const MatchSide& after,
                       OpenPieces* open, RangeList* ranges) {
  MatchByPlace(open, &Piece::page, CompareAtAddress, ranges);
  const bool pfn_visible = before.snapshot().pfn_visible && after.snapshot().pfn_visible;
  MatchMoved(reader, pfn_visible, open, ranges);
  MatchReplacedPrograms(open, ranges);
}

}  // namespace pagesnap
