// The whole path behind a file: open it and read every table, as the reports do.
#ifndef TESTS_FUZZ_ASK_EVERYTHING_H_
#define TESTS_FUZZ_ASK_EVERYTHING_H_

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/query/session.h"

namespace pagesnap {

// A file for one input after the other, in memory where the machine has a folder for that.
class InputFile {
 public:
  InputFile()
      : path_(access("/dev/shm", W_OK) == 0 ? "/dev/shm/pagesnap-fuzz-XXXXXX"
                                            : "/tmp/pagesnap-fuzz-XXXXXX"),
        fd_(mkstemp(path_.data())) {}
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    close(fd_);
    unlink(path_.c_str());
  }
  void Write(const void* data, size_t size) const {
    if (ftruncate(fd_, 0) != 0 || pwrite(fd_, data, size, 0) != static_cast<ssize_t>(size)) {
      std::abort();
    }
  }
  // Returns all that is in the file.
  [[nodiscard]] std::string Read() const {
    std::string bytes(static_cast<size_t>(lseek(fd_, 0, SEEK_END)), '\0');
    if (pread(fd_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      std::abort();
    }
    return bytes;
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  std::string path_;
  int fd_;
};

// Asks our tables; anything but an answer or an Error is a finding. A fuzzer gets further when an
// input asks only some: with `part`, a number from 0 to 3, every fourth question.
inline void AskEverything(const std::string& path, std::optional<size_t> part = std::nullopt) {
  constexpr size_t kParts = 4;
  static constexpr const char* kQuestions[] = {
      "SELECT * FROM page LIMIT 2000",
      "SELECT COUNT(*) FROM page",
      "SELECT * FROM page_run LIMIT 500",
      "SELECT * FROM page_group LIMIT 2000",
      "SELECT * FROM frame_group LIMIT 500",
      "SELECT * FROM page_group_detail LIMIT 2000",
      "SELECT * FROM page_run_count LIMIT 500",
      "SELECT * FROM physical_run LIMIT 2000",
      "SELECT * FROM physical_run WHERE page_count >= 100 LIMIT 500",
      "SELECT * FROM run_length LIMIT 2000",
      "SELECT * FROM folio_usage LIMIT 500",
      "SELECT * FROM folio_order LIMIT 2000",
      "SELECT * FROM mapping_sharing",
      "SELECT * FROM swap_usage",
      "SELECT * FROM frame LIMIT 500",
      "SELECT * FROM frame_user LIMIT 2000",
      "SELECT * FROM frame_block(512) LIMIT 500",
      "SELECT * FROM sharing_group_member",
      "SELECT c.* FROM snapshot s, page_change(1, s.id) c LIMIT 500",
      "SELECT SUM(unchanged_count) FROM change_usage(1, 2)",
      "SELECT c.* FROM snapshot s, change_usage(s.id, 1, 'rerun', 1) c LIMIT 500",
      "SELECT COUNT(*) FROM page_change(1, 2, 'same') WHERE change <> 'unchanged'",
      "SELECT m.* FROM snapshot s, process_match(1, s.id) m",
      "SELECT m.* FROM snapshot s, mapping_match(s.id, 1, 'rerun') m LIMIT 500",
      "SELECT COUNT(*) FROM mapping_match(1, 2, 'same')",
      "SELECT * FROM process_usage",
      "SELECT * FROM mapping_span(16) LIMIT 500",
      "SELECT COUNT(*), SUM(present_count) FROM mapping_span(4096)",
      "SELECT * FROM blob_check",
      "SELECT s.*, g.* FROM snapshot s LEFT JOIN gap g ON g.snapshot_id = s.id LIMIT 500",
  };
  try {
    Session session(path);
    session.LimitWork();
    for (size_t i = 0; i < std::size(kQuestions); ++i) {
      if (part && i % kParts != *part) continue;
      try {
        Statement statement(session.database(), kQuestions[i]);
        while (statement.Step()) static_cast<void>(statement.Text(0));
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
}

}  // namespace pagesnap

#endif  // TESTS_FUZZ_ASK_EVERYTHING_H_
