// Who maps a frame: the pages of a snapshot, by frame.
#ifndef LIB_QUERY_SHARING_FRAME_USER_INDEX_H_
#define LIB_QUERY_SHARING_FRAME_USER_INDEX_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/base/large_vector.h"
#include "lib/query/scan/analysis_cache.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/query/sharing/page_numbers.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// A page that maps a frame.
struct FrameUser {
  uint32_t mapping;  // index into SnapshotLayout::mappings()
  uint64_t page;     // virtual page number

  friend auto operator<=>(const FrameUser&, const FrameUser&) = default;
};

// Holds each page of each distinct content once, however many mappings share it: 4 bytes a frame,
// and 8 for each further page that maps it. On a large machine it holds only the pages of some
// chunks of frames, and goes over all contents again when it is asked for others: it is best to go
// in PFN order. For one thread.
class FrameUserIndex {
 public:
  // The most frames whose pages are held: 256 MiB.
  static constexpr uint32_t kMaxFrames = uint32_t{1} << 26;

  // Throws Error when a content is damaged, or refers to a frame that the snapshot does not have.
  FrameUserIndex(AnalysisCache& cache, int64_t snapshot_id, uint32_t max_frames = kMaxFrames);

  // What its numbers of mappings and contents refer to.
  [[nodiscard]] const SnapshotLayout& layout() const { return *layout_; }

  // Sets `users` to the pages that map the frame with this ordinal, by process, mapping and
  // address. Throws like the constructor.
  void Find(uint32_t ordinal, std::vector<FrameUser>* users);

  // Calls visit(content, page) for each page of a distinct content that maps the frame: an index
  // into SnapshotLayout::contents(), and one into its words. In no particular order. Throws like
  // the constructor.
  template <typename Visit>
  void ForEachPage(uint32_t ordinal, const Visit& visit) {
    if (ordinal - window_.first_ordinal >= first_.size()) Load(ordinal);
    const uint32_t first = first_[ordinal - window_.first_ordinal];
    if (first == kNone) return;
    VisitPage(first, visit);
    if (further_.empty()) return;
    const uint64_t key = uint64_t{ordinal} << 32;
    for (auto next = std::lower_bound(further_.begin(), further_.end(), key);
         next != further_.end() && *next >> 32 == ordinal; ++next) {
      VisitPage(static_cast<uint32_t>(*next), visit);
    }
  }

 private:
  static constexpr uint32_t kNone = PageNumbers::kNone;

  // Chunks of frames whose pages are held at the same time.
  struct Window {
    PfnRange pfns;
    uint32_t first_ordinal = 0;
    uint32_t frame_count = 0;
  };

  template <typename Visit>
  void VisitPage(uint32_t page, const Visit& visit) const {
    const size_t content = numbers_.ContentOf(page);
    visit(content, numbers_.IndexOf(page, content));
  }
  static std::vector<Window> MakeWindows(const FrameTable& frames, const FrameOrdinals& ordinals,
                                         uint32_t max_frames);
  // Decodes all contents of the snapshot, on all cores, for the frames around this one.
  void Load(uint32_t ordinal);
  // Returns whether a page is of a frame of the window. The real frame 0 is never mapped: the
  // kernel hid the PFN.
  [[nodiscard]] bool IsWanted(PageWord word) const {
    return word.present() && word.pfn() != 0 && window_.pfns.Contains(word.pfn());
  }
  void AddWords(size_t content, std::span<const uint64_t> words, std::vector<uint64_t>* further);

  SnapshotReader& reader_;
  std::shared_ptr<const SnapshotLayout> layout_;
  std::shared_ptr<FrameTable> frames_;
  FrameOrdinals ordinals_;  // of frames_
  PageNumbers numbers_;
  std::vector<Window> windows_;    // in PFN order
  Window window_;                  // what is held
  LargeVector<uint32_t> first_;    // of each of its frames: one page that maps it, or kNone
  std::vector<uint64_t> further_;  // the others: ordinal << 32 | page, ascending
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_FRAME_USER_INDEX_H_
