#include "lib/codec/frame_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "lib/base/error.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

constexpr char kBlobName[] = "frame facts";
constexpr size_t kFirstSlotCount = 32;

// A kind as one number: the indexes of its three values.
constexpr uint64_t KindKey(uint64_t flags, uint64_t map_count, uint64_t cgroup) {
  return flags << 32 | map_count << 16 | cgroup;
}

void AppendDictionary(std::string* out, const Dictionary& dictionary) {
  AppendVarint(out, dictionary.values().size());
  for (uint64_t value : dictionary.values()) AppendU64(out, value);
}

std::vector<uint64_t> ReadDictionary(ByteReader* reader) {
  const uint64_t count = reader->ReadVarint();
  if (count > kFramesPerChunk) reader->Fail("it has more distinct values than frames");
  // Each takes eight bytes of the blob.
  if (count > reader->remaining() / sizeof(uint64_t)) reader->Fail("it ends early");
  std::vector<uint64_t> values(count);
  for (uint64_t& value : values) value = reader->ReadU64();
  return values;
}

// Returns how many kinds or runs come next: each has at least one frame.
size_t ReadCount(ByteReader* reader) {
  const uint64_t count = reader->ReadVarint();
  if (count > kFramesPerChunk) reader->Fail("it has more parts than frames");
  return count;
}

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

// The runs as they are stored.
struct StoredRuns {
  Dictionary flags, map_count, cgroup;  // of frames with facts of their own
  Dictionary kind_of_frame;             // keys of these
  std::vector<uint32_t> lengths;        // less one
  std::vector<uint32_t> kinds;          // with a base, 0 is what the base has
};

StoredRuns FindRuns(const FrameColumns& columns, const FrameRuns* base) {
  StoredRuns found;
  BaseFacts base_facts(base);
  uint32_t start = 0;  // of the current run
  uint32_t last = 0;   // frame that was added
  size_t row = 0;
  // Without a base the row before says as much, and neighbours are mostly alike.
  auto is_as_before = [&] {
    auto same = [&](const DictionaryColumn& column) {
      return column.indexes()[row] == column.indexes()[row - 1];
    };
    return base == nullptr && row > 0 && same(columns.map_count) && same(columns.flags) &&
           same(columns.cgroup);
  };
  auto add = [&](uint32_t frame) {
    const uint32_t before = std::exchange(last, frame);
    if (is_as_before()) return;
    const FrameFacts facts = {columns.flags.at(row), columns.map_count.at(row),
                              columns.cgroup.at(row)};
    uint32_t kind = 0;
    if (!base_facts.AreAt(frame, facts)) {
      kind = found.kind_of_frame.Number(KindKey(found.flags.Number(facts.flags),
                                                found.map_count.Number(facts.map_count),
                                                found.cgroup.Number(facts.cgroup)));
      if (base != nullptr) ++kind;
    }
    if (!found.kinds.empty() && kind == found.kinds.back()) return;
    // What nobody refers to goes with what follows it: so the tails of a large folio do not go on
    // behind the last one that was referenced.
    if (!found.kinds.empty()) {
      found.lengths.push_back(before - start);
      start = before + 1;
    }
    found.kinds.push_back(kind);
  };
  for (uint32_t i = 0; i < columns.referenced.size(); ++i) {
    for (uint64_t rest = columns.referenced[i]; rest != 0; rest &= rest - 1, ++row) {
      add(i * 64 + static_cast<uint32_t>(std::countr_zero(rest)));
    }
  }
  if (last + 1 < kFramesPerChunk && found.kinds.front() != found.kinds.back()) {
    found.lengths.push_back(last - start);
    start = last + 1;
    found.kinds.push_back(found.kinds.front());
  }
  found.lengths.push_back(kFramesPerChunk - start - 1);
  return found;
}

// Appends runs frame by frame from what a blob says, and from its base.
class RunMerger {
 public:
  explicit RunMerger(const FrameRuns* base) : base_(base) {}

  // The next `length` frames are as they are in the base.
  void CopyBase(uint32_t length) {
    const uint32_t end = end_ + length;
    while (end_ < end) {
      while (base_->runs[run_].last < end_) ++run_;
      const FrameRuns::Run& run = base_->runs[run_];
      Add(run.kind, std::min(end, run.last + 1U) - end_);
    }
  }
  // The next `length` frames are of a kind, counted behind those of the base.
  void Add(uint32_t kind, uint32_t length) {
    end_ += length;
    kinds_.push_back(kind);
    lasts_.push_back(static_cast<uint16_t>(end_ - 1));
  }

