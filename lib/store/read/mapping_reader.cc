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
      owner_(*source.database, "SELECT process_id FROM mapping WHERE id = ?"),
      mappings_(*source.database,
                "SELECT id, first_page, page_count, vm_flags_id, file_id FROM mapping "
                "WHERE process_id = ? ORDER BY id"),
      mapping_(*source.database,
               "SELECT id, first_page, page_count, vm_flags_id, file_id FROM mapping "
               "WHERE process_id = ? AND id = ?"),
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
  ResetAtEnd reset(owner_);
  owner_.Bind(1, *local);
  if (!owner_.Step()) return std::nullopt;
  return source_.Global(IdSpace::kProcess, owner_.Int(0));
}

MappingInfo MappingReader::MappingFrom(const Statement& row, int64_t process_id,
                                       const SnapshotInfo& snapshot) const {
  MappingInfo mapping{source_.Global(IdSpace::kMapping, row.Int(0)),
                      process_id,
                      snapshot.id,
                      static_cast<uint64_t>(row.Int(1)),
                      static_cast<uint64_t>(row.Int(2)),
                      pfn_maps_.contains(row.Int(3)),
                      hidden_.contains(row.Int(3)),
                      row.IsNull(4) ? 0 : source_.Global(IdSpace::kFile, row.Int(4))};
  // Addresses have 64 bits.
  const uint64_t end_page = UINT64_MAX / snapshot.page_size + 1;
  if (mapping.page_count == 0 || mapping.page_count > end_page ||
      mapping.first_page > end_page - mapping.page_count) {
    ThrowDamaged(*source_.database, fmt::format("mapping {} has an impossible size", row.Int(0)));
  }
  return mapping;
}

std::vector<MappingInfo> MappingReader::Mappings(int64_t process_id, const SnapshotInfo& snapshot,
                                                 const PageFilter& filter) {
  Statement& statement = filter.mapping_id ? mapping_ : mappings_;
  ResetAtEnd reset(statement);
  statement.Bind(1, *source_.Local(IdSpace::kProcess, process_id));
  if (filter.mapping_id) {
    // An id of another source finds nothing.
    statement.Bind(2, source_.Local(IdSpace::kMapping, *filter.mapping_id).value_or(0));
  }
  std::vector<MappingInfo> mappings;
  int64_t last_id = 0;
  while (statement.Step()) {
    CheckWork();
    const MappingInfo mapping = MappingFrom(statement, process_id, snapshot);
    if (mapping.id <= last_id) {
      ThrowDamaged(*source_.database, fmt::format("mapping {} is there twice", statement.Int(0)));
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
