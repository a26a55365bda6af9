// The kernel's own figures for the mappings of one process <-> the blob of kernel_accounting.
// schema/README.md has the byte layout.
#ifndef LIB_CODEC_ACCOUNTING_TABLE_H_
#define LIB_CODEC_ACCOUNTING_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"

namespace pagesnap {

// Most columns that a table can have. Linux 6.18 writes 24 figures.
inline constexpr size_t kMaxAccountingColumns = 256;

// Builds the blob mapping by mapping and holds it as varints, about one byte a figure: a million
// mappings take about 26 MB.
class AccountingTableBuilder {
 public:
  // Starts the next mapping's row.
  void BeginRow();
  // Sets a figure of the current row; a name that did not occur before becomes a column. Throws
  // Error for a name that was set in this row already, that is empty or over 64 bytes, or that is
  // one more than kMaxAccountingColumns; for ~0, which is no figure; and before the first row.
  void Set(std::string_view name, uint64_t value);
  // Adds another row with the figures of the last one (`back` is 1) or of the one before it (2).
  // Throws Error when there is none.
  void RepeatRow(size_t back);

  [[nodiscard]] size_t row_count() const { return row_count_; }
  // Returns about how many bytes it takes.
  [[nodiscard]] size_t memory() const;
  // Returns the blob of all rows. Throws Error when they take over 96 MiB.
  [[nodiscard]] std::string Encode() const;
  // Returns the bytes that Encode() packs, for EncodeAccountingAfter(); nothing for a table of over
  // 1 MiB.
  [[nodiscard]] std::vector<uint8_t> Unpacked() const;

 private:
  // What the table has in all, in order.
  struct Pieces {
    std::deque<std::string> others;  // what is not in the columns already
    std::vector<ByteSpan> all;
    size_t size = 0;
  };
  // Bytes in pieces, so that growing never has the same bytes twice.
  class Bytes {
   public:
    void AppendVarint(uint64_t value) {
      if (end_ - next_ < kMaxVarintSize) AddPiece();
      for (; value >= 0x80; value >>= 7) *next_++ = static_cast<uint8_t>(value | 0x80);
      *next_++ = static_cast<uint8_t>(value);
    }
    // Calls visit(ByteSpan) for each piece.
    template <typename Visit>
    void ForEachPiece(const Visit& visit) const {
      for (size_t i = 0; i < pieces_.size(); ++i) {
        const uint8_t* const begin = pieces_[i].get();
        visit(ByteSpan(begin, i + 1 == pieces_.size() ? next_ : begin + sizes_[i]));
      }
    }

    // Returns how many bytes the pieces take.
    [[nodiscard]] size_t memory() const { return memory_; }

   private:
    void AddPiece();
    static constexpr ptrdiff_t kMaxVarintSize = 10;

    std::vector<std::unique_ptr<uint8_t[]>> pieces_;
    std::vector<size_t> sizes_;  // of all pieces but the last
    size_t memory_ = 0;
    uint8_t* next_ = nullptr;  // into the last piece
    uint8_t* end_ = nullptr;
  };

  struct Column {
    std::string name;
    Bytes values = {};  // varints: 0 for no figure, else the figure + 1
    size_t row_count = 0;
    // The values of the last two rows, by row % 2, and which rows these are.
    std::array<uint64_t, 2> recent = {};
    std::array<size_t, 2> recent_row = {};
  };

  // Returns the column of a name; it lives until the next call.
  Column& FindOrAddColumn(std::string_view name);
  // Adds a value for the current row.
  void Append(uint64_t value, Column* column) const;
  void CollectPieces(Pieces* pieces) const;

  std::vector<Column> columns_;
  size_t row_count_ = 0;
  size_t next_column_ = 0;  // smaps writes the names in the same order for every mapping
};

// Returns the blob of a table against that of another process, which it is much like. Both are what
// Unpacked() returns. Thread-safe.
std::string EncodeAccountingAfter(ByteSpan base, ByteSpan unpacked);

// The decoded table.
class AccountingTable {
 public:
  // Reads a blob that is said to have `row_count` rows. Throws Error for one that has not, and for
  // one that unpacks to over 96 MiB: with its marks it never takes more than a quarter more.
  // Where the blob was made by EncodeAccountingAfter(), `base` is the other table; else null.
  AccountingTable(ByteSpan blob, uint64_t row_count, const AccountingTable* base = nullptr);

  [[nodiscard]] size_t row_count() const { return row_count_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  // Returns the index of a name in names(), or nothing.
  [[nodiscard]] std::optional<size_t> Column(std::string_view name) const;
  // Returns a figure, or nothing where the kernel wrote none for this mapping. An index that is
  // out of range throws std::out_of_range.
  [[nodiscard]] std::optional<uint64_t> Value(size_t column, size_t row) const;

 private:
  // Where the figure of every kRowsPerMark-th row begins in raw_.
  using Marks = std::vector<uint32_t>;
  static constexpr size_t kRowsPerMark = 16;

  void ReadColumn(ByteReader* reader);

  size_t row_count_;
  std::vector<uint8_t> raw_;
  std::vector<std::string> names_;
  std::vector<Marks> columns_;
};

}  // namespace pagesnap

#endif  // LIB_CODEC_ACCOUNTING_TABLE_H_
