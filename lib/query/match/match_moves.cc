// Mappings that the same process has at another address now.
#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "lib/base/error.h"
#include "lib/kernel/page_word.h"
#include "lib/query/match/match_steps.h"

namespace pagesnap {
namespace {

// mremap() moves whole pieces, so a few pages of each tell. One content of a piece is decoded for
// them, of a bounded number of pieces.
constexpr size_t kPagesSampled = 64;
constexpr size_t kMaxPiecesSampled = 4096;

constexpr uint64_t kWhereMask =
    PageWord::kPresent | PageWord::kSwap | PageWord::kFieldMask;  // frame or swap slot

struct Sample {
  uint64_t where = 0;  // the word without what may change while the page stays where it is
  uint64_t page = 0;   // from the start of the piece
  bool exclusive = false;
};

bool IsAnonymous(const Piece& piece) {
  return piece.mapping->backing->kind == BackingKind::kAnonymous;
}

std::vector<Sample> SampleOf(SnapshotReader& reader, const Piece& piece) {
  std::vector<Sample> samples;
  try {
    const std::vector<MappingInfo> info =
        reader.Mappings(reader.Processes({.mapping_id = piece.mapping->id}).at(0),
                        {.mapping_id = piece.mapping->id});
    for (const ChunkInfo& chunk : reader.Chunks(info.at(0))) {
      if (chunk.first_page >= piece.first + piece.count) break;
      const auto words = reader.SharedWords(chunk.content_id);
      for (size_t i = 0; i < words->size() && samples.size() < kPagesSampled; ++i) {
        const uint64_t page = chunk.first_page + i;
        const uint64_t word = (*words)[i];
        if (page < piece.first || page >= piece.first + piece.count) continue;
        if ((word & (PageWord::kPresent | PageWord::kSwap)) == 0) continue;
        samples.push_back(
            {word & kWhereMask, page - piece.first, (word & PageWord::kMmapExclusive) != 0});
      }
      if (!samples.empty()) break;
    }
  } catch (const Error&) {
    // A damaged content proves nothing; who reads its pages says what is damaged.
    samples.clear();
  }
  return samples;
}

// Returns the indexes of the anonymous pieces, the largest ones when there are too many.
std::vector<size_t> PiecesToSample(const std::vector<Piece>& pieces) {
  std::vector<size_t> indexes;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (IsAnonymous(pieces[i])) indexes.push_back(i);
  }
  if (indexes.size() > kMaxPiecesSampled) {
    std::nth_element(indexes.begin(), indexes.begin() + kMaxPiecesSampled, indexes.end(),
                     [&](size_t a, size_t b) { return pieces[a].count > pieces[b].count; });
    indexes.resize(kMaxPiecesSampled);
  }
  return indexes;
}

// Finds anonymous memory by the frames and swap slots that it still has. What it finds does not
// depend on which side is called `before`.
class FrameMatcher {
 public:
  FrameMatcher(SnapshotReader& reader, OpenPieces* open, RangeList* ranges)
      : reader_(reader), open_(open), ranges_(ranges) {}

  void Run() {
    const Places before = FindPlaces(open_->before);
    const Places after = before.empty() ? Places{} : FindPlaces(open_->after);
    std::unordered_set<size_t> taken_before;
    std::unordered_set<size_t> taken_after;
    for (const Move& move : FindMoves(before, after)) {
      if (taken_before.contains(move.before) || taken_after.contains(move.after)) continue;
      taken_before.insert(move.before);
      taken_after.insert(move.after);
      Match(move);
    }
    auto is_empty = [](const Piece& piece) { return piece.count == 0; };
    std::erase_if(open_->before, is_empty);
    std::erase_if(open_->after, is_empty);
  }

 private:
  // Where one side has a frame or slot.
  struct Place {
    size_t piece = 0;
    uint64_t page = 0;
    bool exclusive = false;
    bool ambiguous = false;  // at several places, as the zero page is
  };
  using Places = std::unordered_map<uint64_t, Place>;  // by Sample::where

  // Page i of the `after` piece was page i + shift of the `before` piece, modulo 2^64.
  struct Move {
    size_t before = 0;
    size_t after = 0;
    uint64_t shift = 0;

    friend auto operator<=>(const Move&, const Move&) = default;
  };

  Places FindPlaces(const std::vector<Piece>& pieces) {
    Places places;
    for (const size_t index : PiecesToSample(pieces)) {
      for (const Sample& sample : SampleOf(reader_, pieces[index])) {
        auto [place, is_new] =
            places.try_emplace(sample.where, Place{index, sample.page, sample.exclusive});
        if (!is_new) place->second.ambiguous = true;
      }
    }
    return places;
  }

