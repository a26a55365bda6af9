#include "lib/query/sharing/file_groups.h"

#include <fmt/format.h>

#include <ctime>
#include <exception>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/work_limit.h"
#include "lib/query/sharing/mapped_files.h"
#include "lib/query/sqlite/out.h"

namespace pagesnap {
namespace {

// Of so many groups with one name or place each file is compared; more are other files.
constexpr size_t kMaxCompared = 64;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kShownOfBuildId = 12;

std::string TimeText(int64_t time_ns) {
  int64_t rest_ns = time_ns % kNsPerSecond;
  if (rest_ns < 0) rest_ns += kNsPerSecond;
  const time_t seconds = (time_ns - rest_ns) / kNsPerSecond;
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     rest_ns / 1'000'000);
}

// What may distinguish files of one path, the most telling first; "" where it is unknown.
using FileDescription = std::string (*)(const MappedFile& file);
constexpr FileDescription kDescriptions[] = {
    [](const MappedFile& file) {
      const std::string& id = file.record.facts.build_id;
      return id.empty() ? "" : "build " + id.substr(0, kShownOfBuildId);
    },
    [](const MappedFile& file) {
      const auto& time = file.record.facts.mtime_ns;
      return time ? TimeText(*time) : "";
    },
    [](const MappedFile& file) {
      return fmt::format("{} inode {}", file.record.device, file.record.inode);
    },
    [](const MappedFile& file) { return fmt::format("file {}", file.id); }};

class Grouper {
 public:
  Grouper(SnapshotReader& reader, std::vector<MappedFile> files, bool pfn_visible)
      : reader_(reader), files_(std::move(files)), pfn_visible_(pfn_visible) {
    parents_.resize(files_.size());
    std::iota(parents_.begin(), parents_.end(), size_t{0});
  }

  void Run() {
    std::map<std::pair<std::string, int64_t>, std::vector<size_t>> places;
    std::map<std::string, std::vector<size_t>, std::less<>> names;
    for (size_t i = 0; i < files_.size(); ++i) {
      const FileRecord& record = files_[i].record;
      places[{record.device, record.inode}].push_back(i);
      names[std::string(BaseName(record.path))].push_back(i);
    }
    for (const auto& [place, files] : places) JoinInPlace(files);
    for (const auto& [name, files] : names) JoinByName(files);
  }

  [[nodiscard]] const std::vector<MappedFile>& files() const { return files_; }
  // Returns the index of the first file of a file's group.
  size_t GroupOf(size_t file) {
    while (parents_[file] != file) file = parents_[file] = parents_[parents_[file]];
    return file;
  }

 private:
  using PagesOf = std::map<size_t, std::vector<CachedPage>>;  // by file

  void Join(size_t a, size_t b) {
    a = GroupOf(a);
    b = GroupOf(b);
    parents_[std::max(a, b)] = std::min(a, b);
  }

  // Joins each file with the first group that has one that is the same.
  template <typename IsSame>
  void JoinSame(const std::vector<size_t>& files, const IsSame& is_same) {
    std::vector<size_t> first;  // of each group
    for (const size_t file : files) {
      const auto same =
          std::ranges::find_if(first, [&](size_t other) { return is_same(other, file); });
      if (same != first.end()) {
        Join(*same, file);
      } else if (first.size() < kMaxCompared) {
        first.push_back(file);
      }
    }
  }

  // Files with one device and inode, of different paths.
  void JoinInPlace(const std::vector<size_t>& files) {
    JoinSame(files, [&](size_t other, size_t file) {
      return CompareInPlace(files_[other].record, files_[file].record, [&] {
               return files_[other].is_program || files_[file].is_program;
             }) == SameFile::kYes;
    });
  }

  // Files whose paths end alike. One file has one size.
  void JoinByName(const std::vector<size_t>& files) {
    constexpr int64_t kUnknown = -1;
    std::map<int64_t, std::vector<size_t>> by_size;
    for (const size_t file : files) {
      by_size[files_[file].record.facts.size.value_or(kUnknown)].push_back(file);
    }
    const std::vector<size_t> unknown = std::move(by_size[kUnknown]);
    by_size.erase(kUnknown);
    if (by_size.empty()) return JoinOfOneSize(unknown);
    for (auto& [size, of_size] : by_size) {
      of_size.insert(of_size.end(), unknown.begin(), unknown.end());
      JoinOfOneSize(of_size);
    }
  }

  void JoinOfOneSize(const std::vector<size_t>& files) {
    // Two inodes of one file system are two files.
    const bool are_several = std::ranges::any_of(files, [&](size_t file) {
      return files_[file].record.device != files_[files.front()].record.device;
    });
    if (!are_several) return;
    PagesOf pages;
    std::vector<std::pair<CachedPage, size_t>> owners;
    for (const size_t file : files) {
      if (!pfn_visible_) break;
      std::vector<CachedPage>& of_file = pages[file];
      of_file = FindCachedPages(reader_, files_[file]);
      for (const CachedPage& page : of_file) owners.emplace_back(page, file);
    }
    std::ranges::sort(owners);
    for (size_t i = 1; i < owners.size(); ++i) {
      if (owners[i].first == owners[i - 1].first) Join(owners[i - 1].second, owners[i].second);
    }
    JoinCopies(files, pages);
  }

