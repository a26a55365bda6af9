#include "lib/query/match/match_side.h"

#include <fmt/format.h>

#include <algorithm>

namespace pagesnap {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Names as fs/proc/task_mmu.c, get_vma_name, gives them.
BackingKind KindOf(std::string_view path, int64_t inode) {
  if (path.empty() || path == "[heap]" || path.starts_with("[anon:")) {
    return BackingKind::kAnonymous;
  }
  if (path == "[stack]") return BackingKind::kStack;
  if (path.starts_with('[') && inode == 0 && !path.starts_with("[anon_shmem:")) {
    return BackingKind::kSpecial;
  }
  return BackingKind::kFile;
}

}  // namespace

std::string FileStem(std::string_view path) {
  const std::string_view base = BaseName(path);
  std::string stem;
  for (size_t i = 0; i < base.size();) {
    // A version is digits and dots behind a separator: ".1.2", "-2.36", "_3".
    size_t digits = i + 1;
    const bool separator = base[i] == '.' || base[i] == '-' || base[i] == '_';
    if (separator && digits < base.size() && IsDigit(base[digits])) {
      i = digits;
      while (i < base.size() && IsDigit(base[i])) ++i;
    } else {
      stem += base[i++];
    }
  }
  return stem;
}

MatchSide::MatchSide(SnapshotReader& reader, int64_t snapshot_id, TextNumbers& texts,
                     FileNumbers& files)
    : reader_(reader),
      snapshot_(reader.snapshot(snapshot_id)),
      source_(reader.SourceOf(IdSpace::kSnapshot, snapshot_id)),
      texts_(texts),
      file_numbers_(files),
      mappings_(*source_.database, *source_.copies, "perms, offset, file_id"),
      files_(*source_.database,
             fmt::format("SELECT {} FROM file WHERE id = ?", kFileRecordColumns)) {
  LoadProcesses();
}

void MatchSide::LoadProcesses() {
  Statement statement(
      *source_.database,
      "SELECT p.id, p.pid, p.ppid, p.start_time_ticks, p.kernel_thread, p.name, p.exe, "
      "c.cmdline FROM process p JOIN process c ON c.id = p.cmdline_process_id "
      "WHERE p.snapshot_id = ? AND p.memory_process_id IS NULL ORDER BY p.id");
  statement.Bind(1, *source_.Local(IdSpace::kSnapshot, snapshot_.id));
  while (statement.Step()) {
    std::string_view exe = statement.Text(6);
    if (exe.ends_with(kDeleted)) exe.remove_suffix(kDeleted.size());
    processes_.push_back({.id = source_.Global(IdSpace::kProcess, statement.Int(0)),
                          .pid = statement.Int(1),
                          .ppid = statement.Int(2),
                          .start_time_ticks = statement.Int(3),
                          .kernel_thread = statement.Int(4) != 0,
                          .name = std::string(statement.Text(5)),
                          .exe = FileStem(exe),
                          .cmdline = std::string(statement.Text(7))});
  }
}

// Reads a file's row when a mapping first refers to it: a series has files that this snapshot has
// not.
const Backing& MatchSide::BackingOf(int64_t file_id) {
  const auto [place, is_new] = backings_.try_emplace(file_id);
  Backing& backing = place->second;
  if (!is_new || file_id == 0) return backing;
  files_.Reset();
  files_.Bind(1, file_id);
  if (!files_.Step()) return backing;
  const std::string whole_path(files_.Text(2));
  std::string_view path = whole_path;
  // Before 4.5 the stacks of threads had names that are other ones in each run.
  if (path.starts_with("[stack:")) path = "";
  backing.kind = KindOf(path, files_.Int(1));
  backing.deleted = path.ends_with(kDeleted);
  if (backing.deleted) path.remove_suffix(kDeleted.size());
  backing.path = texts_.Of(path);
  if (backing.kind == BackingKind::kFile) {
    backing.stem = texts_.Of(FileStem(path));
    backing.file = ReadFileRecord(files_, 0);
    backing.identity =
        file_numbers_.Of(backing.file, [this, file_id] { return IsProgram(file_id); });
  }
  return backing;
}

// Reads which files are programs when that is first asked for: it takes a look at all mappings. A
// copy says nothing that its source, of the same snapshot, does not.
bool MatchSide::IsProgram(int64_t file_id) {
  if (!programs_) {
    programs_.emplace();
    Statement statement(
        *source_.database,
        "SELECT DISTINCT m.file_id FROM process p JOIN mapping m ON m.process_id = p.id "
        "WHERE p.snapshot_id = ? AND m.file_id IS NOT NULL AND substr(m.perms, 3, 1) = 'x'");
    statement.Bind(1, *source_.Local(IdSpace::kSnapshot, snapshot_.id));
    while (statement.Step()) programs_->insert(statement.Int(0));
  }
  return programs_->contains(file_id);
}

std::vector<MatchMapping> MatchSide::Mappings(int64_t process_id) {
  std::vector<MatchMapping> mappings;
  {
    const std::vector<MappingInfo> infos = reader_.Mappings(process_id, {});
    mappings.reserve(infos.size());
    for (const MappingInfo& info : infos) {
      mappings.push_back(
          {.id = info.id, .first_page = info.first_page, .page_count = info.page_count});
    }
  }
  mappings_.StartProcess(*source_.Local(IdSpace::kProcess, process_id));
  for (MatchMapping& mapping : mappings) {
    if (!mappings_.Next()) break;
    const Statement& row = mappings_.row();
    constexpr int kFirst = MappingRows::kFirstColumn;
    const std::string_view perms = row.Text(kFirst);
    mapping.perms = texts_.Of(perms);
    mapping.executable = perms.find('x') != std::string_view::npos;
    mapping.no_access = perms.starts_with("---");
    mapping.file_page = static_cast<uint64_t>(row.Int(kFirst + 1)) / snapshot_.page_size;
    mapping.backing = &BackingOf(row.Int(kFirst + 2));
  }
  mappings_.Reset();
  for (MatchMapping& mapping : mappings) {
    if (mapping.backing == nullptr) mapping.backing = &BackingOf(0);
  }
  auto is_before = [](const MatchMapping& a, const MatchMapping& b) {
    return a.first_page < b.first_page;
  };
  // Sorting takes as much memory again, and only damaged files need it.
  if (!std::is_sorted(mappings.begin(), mappings.end(), is_before)) {
    std::stable_sort(mappings.begin(), mappings.end(), is_before);
  }
  return mappings;
}

}  // namespace pagesnap
