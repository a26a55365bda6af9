#include "tests/support/faulty_reader.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

namespace pagesnap {
namespace {

bool Matches(const std::string& glob, const std::string& path) {
  return fnmatch(glob.c_str(), path.c_str(), FNM_PATHNAME) == 0;
}

// Returns whether two ranges share an index; written so that no sum can overflow.
bool Overlap(uint64_t a_first, uint64_t a_count, uint64_t b_first, uint64_t b_count) {
  return a_first >= b_first ? a_count > 0 && a_first - b_first < b_count
                            : b_count > 0 && b_first - a_first < a_count;
}

}  // namespace

class FaultyWordFile final : public WordFile {
 public:
  FaultyWordFile(FaultyReader* reader, std::string path, std::unique_ptr<WordFile> inner)
      : reader_(reader), path_(std::move(path)), inner_(std::move(inner)) {}

  size_t Read(uint64_t first, std::span<uint64_t> words) override {
    reader_->Access(path_);
    return inner_->Read(first, words.first(reader_->CheckWords(path_, first, words.size())));
  }

 private:
  FaultyReader* reader_;
  std::string path_;
  std::unique_ptr<WordFile> inner_;
};

void FaultyReader::Fail(const std::string& path_glob, int error_number) {
  path_faults_.push_back({path_glob, error_number});
}

void FaultyReader::FailText(const std::string& path_glob, size_t byte_count, int error_number) {
  text_faults_.push_back({path_glob, byte_count, error_number});
}

void FaultyReader::FailWords(const std::string& path_glob, uint64_t first, uint64_t count,
                             int error_number) {
  word_faults_.push_back({path_glob, first, count, error_number});
}

void FaultyReader::ShortRead(const std::string& path_glob, uint64_t end) {
  ends_.push_back({path_glob, end});
}

void FaultyReader::FailNth(uint64_t n, int error_number) {
  failing_access_ = n;
  failing_access_error_ = error_number;
}

void FaultyReader::ReadText(const std::string& path, const TextSink& sink) {
  Access(path);
  const auto fault = std::find_if(text_faults_.begin(), text_faults_.end(),
                                  [&](const TextFault& f) { return Matches(f.glob, path); });
  if (fault == text_faults_.end()) {
    inner_.ReadText(path, sink);
    return;
  }
  size_t left = fault->byte_count;
  inner_.ReadText(path, [&](std::string_view block) {
    const std::string_view passed = block.substr(0, left);
    if (!passed.empty()) sink(passed);
    left -= passed.size();
  });
  throw ReadError(path, fault->error_number);
}

std::vector<DirectoryEntry> FaultyReader::List(const std::string& path) {
  Access(path);
  return inner_.List(path);
}

std::string FaultyReader::ReadLink(const std::string& path) {
  Access(path);
  return inner_.ReadLink(path);
}

std::unique_ptr<WordFile> FaultyReader::OpenWords(const std::string& path) {
  Access(path);
  return std::make_unique<FaultyWordFile>(this, path, inner_.OpenWords(path));
}

FileStatus FaultyReader::StatLink(const std::string& path) {
  Access(path);
  return inner_.StatLink(path);
}

FileStatus FaultyReader::StatInFolder(const std::string& folder, const std::string& name) {
  Access(folder + '/' + name);
  return inner_.StatInFolder(folder, name);
}

std::unique_ptr<CachedFile> FaultyReader::OpenCached(const std::string& path) {
  Access(path);
  return inner_.OpenCached(path);
}

void FaultyReader::Access(const std::string& path) {
  if (++access_count_ == failing_access_) throw ReadError(path, failing_access_error_);
  for (const PathFault& fault : path_faults_) {
    if (Matches(fault.glob, path)) throw ReadError(path, fault.error_number);
  }
}

size_t FaultyReader::CheckWords(const std::string& path, uint64_t first, size_t size) const {
  for (const End& end : ends_) {
    if (!Matches(end.glob, path)) continue;
    size = first >= end.end ? 0 : std::min<uint64_t>(size, end.end - first);
  }
  for (const WordFault& fault : word_faults_) {
    if (Matches(fault.glob, path) && Overlap(first, size, fault.first, fault.count)) {
      throw ReadError(path, fault.error_number);
    }
  }
  return size;
}

}  // namespace pagesnap
