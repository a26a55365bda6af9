// The whole path behind a file: open it and read every table, as the reports do.
#ifndef TESTS_FUZZ_ASK_EVERYTHING_H_
#define TESTS_FUZZ_ASK_EVERYTHING_H_

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "lib/base/error.h"
#include "lib/query/session.h"

namespace pagesnap {

// A file for one input, in memory where the machine has a folder for that.
class InputFile {
 public:
  InputFile(const uint8_t* data, size_t size)
      : path_(access("/dev/shm", W_OK) == 0 ? "/dev/shm/pagesnap-fuzz-XXXXXX"
                                            : "/tmp/pagesnap-fuzz-XXXXXX"),
        fd_(mkstemp(path_.data())) {
    if (write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    close(fd_);
    unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  std::string path_;
  int fd_;
};

// Errors are answers; anything else is a finding.
inline void AskEverything(const std::string& path) {
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
      "SELECT * FROM sharing_group",
      "SELECT * FROM sharing_group_member",
      "SELECT c.* FROM snapshot s, page_change(1, s.id) c LIMIT 500",
      "SELECT SUM(unchanged_count) FROM change_usage(1, 2)",
      "SELECT c.* FROM snapshot s, change_usage(s.id, 1, 'rerun', 1) c LIMIT 500",
      "SELECT COUNT(*) FROM page_change(1, 2, 'same') WHERE change <> 'unchanged'",
      "SELECT m.* FROM snapshot s, process_match(1, s.id) m",
      "SELECT m.* FROM snapshot s, mapping_match(s.id, 1, 'rerun') m LIMIT 500",
      "SELECT COUNT(*) FROM mapping_match(1, 2, 'same')",
      "SELECT * FROM process_usage",
      "SELECT * FROM mapping_detail LIMIT 500",
      "SELECT * FROM mapping_span(16) LIMIT 500",
      "SELECT COUNT(*), SUM(present_count) FROM mapping_span(4096)",
      "SELECT * FROM blob_check",
      "SELECT * FROM database_check",
      "SELECT * FROM snapshot_file",
      "SELECT s.*, g.* FROM snapshot s LEFT JOIN gap g ON g.snapshot_id = s.id LIMIT 500",
  };
  try {
    Session session(path);
    session.LimitWork();
    for (const char* question : kQuestions) {
      try {
        Statement statement(session.database(), question);
        while (statement.Step()) static_cast<void>(statement.Text(0));
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
}

}  // namespace pagesnap

#endif  // TESTS_FUZZ_ASK_EVERYTHING_H_
