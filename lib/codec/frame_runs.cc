#include <algorithm>
#include <utility>

#include "lib/codec/frame_columns.h"
#include "lib/codec/frame_tree.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

constexpr char kBlobName[] = "frame facts";

std::vector<uint64_t> ReadValues(ByteReader* reader, uint64_t count) {
  if (count > kFramesPerChunk) reader->Fail("it has more distinct values than frames");
  // Each takes eight bytes of the blob.
  if (count > reader->remaining() / sizeof(uint64_t)) reader->Fail("it ends early");
  std::vector<uint64_t> values(count);
  for (uint64_t& value : values) value = reader->ReadU64();
  return values;
}

// Returns how many values, kinds or runs come next: each has at least one frame.
size_t ReadCount(ByteReader* reader) {
  const uint64_t count = reader->ReadVarint();
  if (count > kFramesPerChunk) reader->Fail("it has more parts than frames");
  return count;
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
    if (kinds_.empty() || kinds_.back() != kind) {
      kinds_.push_back(kind);
      lasts_.push_back(0);
    }
    lasts_.back() = static_cast<uint16_t>(end_ - 1);
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

// Reads the kinds of a blob before version 6, which has `flags_count` distinct flags.
void ReadListedKinds(ByteReader* reader, uint64_t flags_count, std::vector<FrameFacts>* kinds) {
  const std::vector<uint64_t> values[3] = {ReadValues(reader, flags_count),
                                           ReadValues(reader, reader->ReadVarint()),
                                           ReadValues(reader, reader->ReadVarint())};
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

// Adds the runs of a blob before version 6. `base_kinds` of `kinds` are the base's.
void ReadRuns(ByteReader* reader, bool has_base, size_t base_kinds, size_t kind_count,
              RunMerger* merger) {
  const size_t run_count = ReadCount(reader);
  const std::vector<uint32_t> lengths = ReadNumbers(reader, run_count);
  const std::vector<uint32_t> kind_of_run = ReadNumbers(reader, run_count);
  reader->ExpectEnd();
  uint64_t end = 0;
  for (size_t i = 0; i < run_count; ++i) {
    end += uint64_t{lengths[i]} + 1;
    if (end > kFramesPerChunk) break;
    uint32_t kind = kind_of_run[i];
    if (has_base && kind-- == 0) {
      merger->CopyBase(lengths[i] + 1);
    } else if (kind < kind_count - base_kinds) {
      merger->Add(static_cast<uint32_t>(base_kinds) + kind, lengths[i] + 1);
    } else {
      reader->Fail("a frame has facts that are not there");
    }
  }
  if (end != kFramesPerChunk) reader->Fail("its runs have not as many frames as a chunk");
}

std::vector<uint64_t> ReadAscending(ByteReader* reader) {
  const size_t count = ReadCount(reader);
  // Each takes at least a byte of the blob.
  if (count > reader->remaining()) reader->Fail("it ends early");
  std::vector<uint64_t> values(count);
  uint64_t value = 0;
  for (uint64_t& next : values) next = value += reader->ReadVarint();
  return values;
}

// Appends the kinds of a blob.
void ReadKinds(ByteReader* reader, std::vector<FrameFacts>* kinds) {
  const size_t before = kinds->size();
  const std::vector<uint64_t> all_flags = ReadAscending(reader);
  const std::vector<uint64_t> cgroups = ReadAscending(reader);
  for (const uint64_t flags : all_flags) {
    const size_t count = ReadCount(reader);
    if (kinds->size() - before + count > kFramesPerChunk) {
      reader->Fail("it has more parts than frames");
    }
    for (size_t i = 0; i < count; ++i) {
      const uint64_t cgroup = reader->ReadVarint();
      if (cgroup >= cgroups.size()) reader->Fail("a frame has a value that is not there");
      kinds->push_back(
          {.flags = flags, .map_count = reader->ReadVarint() - 1, .cgroup = cgroups[cgroup]});
    }
  }
}

}  // namespace

FrameRuns DecodeFrameColumns(ByteSpan blob, const FrameRuns* base) {
  ByteReader reader(blob, kBlobName);
  std::vector<FrameFacts> kinds;
  if (base != nullptr) kinds = base->kinds;
  const auto base_kinds = static_cast<uint32_t>(kinds.size());
  RunMerger merger(base);
  const uint64_t mark = reader.ReadVarint();
  if (mark != kFrameTreeMark) {
    ReadListedKinds(&reader, mark, &kinds);
    ReadRuns(&reader, base != nullptr, base_kinds, kinds.size(), &merger);
    return merger.Finish(kinds);
  }
  ReadKinds(&reader, &kinds);
  const uint32_t first_own = base != nullptr ? 1 : 0;
  ReadFrameTree(&reader, kinds.size() - base_kinds + first_own, [&](uint32_t kind, uint32_t count) {
    if (kind < first_own) {
      merger.CopyBase(count);
    } else {
      merger.Add(base_kinds + kind - first_own, count);
    }
  });
  return merger.Finish(kinds);
}

}  // namespace pagesnap
