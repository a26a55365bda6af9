#include "lib/query/match/match_pieces.h"

#include <algorithm>
#include <unordered_map>

#include "lib/base/work_limit.h"

namespace pagesnap {
namespace {

// Adds a piece, or lengthens the last one when it goes on there.
void Append(const Piece& piece, std::vector<Piece>* pieces) {
  if (piece.count == 0) return;
  if (!pieces->empty()) {
    Piece& last = pieces->back();
    if (last.mapping == piece.mapping && last.first + last.count == piece.first) {
      last.count += piece.count;
      return;
    }
  }
  pieces->push_back(piece);
}

// One side of MatchByPlace: goes over its pieces by place, without those that overlap.
class Walk {
 public:
  Walk(std::vector<Piece>* pieces, PlaceOf place) : place_(place), walked_(std::move(*pieces)) {
    // A process can have millions: mostly in order, and all but none of them overlap.
    auto is_before = [&](const Piece& a, const Piece& b) { return (a.*place)() < (b.*place)(); };
    if (!std::is_sorted(walked_.begin(), walked_.end(), is_before)) {
      std::stable_sort(walked_.begin(), walked_.end(), is_before);
    }
    uint64_t end = 0;
    std::erase_if(walked_, [&](const Piece& piece) {
      const uint64_t begin = (piece.*place)();
      // Offsets in a file are anything, so a sum of one and a length may be too large.
      uint64_t piece_end = 0;
      if (begin < end || __builtin_add_overflow(begin, piece.count, &piece_end)) {
        left_.push_back(piece);
        return true;
      }
      end = piece_end;
      return false;
    });
    if (!walked_.empty()) current_ = walked_.front();
  }

  [[nodiscard]] bool AtEnd() const { return index_ == walked_.size(); }
  [[nodiscard]] const Piece& current() const { return current_; }
  [[nodiscard]] uint64_t begin() const { return (current_.*place_)(); }
  [[nodiscard]] uint64_t end() const { return begin() + current_.count; }

  // Steps over pages that found a counterpart, or found none and are left.
  void Take(uint64_t count) {
    current_ = current_.Part(count, current_.count - count);
    if (current_.count == 0 && ++index_ < walked_.size()) current_ = walked_[index_];
  }
  void Leave(uint64_t count) {
    Append(current_.Part(0, count), &rest_);
    Take(count);
  }
  // Sets `pieces` to what is left, by place.
  void Finish(std::vector<Piece>* pieces) {
    while (!AtEnd()) Leave(current_.count);
    walked_ = {};
    pieces->resize(rest_.size() + left_.size());
    std::merge(rest_.begin(), rest_.end(), left_.begin(), left_.end(), pieces->begin(),
               [&](const Piece& a, const Piece& b) { return (a.*place_)() < (b.*place_)(); });
  }

 private:
  PlaceOf place_;
  std::vector<Piece> walked_;
  std::vector<Piece> left_;  // overlapping ones
  std::vector<Piece> rest_;
  size_t index_ = 0;
  Piece current_;
};

}  // namespace

void RangeList::Match(const Piece& before, const Piece& after, uint64_t count, const char* how) {
  ranges_->push_back(
      {process_, before.mapping->id, after.mapping->id, before.page(), after.page(), count, how});
}

void RangeList::Close(const OpenPieces& open) {
  for (const Piece& piece : open.before) {
    ranges_->push_back({process_, piece.mapping->id, 0, piece.page(), 0, piece.count, "vanished"});
  }
  for (const Piece& piece : open.after) {
    ranges_->push_back({process_, 0, piece.mapping->id, 0, piece.page(), piece.count, "appeared"});
  }
}

void MatchByPlace(OpenPieces* open, PlaceOf place, const Compare& compare, RangeList* ranges) {
  Walk before(&open->before, place);
  Walk after(&open->after, place);
  while (!before.AtEnd() && !after.AtEnd()) {
    CheckWork();
    if (before.begin() < after.begin()) {
      before.Leave(std::min(before.end(), after.begin()) - before.begin());
    } else if (after.begin() < before.begin()) {
      after.Leave(std::min(after.end(), before.begin()) - after.begin());
    } else {
      const uint64_t count = std::min(before.current().count, after.current().count);
      if (const char* how = compare(before.current(), after.current()); how != nullptr) {
        ranges->Match(before.current(), after.current(), count, how);
        before.Take(count);
        after.Take(count);
      } else {
        before.Leave(count);
        after.Leave(count);
      }
    }
  }
  before.Finish(&open->before);
  after.Finish(&open->after);
}

void PairByKey(OpenPieces* open, const KeyOf& before_key, const KeyOf& after_key, bool from_end,
               const Compare& how, RangeList* ranges) {
  struct Queue {
    std::vector<size_t> pieces;
    size_t next = 0;
  };
  std::unordered_map<uint64_t, Queue> waiting;
  for (size_t i = 0; i < open->before.size(); ++i) {
    if (uint64_t key = before_key(open->before[i]); key != 0) waiting[key].pieces.push_back(i);
  }
  std::vector<Piece> after_left;
  for (const Piece& after : open->after) {
    const uint64_t key = after_key(after);
    auto found = key != 0 ? waiting.find(key) : waiting.end();
    if (found == waiting.end() || found->second.next == found->second.pieces.size()) {
      after_left.push_back(after);
      continue;
    }
    Piece& before = open->before[found->second.pieces[found->second.next++]];
    const uint64_t count = std::min(before.count, after.count);
    const uint64_t before_rest = before.count - count;
    const uint64_t after_rest = after.count - count;
    const Piece before_part = before.Part(from_end ? before_rest : 0, count);
    const Piece after_part = after.Part(from_end ? after_rest : 0, count);
    ranges->Match(before_part, after_part, count, how(before_part, after_part));
    before = before.Part(from_end ? 0 : count, before_rest);
    if (after_rest > 0) after_left.push_back(after.Part(from_end ? 0 : count, after_rest));
  }
  std::erase_if(open->before, [](const Piece& piece) { return piece.count == 0; });
  open->after = std::move(after_left);
}

uint64_t MixKey(std::initializer_list<uint64_t> numbers) {
  uint64_t key = 0x9e3779b97f4a7c15;
  for (uint64_t number : numbers) {
    // The finalizer of splitmix64.
    key += number + 0x9e3779b97f4a7c15;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9;
    key = (key ^ (key >> 27)) * 0x94d049bb133111eb;
    key ^= key >> 31;
  }
  return key | 1;
}

}  // namespace pagesnap
