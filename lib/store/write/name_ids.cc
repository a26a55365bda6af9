#include "lib/store/write/name_ids.h"

#include <algorithm>

namespace pagesnap {
namespace {

// A file that changes all the time has a row for each snapshot, but is seldom again what it was.
constexpr size_t kMaxRowsKept = 4;

// Returns whether both are known, and equal in what changes with the contents.
bool HaveSameTimeAndSize(const FileFacts& a, const FileFacts& b) {
  return a.size && a.mtime_ns && a.size == b.size && a.mtime_ns == b.mtime_ns;
}

}  // namespace

void NameIds::BeginSnapshot(int64_t last_mapping_id) {
  const std::lock_guard lock(mutex_);
  ++snapshot_number_;
  last_mapping_id_ = last_mapping_id;
  last_file_ = nullptr;
  of_snapshot_.clear();
}

int64_t NameIds::FileId(const MappingFacts& facts) {
  if (facts.path.empty() && facts.inode == 0) return 0;
  const std::lock_guard lock(mutex_);
  // The parts of a file are mapped one behind the other.
  if (last_file_ != nullptr) {
    const auto& [device, inode, path] = last_file_->first;
    if (inode == facts.inode && path == facts.path && device == facts.device) {
      return last_file_->second.id;
    }
  }
  auto [place, is_new] = files_.try_emplace({facts.device, facts.inode, facts.path});
  NamedFile& file = place->second;
  if (is_new) file.id = ++last_file_id_;
  if (facts.inode == 0) {
    // A name such as [heap] is no file. There can be a million.
    if (is_new) AddRow(*place);
  } else if (file.snapshot_number != snapshot_number_) {
    file.snapshot_number = snapshot_number_;
    file.identity = {};
    of_snapshot_[file.id] = &*place;
  }
  last_file_ = &*place;
  return file.id;
}

void NameIds::SetFileFacts(int64_t file_id, const FileFacts& identity) {
  const std::lock_guard lock(mutex_);
  of_snapshot_.at(file_id)->second.identity = identity;
}

std::string NameIds::FilePath(int64_t file_id) {
  const std::lock_guard lock(mutex_);
  return std::get<2>(of_snapshot_.at(file_id)->first);
}

void NameIds::AddFiles() {
  const std::lock_guard lock(mutex_);
  // In the order of their ids.
  std::vector<Files::value_type*> files;
  files.reserve(of_snapshot_.size());
  for (const auto& [id, file] : of_snapshot_) files.push_back(file);
  std::ranges::sort(files, {}, [](const Files::value_type* file) { return file->second.id; });
  for (Files::value_type* file : files) AddFile(*file);
}

void NameIds::AddFile(Files::value_type& named) {
  NamedFile& file = named.second;
  // A build ID that was read once is not unknown because its page has left memory since.
  if (file.identity.build_id.empty() && !file.rows.empty() &&
      HaveSameTimeAndSize(file.identity, file.rows.back().second)) {
    file.identity.build_id = file.rows.back().second.build_id;
  }
  const auto known =
      std::ranges::find(file.rows, file.identity, &std::pair<int64_t, FileFacts>::second);
  const int64_t referred_id = file.id;
  if (known != file.rows.end()) {
    file.id = known->first;
    std::rotate(known, known + 1, file.rows.end());  // it is the newest again
  } else {
    if (!file.rows.empty()) file.id = ++last_file_id_;
    if (file.rows.size() == kMaxRowsKept) file.rows.erase(file.rows.begin());
    file.rows.emplace_back(file.id, file.identity);
    AddRow(named);
  }
  if (file.id == referred_id) return;
  rows_.Add(ReplacedFileRow{
      .old_id = referred_id, .new_id = file.id, .last_mapping_id = last_mapping_id_});
}

void NameIds::AddRow(const Files::value_type& named) {
  const auto& [name, file] = named;
  const auto& [device, inode, path] = name;
  rows_.Add(FileRow{.id = file.id,
                    .device = device,
                    .inode = static_cast<int64_t>(inode),
                    .path = path,
                    .identity = file.identity});
}

int64_t NameIds::VmFlagsId(const std::string& names) {
  const std::lock_guard lock(mutex_);
  auto [place, is_new] = vm_flags_.try_emplace(names, static_cast<int64_t>(vm_flags_.size() + 1));
  if (is_new) rows_.Add(VmFlagsRow{.id = place->second, .names = names});
  return place->second;
}

}  // namespace pagesnap
