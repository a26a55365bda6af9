// Mappings of different runs: addresses are random, so files go by path and offset, and anonymous
// memory by its name, its size and what it lies next to.
#include <algorithm>

#include "lib/query/match/match_steps.h"

namespace pagesnap {
namespace {

// Where a mapping lies among the others.
struct Place {
  uint64_t key = 0;      // equal at places that are alike in two runs
  bool touches = false;  // it touches what tells: its file, or the guard of its stack
};

// Returns the place of each mapping of a process, by index.
std::vector<Place> Places(const std::vector<Piece>& mappings) {
  enum Kind : uint64_t { kLoose, kBehindFile, kThreadStack, kStackGuard };
  std::vector<Place> places;
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
      places.push_back({MixKey({kThreadStack}), true});
    } else if (is_guard(i) && touches(i, i + 1) && !is_guard(i + 1)) {
      places.push_back({MixKey({kStackGuard}), true});
    } else {
      places.push_back({MixKey({touches_file ? kBehindFile : kLoose, file}), touches_file});
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
    Pair(open, "name", true, [](const Piece& piece, const Place&) {
      const Backing& backing = *piece.mapping->backing;
      return backing.kind == BackingKind::kStack ? MixKey({backing.path}) : 0;
    });
    Pair(open, "name", false, [](const Piece& piece, const Place&) {
      return Named(piece)
                 ? MixKey({piece.mapping->backing->path, piece.mapping->perms, Size(piece)})
                 : 0;
    });
    Pair(open, "name", false, [](const Piece& piece, const Place&) {
      return Named(piece) ? MixKey({piece.mapping->backing->path, piece.mapping->perms}) : 0;
    });
    Pair(open, "position", false, [](const Piece& piece, const Place& place) {
      return Nameless(piece) ? MixKey({place.key, piece.mapping->perms, Size(piece)}) : 0;
    });
    Pair(open, "position", false, [](const Piece& piece, const Place& place) {
      const bool tells = Nameless(piece) && place.touches;
      return tells ? MixKey({place.key, piece.mapping->perms}) : 0;
    });
    Pair(open, "similar", false, [](const Piece& piece, const Place&) {
      return Nameless(piece) ? MixKey({piece.mapping->perms, Size(piece)}) : 0;
    });
    // What is left has other sizes than any mapping of the other run.
    auto larger = [](const Piece& a, const Piece& b) { return a.count > b.count; };
    std::stable_sort(open->before.begin(), open->before.end(), larger);
    std::stable_sort(open->after.begin(), open->after.end(), larger);
    Pair(open, "position", false, [](const Piece& piece, const Place& place) {
      return Nameless(piece) ? MixKey({place.key, piece.mapping->perms}) : 0;
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
  std::vector<Place> before_places_;
  std::vector<Place> after_places_;
  RangeList* ranges_;
};

}  // namespace

void MatchRerunMappings(SameBoot boot, OpenPieces* open, RangeList* ranges) {
  AnonymousMatcher anonymous(*open, ranges);
  MatchFilesByPath(boot == SameBoot::kYes, open, ranges);
  anonymous.Match(open);
}

}  // namespace pagesnap
