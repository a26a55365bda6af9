// Mappings of files at other addresses than before: by path and offset, and of another build by
// permissions and order.
#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "lib/query/match/match_steps.h"

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
  void Match(bool only_programs, OpenPieces* open) {
    std::vector<Load> before = TakeLoads(&open->before);
    std::vector<Load> after = TakeLoads(&open->after);
    auto path = [](const Load& load) { return load.pieces[0].mapping->backing->path; };
    auto stem = [](const Load& load) { return load.pieces[0].mapping->backing->stem; };
    PairLoads(&before, &after, [&](const Load& load) {
      return only_programs && !load.executable ? 0 : MixKey({path(load), load.layout});
    });
    PairLoads(&before, &after, [&](const Load& load) {
      return only_programs && !load.executable ? 0 : MixKey({path(load)});
    });
    // In another folder, or on another device: copies, by what CompareCopies() compares.
    PairLoads(&before, &after, [&](const Load& load) {
      return only_programs && !load.executable ? 0 : CopyKey(load, load.layout);
    });
    PairLoads(&before, &after, [&](const Load& load) {
      return only_programs && !load.executable ? 0 : CopyKey(load, 0);
    });
    // Versions are of libraries and programs; in the names of data numbers mean anything.
    PairLoads(&before, &after,
              [&](const Load& load) { return load.executable ? MixKey({stem(load)}) : 0; });
    for (const Load& load : before) Append(load.pieces, &left_.before);
    for (const Load& load : after) Append(load.pieces, &left_.after);
    Append(left_.before, &open->before);
    Append(left_.after, &open->after);
  }

 private:
  // Equal for files of one name, build, size and time; 0 where these are unknown.
  static uint64_t CopyKey(const Load& load, uint64_t layout) {
    const FileRecord& file = load.pieces[0].mapping->backing->file;
    if (!file.facts.size || !file.facts.mtime_ns) return 0;
    const std::hash<std::string_view> hash;
    return MixKey({hash(BaseName(file.path)), hash(file.facts.build_id),
                   static_cast<uint64_t>(*file.facts.size),
                   static_cast<uint64_t>(*file.facts.mtime_ns), layout});
  }
  static void Append(const std::vector<Piece>& pieces, std::vector<Piece>* all) {
    all->insert(all->end(), pieces.begin(), pieces.end());
  }
  static std::vector<Load> TakeLoads(std::vector<Piece>* pieces) {
    auto files = std::stable_partition(pieces->begin(), pieces->end(), [](const Piece& piece) {
      return piece.mapping->backing->kind != BackingKind::kFile;
    });
    std::vector<Load> loads = FindLoads({files, pieces->end()});
    pieces->erase(files, pieces->end());
    return loads;
  }

  // Pairs loads with equal keys in order, matches their pieces, and takes them off the lists. A key
  // of 0 is nobody's.
  template <typename Key>
  void PairLoads(std::vector<Load>* before, std::vector<Load>* after, const Key& key) {
    std::unordered_map<uint64_t, std::vector<size_t>> waiting;  // the last one is the next
    for (size_t i = before->size(); i-- > 0;) waiting[key((*before)[i])].push_back(i);
    for (Load& load : *after) {
      const uint64_t wanted = key(load);
      auto found = wanted != 0 ? waiting.find(wanted) : waiting.end();
      if (found == waiting.end() || found->second.empty()) continue;
      Load& partner = (*before)[found->second.back()];
      found->second.pop_back();
      MatchLoads(&partner, &load);
    }
    std::erase_if(*before, [](const Load& load) { return load.pieces.empty(); });
    std::erase_if(*after, [](const Load& load) { return load.pieces.empty(); });
  }

  // Whether the two are different files, or builds of one. Of files at different places, and across
  // boots, copies are the same: the library of an image in a new container. Where nothing is known,
  // device and inode tell within a boot, and elsewhere the layout of a program. What was created
  // without a name (memfd, SYSV, /dev/zero) is another file each time, which says nothing.
  [[nodiscard]] bool IsReplaced(const Load& before, const Load& after) const {
    const Backing& old_backing = *before.pieces[0].mapping->backing;
    const Backing& new_backing = *after.pieces[0].mapping->backing;
    const FileRecord& old_file = old_backing.file;
    const FileRecord& new_file = new_backing.file;
    const bool same_path = old_backing.path == new_backing.path;
    if (same_boot_ && same_path && old_backing.identity == new_backing.identity) return false;
    const SameFile copies = CompareCopies(old_file, new_file);
    if (copies == SameFile::kYes) return false;
    if (same_boot_ && same_path && old_backing.deleted && new_backing.deleted) {
      // Only a file that once had a name has a build ID.
      return !old_file.facts.build_id.empty() && !new_file.facts.build_id.empty();
    }
    if (!same_path || same_boot_) return true;
    const bool is_program = before.executable || after.executable;
    return is_program && (copies == SameFile::kNo || before.file_end != after.file_end);
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

}  // namespace

void MatchFilesByPath(bool same_boot, OpenPieces* open, RangeList* ranges) {
  FileMatcher(same_boot, ranges).Match(/*only_programs=*/false, open);
}

void MatchReplacedPrograms(OpenPieces* open, RangeList* ranges) {
  FileMatcher(/*same_boot=*/true, ranges).Match(/*only_programs=*/true, open);
}

}  // namespace pagesnap
