#include "tests/bench/bare_reads.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "lib/base/error.h"
#include "lib/kernel/page_word.h"
#include "lib/proc/directory_reader.h"
#include "tests/bench/bench_memory.h"

namespace pagesnap {
namespace {

// The same as capture/page_walk.cc and capture/frame_capture.cc have.
constexpr size_t kWordsPerRead = 65536;
constexpr uint64_t kPageHole = 128;
constexpr uint64_t kFrameHole = 24;

UniqueFd Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw Error(path + " cannot be read; run this as root");
  return fd;
}

void AddTo(std::vector<WordRange>* ranges, uint64_t word, uint64_t hole) {
  if (!ranges->empty() && word - ranges->back().first - ranges->back().count <= hole) {
    ranges->back().count = word + 1 - ranges->back().first;
  } else {
    ranges->push_back({word, 1});
  }
}

}  // namespace

BareReads::BareReads(pid_t pid) : buffer_(kWordsPerRead) {
  pagemap_ = Open(fmt::format("/proc/{}/pagemap", pid));
  OpenFrameFiles();
  std::vector<uint64_t> frames;
  FindPages(pid, &frames);
  std::sort(frames.begin(), frames.end());
  frames.erase(std::unique(frames.begin(), frames.end()), frames.end());
  frame_count_ = frames.size();
  for (uint64_t pfn : frames) AddTo(&frames_, pfn, kFrameHole);
}

BareReads::BareReads(const std::vector<WordRange>& frames)
    : frames_(frames), buffer_(kWordsPerRead) {
  OpenFrameFiles();
  for (const WordRange& range : frames) frame_count_ += range.count;
}

void BareReads::OpenFrameFiles() {
  for (const char* name : {"kpageflags", "kpagecount", "kpagecgroup"}) {
    frame_files_.push_back(Open(std::string("/proc/") + name));
  }
}

void BareReads::FindPages(pid_t pid, std::vector<uint64_t>* frames) {
  DirectoryReader reader("/");
  std::unique_ptr<WordFile> pagemap = reader.OpenWords(fmt::format("proc/{}/pagemap", pid));
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::string line;
  while (std::getline(maps, line)) {
    uint64_t start = std::stoull(line, nullptr, 16) / kBenchPageBytes;
    uint64_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16) / kBenchPageBytes;
    std::vector<PageRange> populated = {{start, end}};
    // Only what is reserved and mostly empty is worth the scan.
    if (end - start > kWordsPerRead) {
      populated.clear();
      if (!pagemap->Scan(ScanFor::kPopulated, start, end, kBenchPageBytes, &populated)) {
        throw Error("this kernel has no PAGEMAP_SCAN, which the benchmark finds pages with");
      }
    }
    for (const PageRange& range : populated) {
      for (uint64_t page = range.first; page < range.end;) {
        size_t count = std::min<uint64_t>(range.end - page, buffer_.size());
        count = pagemap->Read(page, std::span(buffer_).first(count));
        if (count == 0) break;  // [vsyscall]
        for (size_t i = 0; i < count; ++i) {
          PageWord word(buffer_[i]);
          if (!word.populated()) continue;
          ++page_count_;
          AddTo(&pages_, page + i, kPageHole);
          if (word.present()) frames->push_back(word.pfn());
        }
        page += count;
      }
    }
  }
}

RunTime BareReads::Run() {
  rusage before;
  getrusage(RUSAGE_THREAD, &before);
  double start = Now();
  Read(pagemap_, pages_);
  for (const UniqueFd& file : frame_files_) Read(file, frames_);
  double wall = Now() - start;
  rusage after;
  getrusage(RUSAGE_THREAD, &after);
  return {wall, CpuSeconds(after) - CpuSeconds(before)};
}

void BareReads::Read(const UniqueFd& file, const std::vector<WordRange>& ranges) {
  for (const WordRange& range : ranges) {
    for (uint64_t done = 0; done < range.count;) {
      uint64_t count = std::min<uint64_t>(range.count - done, buffer_.size());
      ssize_t size = pread(file.get(), buffer_.data(), count * sizeof(uint64_t),
                           static_cast<off_t>((range.first + done) * sizeof(uint64_t)));
      if (size <= 0) break;  // device memory behind the end of RAM
      done += static_cast<uint64_t>(size) / sizeof(uint64_t);
    }
  }
}

}  // namespace pagesnap
