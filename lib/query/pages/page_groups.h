// The pages of a mapping, grouped by what they are.
#ifndef LIB_QUERY_PAGES_PAGE_GROUPS_H_
#define LIB_QUERY_PAGES_PAGE_GROUPS_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "lib/query/scan/page_cut.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// What pages of one group have in common. The map count is not part of it: hardly a page of a
// library has the count of its neighbour, and groups would be as many as pages.
struct PageKind {
  PageState state = PageState::kAbsent;
  bool swap_format = false;
  uint8_t swap_type = 0;       // 0 where it is hidden, or the page is present
  uint64_t flags = kNotRead;   // of the frame
  uint64_t cgroup = kNotRead;  // inode, of the frame
  const Zone* zone = nullptr;  // of the frame, or null

  friend bool operator==(const PageKind&, const PageKind&) = default;
};

struct PageKindHash {
  size_t operator()(const PageKind& kind) const;
};

struct PageGroup {
  PageKind kind;
  uint64_t page_count = 0;
  uint64_t first_page = 0;  // virtual page number of the first of them
};

// Groups pages of one snapshot after the other. A content that many mappings share is grouped once,
// as long as all groups, which take 8 bytes each, are not too many to keep.
class PageGrouper {
 public:
  // `reader` is borrowed.
  explicit PageGrouper(SnapshotReader& reader) : reader_(reader) {}

  // Groups the contents of these mappings, on all cores. Not needed, only faster. Throws Error when
  // one is damaged.
  void Prepare(std::span<const MappingInfo> mappings);

  // Returns the groups of a mapping, as far as it lies in `cut`, by first page. Throws Error when a
  // content is damaged.
  std::vector<PageGroup> Groups(const MappingInfo& mapping, const PageCut& cut);

 private:
  struct ContentGroup {
    uint32_t kind;        // index into kinds_
    uint16_t page_count;  // a content has 4096 pages at most
    uint16_t first;       // index of the first page
  };
  struct LocalGroup {
    PageKind kind;
    uint16_t page_count;
    uint16_t first;
  };
  class Worker;

  void Enter(int64_t snapshot_id);
  void Clear();
  // Forgets everything, numbers of kinds too, when it is much; returns whether it did.
  bool MakeRoom();
  void GroupContents(std::span<const int64_t> contents);
  const std::vector<ContentGroup>& Keep(int64_t content_id, std::vector<ContentGroup> groups);
  [[nodiscard]] std::vector<ContentGroup> Number(std::span<const LocalGroup> groups);
  uint32_t NumberOf(const PageKind& kind);
  const std::vector<ContentGroup>& GroupsOf(int64_t content_id);
  std::vector<ContentGroup> GroupsOf(std::span<const uint64_t> words);

  SnapshotReader& reader_;
  const SnapshotInfo* snapshot_ = nullptr;  // that everything below is of
  std::mutex mutex_;                        // guards kinds_ and numbers_ while threads run
  std::vector<PageKind> kinds_;
  std::unordered_map<PageKind, uint32_t, PageKindHash> numbers_;
  std::unordered_map<int64_t, std::vector<ContentGroup>> contents_;
  size_t kept_ = 0;  // groups in contents_
};

}  // namespace pagesnap

#endif  // LIB_QUERY_PAGES_PAGE_GROUPS_H_
