// The two ways to match: the same processes later, and other runs of the same programs.
#ifndef LIB_QUERY_MATCH_MATCH_STEPS_H_
#define LIB_QUERY_MATCH_MATCH_STEPS_H_

#include <vector>

#include "lib/query/match/boot.h"
#include "lib/query/match/match_pieces.h"
#include "lib/query/match/match_side.h"
#include "lib/query/match/matching.h"

namespace pagesnap {

// Return the pairs of processes that correspond, each process at most once. Those of MatchMode
// kSame have equal pid, start time and boot.
std::vector<ProcessMatch> MatchSameProcesses(const MatchSide& before, const MatchSide& after);
std::vector<ProcessMatch> MatchRerunProcesses(const MatchSide& before, const MatchSide& after);

// Pair off the pieces of one process with those of another, which are whole mappings by address.
// What finds no counterpart is left in `open`.
void MatchSameMappings(SnapshotReader& reader, const MatchSide& before, const MatchSide& after,
                       OpenPieces* open, RangeList* ranges);
void MatchRerunMappings(SameBoot boot, OpenPieces* open, RangeList* ranges);

// Steps of those. Files at any address: by path, or as copies in other folders, or with another
// version in the path when they are programs or libraries. `same_boot`: device and inode tell
// whether they are the same file.
void MatchFilesByPath(bool same_boot, OpenPieces* open, RangeList* ranges);
// The same, but programs and libraries only.
void MatchReplacedPrograms(OpenPieces* open, RangeList* ranges);
// What mremap() moved: the same pages of a file, the same frames, or, where these are hidden, the
// same size that nothing else has.
void MatchMoved(SnapshotReader& reader, bool pfn_visible, OpenPieces* open, RangeList* ranges);

}  // namespace pagesnap

#endif  // LIB_QUERY_MATCH_MATCH_STEPS_H_
