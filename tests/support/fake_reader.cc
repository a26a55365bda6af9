#include "tests/support/fake_reader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pagesnap {
namespace {

// What the paths below directory `path` begin with.
std::string PrefixBelow(const std::string& path) { return path.empty() ? "" : path + "/"; }

}  // namespace

class FakeWordFile final : public WordFile {
 public:
  FakeWordFile(FakeReader* reader, std::string path) : reader_(reader), path_(std::move(path)) {}

  size_t Read(uint64_t first, std::span<uint64_t> words) override {
    return reader_->ReadWords(path_, first, words);
  }

 private:
  FakeReader* reader_;
  std::string path_;
};

class FakeCachedFile final : public CachedFile {
 public:
  explicit FakeCachedFile(std::string bytes) : bytes_(std::move(bytes)) {}

  size_t Read(uint64_t offset, std::span<char> bytes) override {
    if (offset >= bytes_.size()) return 0;
    return bytes_.copy(bytes.data(), bytes.size(), offset);
  }

 private:
  std::string bytes_;
};

void FakeReader::AddText(const std::string& path, std::string text) {
  const std::lock_guard lock(mutex_);
  nodes_[path] = Text{std::make_shared<const std::string>(std::move(text))};
}

void FakeReader::AddWords(const std::string& path, uint64_t first,
                          const std::vector<uint64_t>& words) {
  const std::lock_guard lock(mutex_);
  Words& file = WordsAt(path);
  for (size_t i = 0; i < words.size(); ++i) {
    file.blocks[(first + i) / kBlockWords][(first + i) % kBlockWords] = words[i];
  }
}

void FakeReader::SetWordsEnd(const std::string& path, uint64_t end) {
  const std::lock_guard lock(mutex_);
  WordsAt(path).end = end;
}

void FakeReader::AddLink(const std::string& path, std::string target) {
  const std::lock_guard lock(mutex_);
  nodes_[path] = Link{std::move(target)};
}

void FakeReader::AddDirectory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  nodes_[path] = Directory{};
}

void FakeReader::SetInode(const std::string& path, uint64_t inode) {
  const std::lock_guard lock(mutex_);
  inodes_[path] = inode;
}

void FakeReader::AddMappedFile(const std::string& path, FileStatus status,
                               std::string cached_bytes) {
  const std::lock_guard lock(mutex_);
  mapped_files_[path] = {status, std::move(cached_bytes)};
}

void FakeReader::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  auto is_below = [&](const auto& entry) {
    return entry.first == path || entry.first.starts_with(PrefixBelow(path));
  };
  std::erase_if(nodes_, is_below);
  std::erase_if(mapped_files_, is_below);
}

void FakeReader::SetClock(ClockReading clock) {
  const std::lock_guard lock(mutex_);
  clock_ = clock;
}

void FakeReader::SetBlockBytes(size_t bytes) {
  const std::lock_guard lock(mutex_);
  block_bytes_ = bytes;
}

void FakeReader::SetOnAccess(std::function<void(const std::string& path)> hook) {
  on_access_ = std::move(hook);
}

void FakeReader::ReadText(const std::string& path, const TextSink& sink) {
  Access(path);
  std::shared_ptr<const std::string> bytes;
  size_t block_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    const Text* const text = std::get_if<Text>(&FileAt(path));
    if (text == nullptr) throw ReadError(path, EINVAL);
    bytes = text->bytes;
    block_bytes = block_bytes_;
  }
  std::string_view rest = *bytes;
  while (!rest.empty()) {
    sink(rest.substr(0, block_bytes));
    rest.remove_prefix(std::min(block_bytes, rest.size()));
  }
}

std::vector<DirectoryEntry> FakeReader::List(const std::string& path) {
  Access(path);
  const std::lock_guard lock(mutex_);
  if (!HasChildren(path)) {
    const auto node = nodes_.find(path);
    if (node == nodes_.end()) throw ReadError(path, ENOENT);
    if (!std::holds_alternative<Directory>(node->second)) throw ReadError(path, ENOTDIR);
  }
  const std::string prefix = PrefixBelow(path);
  std::map<std::string, bool> names;  // and whether it is a directory
  for (auto node = nodes_.lower_bound(prefix);
       node != nodes_.end() && node->first.starts_with(prefix); ++node) {
    const std::string below = node->first.substr(prefix.size());
    const size_t slash = below.find('/');
    names[below.substr(0, slash)] |=
        slash != std::string::npos || std::holds_alternative<Directory>(node->second);
  }
  std::vector<DirectoryEntry> entries = {{".", InodeOf(path), true}};
  for (const auto& [name, is_directory] : names) {
    entries.push_back({name, InodeOf(prefix + name), is_directory});
  }
  return entries;
}

