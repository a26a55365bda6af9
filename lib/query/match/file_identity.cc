#include "lib/query/match/file_identity.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace pagesnap {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

std::optional<int64_t> IntOrNothing(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Int(column);
}

// Returns what the build IDs say.
SameFile CompareBuildIds(const FileFacts& before, const FileFacts& after) {
  if (before.build_id.empty() || after.build_id.empty()) return SameFile::kUnknown;
  return before.build_id == after.build_id ? SameFile::kYes : SameFile::kNo;
}

template <typename T>
bool AreKnownAndEqual(const std::optional<T>& before, const std::optional<T>& after) {
  return before && after && *before == *after;
}

template <typename T>
bool AreKnownAndDiffer(const std::optional<T>& before, const std::optional<T>& after) {
  return before && after && *before != *after;
}

}  // namespace

FileRecord ReadFileRecord(const Statement& row, int first_column) {
  FileRecord file{.device = std::string(row.Text(first_column)),
                  .inode = row.Int(first_column + 1),
                  .path = std::string(row.Text(first_column + 2)),
                  .facts = {.size = IntOrNothing(row, first_column + 3),
                            .mtime_ns = IntOrNothing(row, first_column + 4),
                            .build_id = std::string(row.Text(first_column + 5)),
                            .link_count = IntOrNothing(row, first_column + 6)}};
  if (file.path.ends_with(kDeleted)) {
    file.deleted = true;
    file.path.resize(file.path.size() - kDeleted.size());
  }
  return file;
}

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

SameFile CompareInPlace(const FileRecord& before, const FileRecord& after,
                        const std::function<bool()>& is_program) {
  const FileFacts& a = before.facts;
  const FileFacts& b = after.facts;
  const SameFile builds = CompareBuildIds(a, b);
  if (builds != SameFile::kUnknown) return builds;
  if (AreKnownAndEqual(a.size, b.size) && AreKnownAndEqual(a.mtime_ns, b.mtime_ns)) {
    return SameFile::kYes;
  }
  const bool differ =
      AreKnownAndDiffer(a.size, b.size) || AreKnownAndDiffer(a.mtime_ns, b.mtime_ns);
  return differ && is_program() ? SameFile::kNo : SameFile::kUnknown;
}

SameFile CompareCopies(const FileRecord& before, const FileRecord& after) {
  const FileFacts& a = before.facts;
  const FileFacts& b = after.facts;
  const SameFile builds = CompareBuildIds(a, b);
  if (builds != SameFile::kUnknown) return builds;
  if (AreKnownAndDiffer(a.size, b.size)) return SameFile::kNo;
  const bool alike = AreKnownAndEqual(a.size, b.size) && AreKnownAndEqual(a.mtime_ns, b.mtime_ns) &&
                     BaseName(before.path) == BaseName(after.path);
  return alike ? SameFile::kYes : SameFile::kUnknown;
}

uint32_t FileNumbers::Of(const FileRecord& file, std::function<bool()> is_program) {
  // Without an inode it is known by its name.
  const std::string key =
      fmt::format("{} {} {}", file.device, file.inode, file.inode == 0 ? file.path : "");
  std::vector<Numbered>& files = files_[key];
  for (const Numbered& other : files) {
    const SameFile same =
        CompareInPlace(other.file, file, [&] { return other.is_program() || is_program(); });
    if (same != SameFile::kNo) return other.number;
  }
  files.push_back({file, std::move(is_program), ++last_number_});
  return last_number_;
}

}  // namespace pagesnap