  // Returns the runs with those of `kinds` that are in use, which are no more than runs: what a
  // base had does not pile up.
  [[nodiscard]] FrameRuns Finish(const std::vector<FrameFacts>& kinds) const {
    constexpr uint32_t kUnused = ~uint32_t{0};
    std::vector<uint32_t> place(kinds.size(), kUnused);
    FrameRuns merged;
    merged.runs.reserve(kinds_.size());
    for (size_t i = 0; i < kinds_.size(); ++i) {
      uint32_t& kind = place[kinds_[i]];
      if (kind == kUnused) {
        kind = static_cast<uint32_t>(merged.kinds.size());
        merged.kinds.push_back(kinds[kinds_[i]]);
      }
      merged.runs.push_back({lasts_[i], static_cast<uint16_t>(kind)});
    }
    return merged;
  }

 private:
  const FrameRuns* base_;
  size_t run_ = 0;
  uint32_t end_ = 0;
  std::vector<uint32_t> kinds_;
  std::vector<uint16_t> lasts_;
};

// Appends the kinds of a blob.
void ReadKinds(ByteReader* reader, std::vector<FrameFacts>* kinds) {
  std::vector<uint64_t> values[3];
  for (std::vector<uint64_t>& column : values) column = ReadDictionary(reader);
  const size_t count = ReadCount(reader);
  const size_t before = kinds->size();
  kinds->resize(before + count);
  uint64_t FrameFacts::*const members[] = {&FrameFacts::flags, &FrameFacts::map_count,
                                           &FrameFacts::cgroup};
  for (int column = 0; column < 3; ++column) {
    const std::vector<uint32_t> indexes = ReadNumbers(reader, count);
    for (size_t i = 0; i < count; ++i) {
      if (indexes[i] >= values[column].size()) {
        reader->Fail("a frame has a value that is not there");
      }
      (*kinds)[before + i].*members[column] = values[column][indexes[i]];
    }
  }
}

}  // namespace

std::string EncodeFrameColumns(const FrameColumns& columns, const FrameRuns* base) {
  CheckRows(columns);
  const StoredRuns found = FindRuns(columns, base);
  std::string blob;
  for (const Dictionary* dictionary : {&found.flags, &found.map_count, &found.cgroup}) {
    AppendDictionary(&blob, *dictionary);
  }
  const std::vector<uint64_t>& keys = found.kind_of_frame.values();
  AppendVarint(&blob, keys.size());
  std::vector<uint32_t> indexes(keys.size());
  for (int shift : {32, 16, 0}) {
    std::ranges::transform(keys, indexes.begin(),
                           [shift](uint64_t key) { return key >> shift & 0xffff; });
    AppendNumbers(&blob, indexes);
  }
  AppendVarint(&blob, found.kinds.size());
  AppendNumbers(&blob, found.lengths);
  AppendNumbers(&blob, found.kinds);
  return blob;
}

FrameRuns DecodeFrameColumns(ByteSpan blob, const FrameRuns* base) {
  ByteReader reader(blob, kBlobName);
  std::vector<FrameFacts> kinds;
  if (base != nullptr) kinds = base->kinds;
  const size_t base_kinds = kinds.size();
  ReadKinds(&reader, &kinds);
  const size_t run_count = ReadCount(&reader);
  const std::vector<uint32_t> lengths = ReadNumbers(&reader, run_count);
  const std::vector<uint32_t> kind_of_run = ReadNumbers(&reader, run_count);
  reader.ExpectEnd();
  uint64_t end = 0;
  RunMerger merger(base);
  for (size_t i = 0; i < run_count; ++i) {
    end += uint64_t{lengths[i]} + 1;
    if (end > kFramesPerChunk) break;
    uint32_t kind = kind_of_run[i];
    if (base != nullptr && kind-- == 0) {
      merger.CopyBase(lengths[i] + 1);
    } else if (kind < kinds.size() - base_kinds) {
      merger.Add(static_cast<uint32_t>(base_kinds) + kind, lengths[i] + 1);
    } else {
      reader.Fail("a frame has facts that are not there");
    }
  }
  if (end != kFramesPerChunk) reader.Fail("its runs have not as many frames as a chunk");
  return merger.Finish(kinds);
}

}  // namespace pagesnap
