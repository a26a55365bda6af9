#include "lib/query/pages/page_groups.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "lib/base/error.h"
#include "lib/query/scan/content_scan.h"

namespace pagesnap {
namespace {

// Below this, starting threads and reading all frames costs more than it saves.
constexpr size_t kContentsWorthThreads = 16;
// Grouped at once: groups of 32 MiB at worst, where every page is one of its own.
constexpr size_t kContentsAtOnce = 1024;
// A page of any content can be a group of its own, and a content of few bytes can have 4096 pages.
constexpr size_t kMaxGroupsKept = size_t{4} << 20;
constexpr size_t kMaxKindsKept = size_t{256} << 10;

}  // namespace

size_t PageKindHash::operator()(const PageKind& kind) const {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  uint64_t hash = uint64_t{kind.swap_type} << 8 | static_cast<uint64_t>(kind.state);
  for (uint64_t part : {kind.flags, kind.cgroup, reinterpret_cast<uint64_t>(kind.zone)}) {
    hash = (hash ^ part) * kOdd;
    hash ^= hash >> 32;
  }
  return hash;
}

// Groups contents in one thread.
class PageGrouper::Worker {
 public:
  // Returns the groups of a content by first page, until the next call. `frames` is null where PFNs
  // are hidden.
  template <typename Frames>
  std::span<const LocalGroup> Group(const SnapshotInfo& snapshot, std::span<const uint64_t> words,
                                    Frames* frames) {
    groups_.clear();
    more_.clear();
    size_t last = 0;  // pages that are alike come together
    for (size_t i = 0; i < words.size(); ++i) {
      if (frames != nullptr && i + kAhead < words.size()) {
        const PageWord ahead(words[i + kAhead]);
        if (ahead.present()) frames->Prefetch(ahead.pfn());
      }
      const PageWord word(words[i]);
      if (!word.populated()) continue;
      const PageKind kind = KindOf(snapshot, word, frames);
      if (last >= groups_.size() || !(groups_[last].kind == kind)) last = PlaceOf(kind, i);
      ++groups_[last].page_count;
    }
    return groups_;
  }

 private:
  // Most contents have fewer groups: to look at all of them is then faster than to hash.
  static constexpr size_t kFew = 8;
  // Pages between the one whose frame is fetched into the cache and the one that is looked at.
  static constexpr size_t kAhead = 16;

  template <typename Frames>
  static PageKind KindOf(const SnapshotInfo& snapshot, PageWord word, Frames* frames) {
    PageKind kind{.state = snapshot.decoder.State(word), .swap_format = word.swap_format()};
    if (frames == nullptr) return kind;
    if (kind.swap_format) {
      kind.swap_type = static_cast<uint8_t>(word.swap_type());
      return kind;
    }
    kind.zone = snapshot.ZoneOf(word.pfn());
    if (const FrameFacts* facts = frames->Find(word.pfn())) {
      kind.flags = facts->flags;
      kind.cgroup = facts->cgroup;
    }
    return kind;
  }

  // Returns the place of the group of this kind; a new one starts with the page at `index`.
  size_t PlaceOf(const PageKind& kind, size_t index) {
    const size_t few = std::min(groups_.size(), kFew);
    for (size_t i = 0; i < few; ++i) {
      if (groups_[i].kind == kind) return i;
    }
    const size_t end = groups_.size();
    if (end >= kFew) {
      const auto [place, is_new] = more_.try_emplace(kind, end);
      if (!is_new) return place->second;
    }
    groups_.push_back({kind, 0, static_cast<uint16_t>(index)});
    return end;
  }

  std::vector<LocalGroup> groups_;
  std::unordered_map<PageKind, size_t, PageKindHash> more_;  // those behind the first few
};

void PageGrouper::Enter(int64_t snapshot_id) {
  if (snapshot_ != nullptr && snapshot_->id == snapshot_id) return;
  snapshot_ = &reader_.snapshot(snapshot_id);
  Clear();
}

void PageGrouper::Clear() {
  contents_.clear();
  kinds_.clear();
  numbers_.clear();
  kept_ = 0;
}

bool PageGrouper::MakeRoom() {
  if (kept_ < kMaxGroupsKept && kinds_.size() < kMaxKindsKept) return false;
  Clear();
  return true;
}

const std::vector<PageGrouper::ContentGroup>& PageGrouper::Keep(int64_t content_id,
                                                                std::vector<ContentGroup> groups) {
  kept_ += groups.size();
  return contents_.emplace(content_id, std::move(groups)).first->second;
}

void PageGrouper::Prepare(std::span<const MappingInfo> mappings) {
  if (mappings.empty()) return;
  Enter(mappings.front().snapshot_id);  // they are of one process
  std::vector<int64_t> wanted;
  std::unordered_set<int64_t> seen;
  for (const MappingInfo& mapping : mappings) {
    for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
      if (contents_.contains(chunk.content_id) || !seen.insert(chunk.content_id).second) continue;
      wanted.push_back(chunk.content_id);
    }
  }
  if (wanted.size() < kContentsWorthThreads) return;
  std::sort(wanted.begin(), wanted.end());
  for (size_t first = 0; first < wanted.size(); first += kContentsAtOnce) {
    MakeRoom();
    GroupContents(
        std::span(wanted).subspan(first, std::min(kContentsAtOnce, wanted.size() - first)));
  }
}

