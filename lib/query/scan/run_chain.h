// Pieces of a sequence of pages that is looked at in parts.
#ifndef LIB_QUERY_SCAN_RUN_CHAIN_H_
#define LIB_QUERY_SCAN_RUN_CHAIN_H_

#include <cstdint>

namespace pagesnap {

// Pieces of consecutive pages in the order of pages, where the first and the last may go on in the
// part before and behind: those two are kept, and what lies between is only counted. So a part of a
// mapping is summed up alone, whoever maps it, and the parts are joined at their edges.
//   Piece: `uint64_t page`, its first page, and `bool Join(const Piece& next)`: whether `next`
//          belongs to it, and then takes it in
//   Counts: `Add(const Piece&)` for a piece that is whole, and `Add(const Counts&)`
template <typename Piece, typename Counts>
class RunChain {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Adds a piece behind all others.
  void Append(const Piece& piece) {
    if (size_ > 0 && last_.Join(piece)) return;
    if (size_ == 1) first_ = last_;
    if (size_ == 2) counts_.Add(last_);
    if (size_ < 2) ++size_;
    last_ = piece;
  }

  // Adds all pieces of the part behind, where `shift` is added to their pages.
  void Append(const RunChain& behind, uint64_t shift) {
    if (behind.size_ == 2) {
      AppendShifted(behind.first_, shift);
      counts_.Add(behind.counts_);
    }
    if (behind.size_ > 0) AppendShifted(behind.last_, shift);
  }

  // Returns the counts of all pieces, when there is nothing before and behind.
  [[nodiscard]] Counts Total() const {
    Counts total = counts_;
    if (size_ == 2) total.Add(first_);
    if (size_ > 0) total.Add(last_);
    return total;
  }

 private:
  void AppendShifted(Piece piece, uint64_t shift) {
    piece.page += shift;
    Append(piece);
  }

  Piece first_;  // when there are two or more
  Piece last_;   // when there is any
  Counts counts_;
  int size_ = 0;  // 2: two or more
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_RUN_CHAIN_H_
