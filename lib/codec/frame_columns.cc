#include "lib/codec/frame_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "lib/base/error.h"
#include "lib/codec/frame_tree.h"

namespace pagesnap {
namespace {

constexpr size_t kFirstSlotCount = 32;

}  // namespace

uint16_t Dictionary::Number(uint64_t value) {
  if (slots_.size() < 2 * (values_.size() + 1)) GrowSlots();
  const size_t slot = FindSlot(value);
  if (slots_[slot] == 0) {
    if (values_.size() == kFramesPerChunk) {
      throw Error(fmt::format("a frame chunk has more than {} distinct values", kFramesPerChunk));
    }
    values_.push_back(value);
    slots_[slot] = static_cast<uint32_t>(values_.size());
  }
  return static_cast<uint16_t>(slots_[slot] - 1);
}

void Dictionary::Clear() {
  values_.clear();
  std::fill(slots_.begin(), slots_.end(), 0);
}

size_t Dictionary::FindSlot(uint64_t value) const {
  // Fibonacci hashing: the high bits of the product depend on all bits of the value.
  const int shift = 64 - std::countr_zero(slots_.size());
  size_t slot = value * 0x9e3779b97f4a7c15 >> shift;
  while (slots_[slot] != 0 && values_[slots_[slot] - 1] != value) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void Dictionary::GrowSlots() {
  slots_.assign(std::max(kFirstSlotCount, std::bit_ceil(4 * values_.size())), 0);
  for (size_t i = 0; i < values_.size(); ++i) {
    slots_[FindSlot(values_[i])] = static_cast<uint32_t>(i + 1);
  }
}

void DictionaryColumn::Append(std::span<const uint64_t> values) {
  const size_t before = indexes_.size();
  if (before + values.size() > kFramesPerChunk) {
    throw Error(fmt::format("a frame chunk has more than {} frames", kFramesPerChunk));
  }
  indexes_.resize(before + values.size());
  uint16_t* index = indexes_.data() + before;
  for (size_t i = 0; i < values.size(); ++i) {
    // Neighbouring frames are mostly alike.
    const bool alike = before + i > 0 && this->values()[index[-1]] == values[i];
    *index = alike ? index[-1] : dictionary_.Number(values[i]);
    ++index;
  }
}

void DictionaryColumn::Clear() {
  dictionary_.Clear();
  indexes_.clear();
}

namespace {

void CheckRows(const FrameColumns& columns) {
  size_t frames = 0;
  for (uint64_t word : columns.referenced) frames += std::popcount(word);
  for (const DictionaryColumn* column : {&columns.flags, &columns.map_count, &columns.cgroup}) {
    if (column->size() == frames && frames > 0) continue;
    throw Error(
        fmt::format("a frame column has {} rows for {} referenced frames", column->size(), frames));
  }
}

// Says frame by frame, in ascending order, what the base has.
class BaseFacts {
 public:
  explicit BaseFacts(const FrameRuns* base) : base_(base) {}
  [[nodiscard]] bool AreAt(uint32_t frame, const FrameFacts& facts) {
    if (base_ == nullptr) return false;
    while (base_->runs[run_].last < frame) ++run_;
    return base_->kinds[base_->runs[run_].kind] == facts;
  }

 private:
  const FrameRuns* base_;
  size_t run_ = 0;
};

// Finds the spans of frames that are alike, and what kinds there are.
class SpanFinder {
 public:
  SpanFinder(const FrameColumns& columns, uint64_t edge_flags, const FrameRuns* base)
      : columns_(columns), edge_flags_(edge_flags), has_base_(base != nullptr), base_facts_(base) {}

  void Find() {
    size_t row = 0;
    for (uint32_t i = 0; i < columns_.referenced.size(); ++i) {
      for (uint64_t rest = columns_.referenced[i]; rest != 0; rest &= rest - 1, ++row) {
        AddRow(i * 64 + static_cast<uint32_t>(std::countr_zero(rest)), row);
      }
    }
    // Behind all others it is as in the first.
    if (spans_.back().last + 1 < kFramesPerChunk) EndFolio(row - 1, 0);
  }

  // Returns the kinds in the order in which they are stored, and renames them so in the spans.
  std::vector<FrameFacts> SortKinds() {
    const std::vector<uint64_t>& keys = keys_.values();
    std::vector<std::pair<FrameFacts, uint32_t>> sorted;
    for (size_t i = 0; i < keys.size(); ++i) {
      sorted.emplace_back(FrameFacts{columns_.flags.values()[keys[i] >> 32],
                                     columns_.map_count.values()[keys[i] >> 16 & 0xffff],
                                     columns_.cgroup.values()[keys[i] & 0xffff]},
                          i);
    }
    std::ranges::sort(sorted, {}, [](const auto& one) {
      return std::tuple(one.first.flags, one.first.cgroup, one.first.map_count);
    });
    std::vector<FrameFacts> kinds;
    std::vector<uint32_t> places(sorted.size());
    for (const auto& [facts, number] : sorted) {
      places[number] = static_cast<uint32_t>(kinds.size());
      kinds.push_back(facts);
    }
    for (FrameSpan& span : spans_) {
      if (!has_base_) {
        span.kind = places[span.kind];
      } else if (span.kind != 0) {
        span.kind = places[span.kind - 1] + 1;
      }
    }
    return kinds;
  }

  [[nodiscard]] const std::vector<FrameSpan>& spans() const { return spans_; }

 private:
  void AddRow(uint32_t frame, size_t row) {
    // Without a base the row before says as much, and neighbours are mostly alike.
    if (!has_base_ && row > 0 && Key(row) == Key(row - 1)) {
      spans_.back().last = frame;
      return;
    }
    if (row > 0 && spans_.back().last + 1 < frame) EndFolio(row - 1, row);
    AddSpan(frame, Kind(frame, row));
  }

  // Adds the frame behind the last one, of `row`, with the facts of another row, unless a folio
  // cannot go on there.
  void EndFolio(size_t row, size_t other_row) {
    const uint64_t flags = columns_.flags.at(row);
    if (flags == kNotRead || (flags & edge_flags_) == 0) return;
    const uint32_t frame = spans_.back().last + 1;
    AddSpan(frame, Kind(frame, other_row));
  }

  void AddSpan(uint32_t frame, uint32_t kind) {
    if (!spans_.empty() && spans_.back().kind == kind) {
      spans_.back().last = frame;
    } else {
      spans_.push_back({frame, frame, kind});
    }
  }

  // Returns the number of the kind that a row has, counted behind that of the base, if there is
  // one.
  uint32_t Kind(uint32_t frame, size_t row) {
    if (!has_base_) return keys_.Number(Key(row));
    const FrameFacts facts = {columns_.flags.at(row), columns_.map_count.at(row),
                              columns_.cgroup.at(row)};
    if (base_facts_.AreAt(frame, facts)) return 0;
    return keys_.Number(Key(row)) + 1U;
  }

  // Returns a row as one number: the places of its three values.
  [[nodiscard]] uint64_t Key(size_t row) const {
    return uint64_t{columns_.flags.indexes()[row]} << 32 |
           uint64_t{columns_.map_count.indexes()[row]} << 16 | columns_.cgroup.indexes()[row];
  }

  const FrameColumns& columns_;
  uint64_t edge_flags_;
  bool has_base_;
  BaseFacts base_facts_;
  Dictionary keys_;  // of the rows that have facts of their own
  std::vector<FrameSpan> spans_;
};

// Appends how many there are, the first, and by how much each is larger than the one before it.
void AppendAscending(std::string* out, const std::vector<uint64_t>& values) {
  AppendVarint(out, values.size());
  uint64_t before = 0;
  for (const uint64_t value : values) AppendVarint(out, value - std::exchange(before, value));
}

std::vector<uint64_t> Distinct(const std::vector<FrameFacts>& kinds, uint64_t FrameFacts::*member) {
  std::vector<uint64_t> values;
  for (const FrameFacts& kind : kinds) values.push_back(kind.*member);
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

// Appends kinds that are sorted by flags.
void AppendKinds(std::string* out, const std::vector<FrameFacts>& kinds) {
  const std::vector<uint64_t> cgroups = Distinct(kinds, &FrameFacts::cgroup);
  AppendAscending(out, Distinct(kinds, &FrameFacts::flags));
  AppendAscending(out, cgroups);
  for (auto kind = kinds.begin(); kind != kinds.end();) {
    const uint64_t flags = kind->flags;
    const auto end =
        std::find_if(kind, kinds.end(), [=](const auto& other) { return other.flags != flags; });
    AppendVarint(out, end - kind);
    for (; kind != end; ++kind) {
      AppendVarint(out, std::ranges::lower_bound(cgroups, kind->cgroup) - cgroups.begin());
      AppendVarint(out, kind->map_count + 1);  // one that was not read becomes 0
    }
  }
}

}  // namespace

std::string EncodeFrameColumns(const FrameColumns& columns, const FrameRuns* base,
                               uint64_t edge_flags) {
  CheckRows(columns);
  SpanFinder finder(columns, edge_flags, base);
  finder.Find();
  const std::vector<FrameFacts> kinds = finder.SortKinds();
  std::string blob;
  AppendVarint(&blob, kFrameTreeMark);
  AppendKinds(&blob, kinds);
  AppendFrameTree(&blob, finder.spans(), kinds.size() + (base != nullptr ? 1 : 0));
  return blob;
}

}  // namespace pagesnap
