#include "lib/codec/accounting_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "lib/base/error.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

constexpr char kWhat[] = "kernel accounting";
constexpr uint64_t kNoFigure = ~uint64_t{0};
constexpr size_t kMaxNameSize = 64;
constexpr uint64_t kMaxVarintSize = 10;

// A million mappings with today's figures take about 50 MB.
constexpr uint64_t kMaxRawSize = uint64_t{96} << 20;

constexpr size_t kFirstPieceBytes = 256;
constexpr size_t kPieceBytes = size_t{64} << 10;

// A larger table is compressed piece by piece.
constexpr size_t kLargeTable = size_t{1} << 20;

// Returns the most bytes that a table of so many rows can have before it is compressed.
uint64_t RawSizeLimit(uint64_t row_count) {
  constexpr uint64_t kColumnHead = 1 + kMaxNameSize;
  // A row takes a byte of each column, so more rows than that fit only without columns.
  const uint64_t rows = std::min(row_count, kMaxRawSize);
  const uint64_t column_limit = kColumnHead + rows * kMaxVarintSize;
  return std::min(kMaxRawSize, kMaxVarintSize + kMaxAccountingColumns * column_limit);
}

}  // namespace

void AccountingTableBuilder::BeginRow() {
  ++row_count_;
  next_column_ = 0;
}

void AccountingTableBuilder::Set(std::string_view name, uint64_t value) {
  if (row_count_ == 0) throw Error("an accounting figure is set before its row began");
  if (value == kNoFigure) throw Error(fmt::format("the figure of {} is not plausible", name));
  Column& column = FindOrAddColumn(name);
  if (column.row_count == row_count_) {
    throw Error(fmt::format("the kernel wrote {} twice for one mapping", name));
  }
  Append(value + 1, &column);
}

void AccountingTableBuilder::Append(uint64_t value, Column* column) const {
  for (; column->row_count < row_count_ - 1; ++column->row_count) column->values.AppendVarint(0);
  column->values.AppendVarint(value);
  ++column->row_count;
  column->recent[row_count_ % 2] = value;
  column->recent_row[row_count_ % 2] = row_count_;
}

void AccountingTableBuilder::RepeatRow(size_t back) {
  if (back < 1 || back > std::min<size_t>(row_count_, 2)) {
    throw Error("an accounting row is repeated that is not there");
  }
  const size_t row = row_count_ + 1 - back;  // from 1
  ++row_count_;
  for (Column& column : columns_) {
    if (column.recent_row[row % 2] == row) Append(column.recent[row % 2], &column);
  }
}

// The first pieces are small, because most processes have few mappings.
void AccountingTableBuilder::Bytes::AddPiece() {
  const size_t size =
      std::min(kFirstPieceBytes << std::min(pieces_.size(), size_t{16}), kPieceBytes);
  memory_ += size;
  if (!pieces_.empty()) sizes_.push_back(next_ - pieces_.back().get());
  pieces_.push_back(std::make_unique_for_overwrite<uint8_t[]>(size));
  next_ = pieces_.back().get();
  end_ = next_ + size;
}

AccountingTableBuilder::Column& AccountingTableBuilder::FindOrAddColumn(std::string_view name) {
  if (next_column_ < columns_.size() && columns_[next_column_].name == name) {
    return columns_[next_column_++];
  }
  auto found = std::ranges::find(columns_, name, &Column::name);
  if (found == columns_.end()) {
    if (name.empty() || name.size() > kMaxNameSize) {
      throw Error(fmt::format("the name of an accounting figure has {} bytes; it must have 1 to {}",
                              name.size(), kMaxNameSize));
    }
    if (columns_.size() == kMaxAccountingColumns) {
      throw Error(fmt::format("there are more than {} accounting figures", kMaxAccountingColumns));
    }
    columns_.push_back({.name = std::string(name)});
    found = columns_.end() - 1;
  }
  next_column_ = found - columns_.begin() + 1;
  return *found;
}

size_t AccountingTableBuilder::memory() const {
  size_t bytes = sizeof *this;
  for (const Column& column : columns_) bytes += sizeof column + column.values.memory();
  return bytes;
}