void PageGrouper::GroupContents(std::span<const int64_t> contents) {
  std::shared_ptr<FrameTable> table;
  std::optional<LoadedFrames> frames;
  if (snapshot_->pfn_visible) {
    table = reader_.Frames(snapshot_->id);
    try {
      frames = table->LoadAll();
    } catch (const Error&) {
      return;  // one by one, what does not need the damaged chunk still has groups
    }
  }
  const LoadedFrames* loaded = frames ? &*frames : nullptr;
  std::vector<Worker> workers(WorkerCount());
  std::vector<std::vector<ContentGroup>> groups(contents.size());
  ForEachContent(reader_, contents, OnDamage::kThrow,
                 [&](size_t index, std::span<const uint64_t> words, size_t worker) {
                   groups[index] = Number(workers[worker].Group(*snapshot_, words, loaded));
                 });
  for (size_t i = 0; i < contents.size(); ++i) Keep(contents[i], std::move(groups[i]));
}

std::vector<PageGrouper::ContentGroup> PageGrouper::Number(std::span<const LocalGroup> groups) {
  std::vector<ContentGroup> numbered;
  numbered.reserve(groups.size());
  const std::lock_guard lock(mutex_);
  for (const LocalGroup& group : groups) {
    numbered.push_back({NumberOf(group.kind), group.page_count, group.first});
  }
  return numbered;
}

uint32_t PageGrouper::NumberOf(const PageKind& kind) {
  const auto [place, is_new] = numbers_.try_emplace(kind, static_cast<uint32_t>(kinds_.size()));
  if (is_new) kinds_.push_back(kind);
  return place->second;
}

const std::vector<PageGrouper::ContentGroup>& PageGrouper::GroupsOf(int64_t content_id) {
  const auto known = contents_.find(content_id);
  if (known != contents_.end()) return known->second;
  return Keep(content_id, GroupsOf(reader_.Words(content_id)));
}

std::vector<PageGrouper::ContentGroup> PageGrouper::GroupsOf(std::span<const uint64_t> words) {
  std::shared_ptr<FrameTable> frames;
  if (snapshot_->pfn_visible) frames = reader_.Frames(snapshot_->id);
  Worker worker;
  return Number(worker.Group(*snapshot_, words, frames.get()));
}

std::vector<PageGroup> PageGrouper::Groups(const MappingInfo& mapping, const PageCut& cut) {
  Enter(mapping.snapshot_id);
  std::vector<PageGroup> groups;
  std::unordered_map<uint32_t, size_t> places;  // in groups, of each kind
  for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
    if (MakeRoom()) {
      places.clear();
      for (size_t i = 0; i < groups.size(); ++i) places[NumberOf(groups[i].kind)] = i;
    }
    const auto add = [&](const std::vector<ContentGroup>& parts, uint64_t first_page) {
      for (const ContentGroup& part : parts) {
        const auto [place, is_new] = places.try_emplace(part.kind, groups.size());
        if (is_new) groups.push_back({kinds_[part.kind], 0, first_page + part.first});
        groups[place->second].page_count += part.page_count;
      }
    };
    const uint64_t first_page = mapping.first_page + chunk.first_page;
    const uint64_t count = cut.is_all() ? 0 : reader_.ContentPages(chunk.content_id);
    const PageCut::Words inside = cut.Of(first_page, count);
    if (inside.end - inside.begin == count) {
      add(GroupsOf(chunk.content_id), first_page);
    } else if (!inside.empty()) {
      const auto words = reader_.SharedWords(chunk.content_id);
      add(GroupsOf(std::span(*words).subspan(inside.begin, inside.end - inside.begin)),
          first_page + inside.begin);
    }
  }
  return groups;
}

}  // namespace pagesnap
