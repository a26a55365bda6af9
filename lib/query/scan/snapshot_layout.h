// Which pages of which mappings each content of a snapshot is.
#ifndef LIB_QUERY_SCAN_SNAPSHOT_LAYOUT_H_
#define LIB_QUERY_SCAN_SNAPSHOT_LAYOUT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lib/query/scan/owner.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// A place where a content is mapped.
struct ContentUse {
  uint32_t mapping;     // index into SnapshotLayout::mappings()
  uint64_t first_page;  // virtual page number of the content's first page
};

// Which pages a layout is about: those with frames, or all other populated ones.
enum class LayoutPages { kPresent, kSwapFormat };

class SnapshotLayout {
 public:
  // Reads the tables of the snapshot, not the contents. Throws Error.
  SnapshotLayout(SnapshotReader& reader, int64_t snapshot_id,
                 LayoutPages pages = LayoutPages::kPresent);

  // All mappings, by process and id.
  [[nodiscard]] const std::vector<MappingInfo>& mappings() const { return mappings_; }
  // Returns the index of a mapping that the snapshot has.
  [[nodiscard]] size_t IndexOf(const MappingInfo& mapping) const;
  // The contents with such pages, ascending.
  [[nodiscard]] const std::vector<int64_t>& contents() const { return contents_; }
  // Returns how many such pages the distinct contents have.
  [[nodiscard]] uint64_t page_count() const { return page_count_; }
  // Returns where content number `index` of contents() is mapped, in the order of mappings().
  [[nodiscard]] std::span<const ContentUse> UsesOf(size_t index) const {
    return std::span(uses_).subspan(use_begin_[index], use_begin_[index + 1] - use_begin_[index]);
  }

  // Returns who has that content.
  [[nodiscard]] Owner OwnerOf(size_t index) const {
    const auto uses = UsesOf(index);  // by process
    Owner owner(mappings_[uses.front().mapping].process_id);
    owner.Add(Owner(mappings_[uses.back().mapping].process_id));
    return owner;
  }

 private:
  std::vector<MappingInfo> mappings_;
  std::vector<int64_t> contents_;
  std::vector<size_t> use_begin_;  // of each content, in uses_; one more at the end
  std::vector<ContentUse> uses_;
  uint64_t page_count_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_SNAPSHOT_LAYOUT_H_
