// Mappings of different runs: addresses are random, so files go by path and offset, and anonymous
// memory by its name, its size and what it lies next to.
#include <algorithm>
#include <unordered_map>

#include "lib/query/match_steps.h"

namespace pagesnap {
namespace {

// The mappings of one file that lie at ascending offsets: as a rule, what one dlopen() or mmap()
// made.
struct Load {
  std::vector<Piece> pieces;
  uint64_t layout = 0;    // equal for equal offsets, sizes and permissions
  uint64_t file_end = 0;  // pages of the file that it reaches to
  bool executable = false;
};

std::vector<Load> FindLoads(const std::vector<Piece>& pieces) {
  std::vector<Load> loads;
  std::unordered_map<uint32_t, size_t> last_of_path;  // index into loads, by path
  for (const Piece& piece : pieces) {
    auto [last, is_new] = last_of_path.try_emplace(piece.mapping->backing->path, loads.size());
    const bool ascends =
        !is_new && loads[last->second].pieces.back().file_page() < piece.file_page();
    if (!ascends) {
      last->second = loads.size();
      loads.emplace_back();
    }
    Load& load = loads[last->second];
    load.pieces.push_back(piece);
    load.layout = MixKey({load.layout, piece.file_page(), piece.count, piece.mapping->perms});
    load.file_end = piece.file_page() + piece.count;
    load.executable |= piece.mapping->executable;
  }
  return loads;
}

class FileMatcher {
 public:
  FileMatcher(bool same_boot, RangeList* ranges) : same_boot_(same_boot), ranges_(ranges) {}

  // Takes the mappings of files off `open`, and puts back what of them is left.
  void MatchFiles(OpenPieces* open) {
    auto is_file = [](const Piece& piece) {
      return piece.mapping->backing->kind == BackingKind::kFile;
    };
    std::vector<Load> before = TakeLoads(is_file, &open->before);
    std::vector<Load> after = TakeLoads(is_file, &open->after);
    auto path = [](const Load& load) { return load.pieces[0].mapping->backing->path; };
    auto stem = [](const Load& load) { return load.pieces[0].mapping->backing->stem; };
    PairLoads(&before, &after, [&](const Load& load) { return MixKey({path(load), load.layout}); });
    PairLoads(&before, &after, [&](const Load& load) { return MixKey({path(load)}); });
    PairLoads(&before, &after, [&](const Load& load) { return MixKey({stem(load)}); });
    for (const Load& load : before) Append(load.pieces, &left_.before);
    for (const Load& load : after) Append(load.pieces, &left_.after);
    Append(left_.before, &open->before);
    Append(left_.after, &open->after);
  }

 private:
  static void Append(const std::vector<Piece>& pieces, std::vector<Piece>* all) {
    all->insert(all->end(), pieces.begin(), pieces.end());
  }
  template <typename IsFile>
  static std::vector<Load> TakeLoads(const IsFile& is_file, std::vector<Piece>* pieces) {
    auto files = std::stable_partition(pieces->begin(), pieces->end(),
                                       [&](const Piece& piece) { return !is_file(piece); });
    std::vector<Load> loads = FindLoads({files, pieces->end()});
    pieces->erase(files, pieces->end());
    return loads;
  }

  // Pairs loads with equal keys in order, matches their pieces, and takes them off the lists.
  template <typename Key>
  void PairLoads(std::vector<Load>* before, std::vector<Load>* after, const Key& key) {
    std::unordered_map<uint64_t, std::vector<size_t>> waiting;  // the last one is the next
    for (size_t i = before->size(); i-- > 0;) waiting[key((*before)[i])].push_back(i);
    for (Load& load : *after) {
      auto found = waiting.find(key(load));
      if (found == waiting.end() || found->second.empty()) continue;
      Load& partner = (*before)[found->second.back()];
      found->second.pop_back();
      MatchLoads(&partner, &load);
    }
    std::erase_if(*before, [](const Load& load) { return load.pieces.empty(); });
    std::erase_if(*after, [](const Load& load) { return load.pieces.empty(); });
  }

  // Whether the two are different files, or builds of one. Device and inode tell while the machine
  // runs; elsewhere the same build may have any, and only its layout can tell. What was created
  // without a name (memfd, SYSV, /dev/zero) is another file each time, which says nothing.
  [[nodiscard]] bool IsReplaced(const Load& before, const Load& after) const {
    const Backing& old_backing = *before.pieces[0].mapping->backing;
    const Backing& new_backing = *after.pieces[0].mapping->backing;
    if (old_backing.path != new_backing.path) return true;
    if (same_boot_) {
      const bool nameless = old_backing.deleted && new_backing.deleted;
      return !nameless && old_backing.identity != new_backing.identity;
    }
    return (before.executable || after.executable) && before.file_end != after.file_end;
  }

  void MatchLoads(Load* before, Load* after) {
    const bool replaced = IsReplaced(*before, *after);
    OpenPieces open{std::move(before->pieces), std::move(after->pieces)};
    before->pieces.clear();
    after->pieces.clear();
    if (replaced) {
      // Offsets are others now; segments keep their permissions and order.
      auto perms = [](const Piece& piece) { return MixKey({piece.mapping->perms}); };
      auto how = [](const Piece&, const Piece&) { return "replaced"; };
      PairByKey(&open, perms, perms, /*from_end=*/false, how, ranges_);
    } else {
      auto whole = [](const Piece& piece) {
        return MixKey({piece.file_page(), piece.count, piece.mapping->perms});
      };
      auto how = [](const Piece&, const Piece&) { return "path"; };
      auto same_perms = [](const Piece& a, const Piece& b) {
        return a.mapping->perms == b.mapping->perms ? "path" : nullptr;
      };
      PairByKey(&open, whole, whole, /*from_end=*/false, how, ranges_);
      MatchByPlace(&open, &Piece::file_page, same_perms, ranges_);
      MatchByPlace(&open, &Piece::file_page, how, ranges_);
    }
    Append(open.before, &left_.before);
    Append(open.after, &left_.after);
  }

