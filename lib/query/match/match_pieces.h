// Pairs off pieces of the mappings of two processes, by where they lie in an order of pages:
// addresses, or offsets in a file.
#ifndef LIB_QUERY_MATCH_MATCH_PIECES_H_
#define LIB_QUERY_MATCH_MATCH_PIECES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/query/match/match_side.h"
#include "lib/query/match/matching.h"

namespace pagesnap {

// Part of a mapping, or all of it, that has no counterpart yet.
struct Piece {
  const MatchMapping* mapping = nullptr;
  uint64_t first = 0;  // pages from the start of the mapping
  uint64_t count = 0;

  [[nodiscard]] uint64_t page() const { return mapping->first_page + first; }
  [[nodiscard]] uint64_t file_page() const { return mapping->file_page + first; }
  // Returns the part from page `from` of the piece on.
  [[nodiscard]] Piece Part(uint64_t from, uint64_t part_count) const {
    return {mapping, first + from, part_count};
  }
};

// What is left of both sides. Each step takes pieces off it and adds ranges: whatever it does, each
// page stays in one piece or gets into one range.
struct OpenPieces {
  std::vector<Piece> before;
  std::vector<Piece> after;
};

// Collects the ranges of one pair of processes.
class RangeList {
 public:
  RangeList(uint32_t process, std::vector<MatchedRange>* ranges)
      : process_(process), ranges_(ranges) {}

  // The first `count` pages of the two pieces correspond.
  void Match(const Piece& before, const Piece& after, uint64_t count, const char* how);
  // What is left has no counterpart.
  void Close(const OpenPieces& open);

 private:
  uint32_t process_;
  std::vector<MatchedRange>* ranges_;
};

// Where a piece begins in the order of pages.
using PlaceOf = uint64_t (Piece::*)() const;
// Whether the pages of two pieces that are at the same place correspond; returns how, or null.
using Compare = std::function<const char*(const Piece& before, const Piece& after)>;

// Matches what is at the same places on both sides. Of pieces that overlap on one side only the
// first takes part. Leaves the rest in `open`, by place.
void MatchByPlace(OpenPieces* open, PlaceOf place, const Compare& compare, RangeList* ranges);

// Which pieces may be paired; pieces with equal keys are.
using KeyOf = std::function<uint64_t(const Piece&)>;

// Pairs pieces with equal keys, the first with the first and so on, from their starts. With
// `from_end`, from their ends. `how` is asked for each pair and never null. A key of 0 is nobody's.
void PairByKey(OpenPieces* open, const KeyOf& before_key, const KeyOf& after_key, bool from_end,
               const Compare& how, RangeList* ranges);

// Mixes numbers into one, for keys. Never 0.
uint64_t MixKey(std::initializer_list<uint64_t> numbers);

}  // namespace pagesnap

#endif  // LIB_QUERY_MATCH_MATCH_PIECES_H_
