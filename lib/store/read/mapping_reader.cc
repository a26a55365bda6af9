#include "lib/store/read/mapping_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/work_limit.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/vm_flags.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/reset_at_end.h"

namespace pagesnap {

MappingReader::MappingReader(const Source& source)
    : source_(source),
      mappings_(*source.database, *source.copies, "first_page, page_count, vm_flags_id, file_id"),
      chunks_(*source.database,
              "SELECT first_page, content_id, present_count, swapped_count, special_count "
              "FROM page_chunk WHERE mapping_id = ? ORDER BY first_page") {
  Statement flags(*source.database, "SELECT id, names FROM vm_flags");
  while (flags.Step()) {
    if (IsPfnMap(flags.Text(1))) pfn_maps_.insert(flags.Int(0));
    if (HidesPages(flags.Text(1))) hidden_.insert(flags.Int(0));
  }
}

std::optional<int64_t> MappingReader::ProcessOf(int64_t mapping_id) {
  const std::optional<int64_t> local = source_.Local(IdSpace::kMapping, mapping_id);
  if (!local) return std::nullopt;
  const ResetAtEnd reset(mappings_);
  mappings_.StartOne(*local);
  if (!mappings_.Next()) return std::nullopt;
  return source_.Global(IdSpace::kProcess, mappings_.process_id());
}

MappingInfo MappingReader::CurrentMapping(int64_t process_id, const SnapshotInfo& snapshot) const {
  const Statement& row = mappings_.row();
  constexpr int kFirst = MappingRows::kFirstColumn;
  const int64_t vm_flags_id = row.Int(kFirst + 2);
  MappingInfo mapping{
      source_.Global(IdSpace::kMapping, mappings_.id()),
      process_id,
      snapshot.id,
      static_cast<uint64_t>(row.Int(kFirst)),
      static_cast<uint64_t>(row.Int(kFirst + 1)),
      pfn_maps_.contains(vm_flags_id),
      hidden_.contains(vm_flags_id),
      row.IsNull(kFirst + 3) ? 0 : source_.Global(IdSpace::kFile, row.Int(kFirst + 3))};
  // Addresses have 64 bits.
  const uint64_t end_page = UINT64_MAX / snapshot.page_size + 1;
  if (mapping.page_count == 0 || mapping.page_count > end_page ||
      mapping.first_page > end_page - mapping.page_count) {
    ThrowDamaged(*source_.database,
                 fmt::format("mapping {} has an impossible size", mappings_.id()));
  }
  return mapping;
}

std::vector<MappingInfo> MappingReader::Mappings(int64_t process_id, const SnapshotInfo& snapshot,
                                                 const PageFilter& filter) {
  const ResetAtEnd reset(mappings_);
  const int64_t local_process = *source_.Local(IdSpace::kProcess, process_id);
  if (filter.mapping_id) {
    // An id of another source finds nothing.
    mappings_.StartOne(source_.Local(IdSpace::kMapping, *filter.mapping_id).value_or(0));
  } else {
    mappings_.StartProcess(local_process);
  }
  std::vector<MappingInfo> mappings;
  int64_t last_id = 0;
  while (mappings_.Next()) {
    if (mappings_.process_id() != local_process) continue;
    const MappingInfo mapping = CurrentMapping(process_id, snapshot);
    if (mapping.id <= last_id) {
      ThrowDamaged(*source_.database, fmt::format("mapping {} is there twice", mappings_.id()));
    }
    last_id = mapping.id;
    if (mapping.first_page > filter.last_page) continue;
    if (mapping.first_page + mapping.page_count - 1 < filter.first_page) continue;
    mappings.push_back(mapping);
  }
  return mappings;
}

std::vector<ChunkInfo> MappingReader::Chunks(const MappingInfo& mapping) {
  const int64_t local_id = *source_.Local(IdSpace::kMapping, mapping.id);
  ResetAtEnd reset(chunks_);
  chunks_.Bind(1, local_id);
  std::vector<ChunkInfo> chunks;
  uint64_t end = 0;  // the least that the chunk before reaches to
  while (chunks_.Step()) {
    CheckWork();
    ChunkInfo chunk{static_cast<uint64_t>(chunks_.Int(0)),
                    source_.Global(IdSpace::kContent, chunks_.Int(1)), chunks_.Int(2),
                    chunks_.Int(3), chunks_.Int(4)};
    auto fits = [](int64_t count) { return count >= 0 && count <= kPagesPerChunk; };
    if (chunk.first_page >= mapping.page_count) {
      ThrowDamaged(*source_.database, fmt::format("mapping {} has pages behind its end", local_id));
    }
    if (!fits(chunk.present_count) || !fits(chunk.swapped_count) || !fits(chunk.special_count) ||
        !fits(chunk.populated_count()) || chunk.first_page < end ||
        static_cast<uint64_t>(chunk.populated_count()) > mapping.page_count - chunk.first_page ||
        chunk.content_id == kNoId) {
      ThrowDamaged(*source_.database,
                   fmt::format("the page_chunk of mapping {} at page {} is impossible", local_id,
                               chunks_.Int(0)));
    }
    end = chunk.first_page + std::max<uint64_t>(chunk.populated_count(), 1);
    chunks.push_back(chunk);
  }
  return chunks;
}

}  // namespace pagesnap