  bool same_boot_;
  RangeList* ranges_;
  OpenPieces left_;
};

// Where each mapping of a process lies among the others: a number that is equal at places that
// are alike in two runs. By index of the mapping.
std::vector<uint64_t> Places(const std::vector<Piece>& mappings) {
  enum Kind : uint64_t { kLoose, kBehindFile, kThreadStack, kStackGuard };
  std::vector<uint64_t> places;
  uint32_t file = 0;
  bool touches_file = false;
  for (size_t i = 0; i < mappings.size(); ++i) {
    const MatchMapping& mapping = *mappings[i].mapping;
    auto touches = [&](size_t a, size_t b) {
      return b < mappings.size() && mappings[a].mapping->end() == mappings[b].mapping->first_page;
    };
    auto is_guard = [&](size_t index) {
      return mappings[index].mapping->no_access &&
             mappings[index].mapping->backing->kind == BackingKind::kAnonymous;
    };
    const bool joined = i > 0 && touches(i - 1, i);
    if (mapping.backing->kind == BackingKind::kFile) {
      file = mapping.backing->stem;
      touches_file = true;
    } else {
      touches_file = touches_file && joined;
    }
    // pthread_create() makes a stack of one mapping and takes its first pages for the guard.
    if (joined && is_guard(i - 1) && !is_guard(i)) {
      places.push_back(MixKey({kThreadStack}));
    } else if (is_guard(i) && touches(i, i + 1) && !is_guard(i + 1)) {
      places.push_back(MixKey({kStackGuard}));
    } else {
      places.push_back(MixKey({touches_file ? kBehindFile : kLoose, file}));
    }
  }
  return places;
}

class AnonymousMatcher {
 public:
  AnonymousMatcher(const OpenPieces& whole, RangeList* ranges)
      : first_before_(whole.before.empty() ? nullptr : whole.before[0].mapping),
        first_after_(whole.after.empty() ? nullptr : whole.after[0].mapping),
        before_places_(Places(whole.before)),
        after_places_(Places(whole.after)),
        ranges_(ranges) {}

  void Match(OpenPieces* open) {
    // Address space is given out from the top down: the higher of two is the older.
    auto higher = [](const Piece& a, const Piece& b) { return a.page() > b.page(); };
    std::sort(open->before.begin(), open->before.end(), higher);
    std::sort(open->after.begin(), open->after.end(), higher);
    // A stack grows downwards, so what corresponds is at its end.
    Pair(open, "name", true, [](const Piece& piece, uint64_t) {
      const Backing& backing = *piece.mapping->backing;
      return backing.kind == BackingKind::kStack ? MixKey({backing.path}) : 0;
    });
    Pair(open, "name", false, [](const Piece& piece, uint64_t) {
      return Named(piece)
                 ? MixKey({piece.mapping->backing->path, piece.mapping->perms, Size(piece)})
                 : 0;
    });
    Pair(open, "name", false, [](const Piece& piece, uint64_t) {
      return Named(piece) ? MixKey({piece.mapping->backing->path, piece.mapping->perms}) : 0;
    });
    Pair(open, "position", false, [](const Piece& piece, uint64_t place) {
      return Nameless(piece) ? MixKey({place, piece.mapping->perms, Size(piece)}) : 0;
    });
    Pair(open, "position", false, [](const Piece& piece, uint64_t place) {
      return Nameless(piece) ? MixKey({place, piece.mapping->perms}) : 0;
    });
    Pair(open, "size", false, [](const Piece& piece, uint64_t) {
      return Nameless(piece) ? MixKey({piece.mapping->perms, Size(piece)}) : 0;
    });
  }

 private:
  // Pieces that are not whole were matched in part; what is left of them grew or shrank.
  static bool Whole(const Piece& piece) { return piece.count == piece.mapping->page_count; }
  static uint64_t Size(const Piece& piece) { return piece.count; }
  static bool Named(const Piece& piece) {
    const BackingKind kind = piece.mapping->backing->kind;
    const bool has_name = kind == BackingKind::kAnonymous || kind == BackingKind::kSpecial;
    return Whole(piece) && has_name && piece.mapping->backing->path != 0;
  }
  static bool Nameless(const Piece& piece) {
    return Whole(piece) && piece.mapping->backing->kind == BackingKind::kAnonymous &&
           piece.mapping->backing->path == 0;
  }

  template <typename Key>
  void Pair(OpenPieces* open, const char* how, bool from_end, const Key& key) {
    PairByKey(
        open,
        [&](const Piece& piece) {
          return key(piece, before_places_[static_cast<size_t>(piece.mapping - first_before_)]);
        },
        [&](const Piece& piece) {
          return key(piece, after_places_[static_cast<size_t>(piece.mapping - first_after_)]);
        },
        from_end, [&](const Piece&, const Piece&) { return how; }, ranges_);
  }

  const MatchMapping* first_before_;
  const MatchMapping* first_after_;
  std::vector<uint64_t> before_places_;
  std::vector<uint64_t> after_places_;
  RangeList* ranges_;
};

}  // namespace

void MatchRerunMappings(const MatchSide& before, const MatchSide& after, OpenPieces* open,
                        RangeList* ranges) {
  AnonymousMatcher anonymous(*open, ranges);
  FileMatcher(before.boot_id() == after.boot_id(), ranges).MatchFiles(open);
  anonymous.Match(open);
}

}  // namespace pagesnap