std::string FakeReader::ReadLink(const std::string& path) {
  Access(path);
  const std::lock_guard lock(mutex_);
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) throw ReadError(path, HasChildren(path) ? EINVAL : ENOENT);
  const Link* const link = std::get_if<Link>(&node->second);
  if (link == nullptr) throw ReadError(path, EINVAL);
  return link->target;
}

std::unique_ptr<WordFile> FakeReader::OpenWords(const std::string& path) {
  Access(path);
  const std::lock_guard lock(mutex_);
  if (!std::holds_alternative<Words>(FileAt(path))) throw ReadError(path, EINVAL);
  return std::make_unique<FakeWordFile>(this, path);
}

FileStatus FakeReader::StatLink(const std::string& path) {
  Access(path);
  const std::lock_guard lock(mutex_);
  const auto file = mapped_files_.find(path);
  if (file == mapped_files_.end()) throw ReadError(path, ENOENT);
  return file->second.status;
}

FileStatus FakeReader::StatInFolder(const std::string& folder, const std::string& name) {
  return StatLink(folder + '/' + name);
}

std::unique_ptr<CachedFile> FakeReader::OpenCached(const std::string& path) {
  StatLink(path);
  const std::lock_guard lock(mutex_);
  return std::make_unique<FakeCachedFile>(mapped_files_.at(path).cached_bytes);
}

void FakeReader::SetSpace(int32_t pid, uint64_t space) {
  const std::lock_guard lock(mutex_);
  spaces_[pid] = space;
}

SpaceOrder FakeReader::CompareSpaces(int32_t pid, int32_t other) {
  const std::lock_guard lock(mutex_);
  ++compare_count_;
  if (spaces_.empty()) return SpaceOrder::kUnknown;
  for (const int32_t each : {pid, other}) {
    if (!nodes_.contains("proc/" + std::to_string(each) + "/stat")) return SpaceOrder::kGone;
  }
  const uint64_t space = spaces_[pid];
  const uint64_t other_space = spaces_[other];
  if (space == other_space) return SpaceOrder::kSame;
  return space < other_space ? SpaceOrder::kBefore : SpaceOrder::kAfter;
}

ClockReading FakeReader::Now() {
  const std::lock_guard lock(mutex_);
  return clock_;
}

void FakeReader::Access(const std::string& path) const {
  if (on_access_) on_access_(path);
}

FakeReader::Words& FakeReader::WordsAt(const std::string& path) {
  Node& node = nodes_.try_emplace(path, Words{}).first->second;
  if (!std::holds_alternative<Words>(node)) node = Words{};
  return std::get<Words>(node);
}

bool FakeReader::HasChildren(const std::string& path) const {
  const std::string prefix = PrefixBelow(path);
  const auto node = nodes_.lower_bound(prefix);
  return node != nodes_.end() && node->first.starts_with(prefix);
}

const FakeReader::Node& FakeReader::FileAt(const std::string& path) const {
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) throw ReadError(path, HasChildren(path) ? EISDIR : ENOENT);
  if (std::holds_alternative<Directory>(node->second)) throw ReadError(path, EISDIR);
  return node->second;
}

uint64_t FakeReader::InodeOf(const std::string& path) const {
  const auto set = inodes_.find(path);
  if (set != inodes_.end()) return set->second;
  uint32_t hash = 2166136261;  // FNV-1a: the same in every run, and different for each path
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return hash;
}

size_t FakeReader::ReadWords(const std::string& path, uint64_t first, std::span<uint64_t> words) {
  Access(path);
  const std::lock_guard lock(mutex_);
  const auto node = nodes_.find(path);
  if (node == nodes_.end() || !std::holds_alternative<Words>(node->second)) return 0;
  const Words& file = std::get<Words>(node->second);
  if (first >= file.end) return 0;
  const size_t size = std::min<uint64_t>(words.size(), file.end - first);
  std::fill_n(words.begin(), size, 0);
  for (auto block = file.blocks.lower_bound(first / kBlockWords); block != file.blocks.end();
       ++block) {
    const uint64_t block_first = block->first * kBlockWords;
    const uint64_t begin = std::max(first, block_first);
    if (begin - first >= size) break;
    const uint64_t count = std::min(size - (begin - first), block_first + kBlockWords - begin);
    std::copy_n(block->second.begin() + (begin - block_first), count,
                words.begin() + (begin - first));
  }
  return size;
}

}  // namespace pagesnap