void AccountingTableBuilder::CollectPieces(Pieces* pieces) const {
  auto add = [&](ByteSpan piece) {
    pieces->all.push_back(piece);
    pieces->size += piece.size();
  };
  // A deque leaves what is pointed to where it is.
  std::deque<std::string>& others = pieces->others;
  std::string& head = others.emplace_back();
  AppendVarint(&head, columns_.size());
  add(AsBytes(head));
  for (const Column& column : columns_) {
    std::string& column_head = others.emplace_back();
    AppendVarint(&column_head, column.name.size());
    column_head += column.name;
    add(AsBytes(column_head));
    column.values.ForEachPiece(add);
    add(AsBytes(others.emplace_back(row_count_ - column.row_count, '\0')));
  }
}

std::vector<uint8_t> AccountingTableBuilder::Unpacked() const {
  Pieces pieces;
  CollectPieces(&pieces);
  std::vector<uint8_t> raw;
  if (pieces.size > kLargeTable) return raw;
  raw.reserve(pieces.size);
  for (ByteSpan piece : pieces.all) raw.insert(raw.end(), piece.begin(), piece.end());
  return raw;
}

std::string AccountingTableBuilder::Encode() const {
  Pieces pieces;
  CollectPieces(&pieces);
  if (pieces.size > kMaxRawSize) {
    throw Error(fmt::format("the kernel's accounting of one process takes {} bytes; at most {} fit",
                            pieces.size, kMaxRawSize));
  }
  std::string blob;
  AppendVarint(&blob, pieces.size);
  if (pieces.size > kLargeTable) {
    AppendLargePlane(&blob, pieces.all);
  } else {
    AppendPlane(&blob, Unpacked());
  }
  return blob;
}

std::string EncodeAccountingAfter(ByteSpan base, ByteSpan unpacked) {
  std::string blob;
  AppendVarint(&blob, unpacked.size());
  AppendPlaneAfter(&blob, base, unpacked);
  return blob;
}

AccountingTable::AccountingTable(ByteSpan blob, uint64_t row_count, const AccountingTable* base)
    : row_count_(row_count) {
  ByteReader packed(blob, kWhat);
  const uint64_t raw_size = packed.ReadVarint();
  if (raw_size > RawSizeLimit(row_count)) packed.Fail("it is larger than its rows can be");
  if (base != nullptr && std::max<uint64_t>(raw_size, base->raw_.size()) > kLargeTable) {
    packed.Fail("it, or its base, has more than 1 MiB");
  }
  raw_.resize(raw_size);
  if (base == nullptr) {
    ReadPlane(&packed, raw_);
  } else {
    ReadPlaneAfter(&packed, base->raw_, raw_);
  }
  packed.ExpectEnd();

  ByteReader reader(raw_, kWhat);
  const uint64_t column_count = reader.ReadVarint();
  if (column_count > kMaxAccountingColumns) reader.Fail("it has too many columns");
  for (uint64_t i = 0; i < column_count; ++i) ReadColumn(&reader);
  reader.ExpectEnd();
}

void AccountingTable::ReadColumn(ByteReader* reader) {
  const uint64_t name_size = reader->ReadVarint();
  if (name_size == 0 || name_size > kMaxNameSize) reader->Fail("a column's name has a wrong size");
  ByteSpan name = reader->ReadBytes(name_size);
  names_.emplace_back(name.begin(), name.end());
  if (std::find(names_.begin(), names_.end() - 1, names_.back()) != names_.end() - 1) {
    reader->Fail("it has two columns of one name");
  }
  // Each figure takes at least a byte, so this bounds the allocation by bytes that are there.
  if (row_count_ > reader->remaining()) reader->Fail("a column has fewer figures than rows");
  Marks& marks = columns_.emplace_back();
  marks.reserve(row_count_ / kRowsPerMark + 1);
  for (size_t row = 0; row < row_count_; ++row) {
    if (row % kRowsPerMark == 0) {
      marks.push_back(static_cast<uint32_t>(raw_.size() - reader->remaining()));
    }
    reader->ReadVarint();
  }
}

std::optional<size_t> AccountingTable::Column(std::string_view name) const {
  auto found = std::ranges::find(names_, name);
  if (found == names_.end()) return std::nullopt;
  return found - names_.begin();
}

std::optional<uint64_t> AccountingTable::Value(size_t column, size_t row) const {
  const uint32_t mark = columns_.at(column).at(row / kRowsPerMark);
  if (row >= row_count_) throw std::out_of_range("the kernel's accounting has no such row");
  ByteReader reader(ByteSpan(raw_).subspan(mark), kWhat);
  for (size_t i = 0; i < row % kRowsPerMark; ++i) reader.ReadVarint();
  const uint64_t figure = reader.ReadVarint();
  if (figure == 0) return std::nullopt;
  return figure - 1;
}

}  // namespace pagesnap