  // Copies on different devices of which nothing in memory says whether they are one file.
  void JoinCopies(const std::vector<size_t>& files, PagesOf& pages) {
    JoinSame(files, [&](size_t other, size_t file) {
      const FileRecord& a = files_[other].record;
      const FileRecord& b = files_[file].record;
      return a.device != b.device && a.path == b.path && CompareCopies(a, b) == SameFile::kYes &&
             !HaveSamePage(pages[other], pages[file]);
    });
  }

  // Returns whether a page of the file is in memory through both. If the frames were the same, they
  // would be joined.
  static bool HaveSamePage(const std::vector<CachedPage>& a, const std::vector<CachedPage>& b) {
    auto other = b.begin();
    for (const CachedPage& page : a) {
      while (other != b.end() && other->file_page < page.file_page) ++other;
      if (other != b.end() && other->file_page == page.file_page) return true;
    }
    return false;
  }

  SnapshotReader& reader_;
  std::vector<MappedFile> files_;
  bool pfn_visible_;
  std::vector<size_t> parents_;
};

const std::string kOnlyVersion;

// What a function of a connection asks: mostly about the files of one snapshot.
class FileQuestions {
 public:
  explicit FileQuestions(AnalysisCache& cache) : cache_(cache) {}

  const FileGroups& Of(int64_t snapshot_id) {
    if (last_ == nullptr || last_snapshot_id_ != snapshot_id) {
      last_ = cache_.Of<FileGroups>(snapshot_id);
      last_snapshot_id_ = snapshot_id;
    }
    return *last_;
  }

 private:
  AnalysisCache& cache_;
  std::shared_ptr<const FileGroups> last_;
  int64_t last_snapshot_id_ = 0;
};

// Calls answer(FileGroups&, file id) unless an argument is NULL.
template <typename Answer>
void CallWithFile(sqlite3_context* context, sqlite3_value** arguments, const Answer& answer) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  if (sqlite3_value_type(arguments[1]) == SQLITE_NULL) return;
  try {
    auto* questions = static_cast<FileQuestions*>(sqlite3_user_data(context));
    answer(questions->Of(sqlite3_value_int64(arguments[0])), sqlite3_value_int64(arguments[1]));
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

void FileGroupFunction(sqlite3_context* context, int, sqlite3_value** arguments) {
  CallWithFile(context, arguments, [&](const FileGroups& groups, int64_t file_id) {
    sqlite3_result_int64(context, groups.Of(file_id));
  });
}

void FileVersionFunction(sqlite3_context* context, int, sqlite3_value** arguments) {
  CallWithFile(context, arguments, [&](const FileGroups& groups, int64_t file_id) {
    Out(context).Text(groups.VersionOf(file_id).c_str());
  });
}

}  // namespace

FileGroups::FileGroups(SnapshotReader& reader, int64_t snapshot_id) {
  const bool pfn_visible = reader.snapshot(snapshot_id).pfn_visible;
  Grouper grouper(reader, FindAmbiguousFiles(reader, snapshot_id), pfn_visible);
  grouper.Run();
  const std::vector<MappedFile>& files = grouper.files();
  std::map<std::string, std::set<size_t>> groups_of_paths;
  for (size_t i = 0; i < files.size(); ++i) {
    const size_t group = grouper.GroupOf(i);
    if (group != i) groups_[files[i].id] = files[group].id;
    groups_of_paths[files[i].record.path + (files[i].record.deleted ? " (deleted)" : "")].insert(
        group);
  }
  for (const auto& [path, groups] : groups_of_paths) {
    if (groups.size() < 2) continue;
    for (const FileDescription describe : kDescriptions) {
      std::set<std::string> texts;
      for (const size_t group : groups) texts.insert(describe(files[group]));
      if (texts.size() < groups.size() || texts.contains("")) continue;
      for (const size_t group : groups) versions_[files[group].id] = describe(files[group]);
      break;
    }
  }
}

int64_t FileGroups::Of(int64_t file_id) const {
  const auto found = groups_.find(file_id);
  return found != groups_.end() ? found->second : file_id;
}

const std::string& FileGroups::VersionOf(int64_t file_id) const {
  const auto found = versions_.find(Of(file_id));
  return found != versions_.end() ? found->second : kOnlyVersion;
}

void RegisterFileFunctions(sqlite3* connection, AnalysisCache& cache) {
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  auto add = [&](const char* name, Function function) {
    // On failure SQLite calls the destructor as well.
    const int result = sqlite3_create_function_v2(
        connection, name, 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
        std::make_unique<FileQuestions>(cache).release(), function, nullptr, nullptr,
        [](void* owned) { delete static_cast<FileQuestions*>(owned); });
    if (result != SQLITE_OK) throw Error(sqlite3_errmsg(connection));
  };
  add("file_group", FileGroupFunction);
  add("file_version", FileVersionFunction);
}

}  // namespace pagesnap