  // Returns the moves that are proved, those with most pages first. One frame that nobody else maps
  // is proof; of shared ones it takes two.
  std::vector<Move> FindMoves(const Places& before, const Places& after) const {
    std::map<Move, int> votes;
    for (const auto& [where, to] : after) {
      const auto found = before.find(where);
      if (found == before.end()) continue;
      const Place& from = found->second;
      if (from.ambiguous || to.ambiguous) continue;
      votes[{from.piece, to.piece, from.page - to.page}] += from.exclusive || to.exclusive ? 2 : 1;
    }
    std::erase_if(votes, [](const auto& vote) { return vote.second < 2; });
    std::vector<Move> moves;
    for (const auto& [move, count] : votes) moves.push_back(move);
    std::sort(moves.begin(), moves.end(), [&](const Move& a, const Move& b) {
      return std::pair(-votes[a], Unordered(a)) < std::pair(-votes[b], Unordered(b));
    });
    return moves;
  }

  // Returns what tells a move from others with as many pages, the same for the move back.
  [[nodiscard]] std::tuple<int64_t, uint64_t, int64_t, uint64_t, uint64_t> Unordered(
      const Move& move) const {
    const Piece& before = open_->before[move.before];
    const Piece& after = open_->after[move.after];
    const std::pair from(before.mapping->id, before.first);
    const std::pair to(after.mapping->id, after.first);
    return from < to ? std::tuple(from.first, from.second, to.first, to.second, move.shift)
                     : std::tuple(to.first, to.second, from.first, from.second, -move.shift);
  }

  void Match(const Move& move) {
    const Piece before = open_->before[move.before];
    const Piece after = open_->after[move.after];
    const auto shift = static_cast<int64_t>(move.shift);
    const uint64_t before_first = shift > 0 ? move.shift : 0;
    const uint64_t after_first = shift < 0 ? -move.shift : 0;
    const uint64_t count = std::min(before.count - before_first, after.count - after_first);
    ranges_->Match(before.Part(before_first, count), after.Part(after_first, count), count,
                   "moved");
    Cut(before_first, count, move.before, &open_->before);
    Cut(after_first, count, move.after, &open_->after);
  }

  // Takes pages off the middle of a piece.
  static void Cut(uint64_t first, uint64_t count, size_t index, std::vector<Piece>* pieces) {
    const Piece piece = (*pieces)[index];
    (*pieces)[index] = piece.Part(0, first);
    const uint64_t end = first + count;
    if (end < piece.count) pieces->push_back(piece.Part(end, piece.count - end));
  }

  SnapshotReader& reader_;
  OpenPieces* open_;
  RangeList* ranges_;
};

const char* Moved(const Piece&, const Piece&) { return "moved"; }

// Matches pieces that show the same pages of a file, file by file.
void MatchFilePages(OpenPieces* open, RangeList* ranges) {
  auto whole = [](const Piece& piece) {
    const MatchMapping& mapping = *piece.mapping;
    return mapping.backing->identity == 0
               ? 0
               : MixKey({mapping.backing->identity, mapping.perms, piece.file_page(), piece.count});
  };
  PairByKey(open, whole, whole, /*from_end=*/false, Moved, ranges);
  std::map<std::pair<uint32_t, uint32_t>, OpenPieces> files;
  OpenPieces rest;
  auto sort_out = [&](const std::vector<Piece>& pieces, std::vector<Piece> OpenPieces::*side) {
    for (const Piece& piece : pieces) {
      const uint32_t identity = piece.mapping->backing->identity;
      OpenPieces& group = identity == 0 ? rest : files[{identity, piece.mapping->perms}];
      (group.*side).push_back(piece);
    }
  };
  sort_out(open->before, &OpenPieces::before);
  sort_out(open->after, &OpenPieces::after);
  for (auto& [key, group] : files) {
    MatchByPlace(&group, &Piece::file_page, Moved, ranges);
    rest.before.insert(rest.before.end(), group.before.begin(), group.before.end());
    rest.after.insert(rest.after.end(), group.after.begin(), group.after.end());
  }
  *open = std::move(rest);
}

// Without frames only a size that one piece of each side has says anything.
void MatchUniqueSizes(OpenPieces* open, RangeList* ranges) {
  auto key = [](const Piece& piece) {
    const MatchMapping& mapping = *piece.mapping;
    return IsAnonymous(piece) ? MixKey({mapping.perms, mapping.backing->path, piece.count}) : 0;
  };
  std::unordered_map<uint64_t, int> before;
  std::unordered_map<uint64_t, int> after;
  for (const Piece& piece : open->before) ++before[key(piece)];
  for (const Piece& piece : open->after) ++after[key(piece)];
  auto unique_key = [&](const Piece& piece) {
    const uint64_t own = key(piece);
    return own != 0 && before[own] == 1 && after[own] == 1 ? own : 0;
  };
  PairByKey(
      open, unique_key, unique_key, /*from_end=*/false,
      [](const Piece&, const Piece&) { return "size"; }, ranges);
}

}  // namespace

void MatchMoved(SnapshotReader& reader, bool pfn_visible, OpenPieces* open, RangeList* ranges) {
  MatchFilePages(open, ranges);
  if (pfn_visible) {
    FrameMatcher(reader, open, ranges).Run();
  } else {
    MatchUniqueSizes(open, ranges);
  }
}

}  // namespace pagesnap
