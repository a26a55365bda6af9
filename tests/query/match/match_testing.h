// Snapshots made of declared processes and mappings, and how they match.
#ifndef TESTS_QUERY_MATCH_MATCH_TESTING_H_
#define TESTS_QUERY_MATCH_MATCH_TESTING_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/query/match/matching.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {

struct TestMapping {
  uint64_t first_page = 0;
  uint64_t page_count = 0;
  std::string path = {};
  std::string perms = "rw-p";
  uint64_t file_page = 0;  // offset in pages
  uint64_t inode = 0;
  std::vector<uint64_t> words = {};  // of the first pages
  std::string device = "8:1";        // of what has an inode
  FileFacts file = {};
};

struct TestProcess {
  int64_t pid = 100;
  std::vector<TestMapping> mappings = {};
  std::string name = "server";
  std::string exe = "/usr/bin/server";
  std::string cmdline = "server --port 80";
  int64_t ppid = 1;
  uint64_t start_time_ticks = 5000;
};

struct TestSnapshot {
  std::vector<TestProcess> processes = {};
  std::string boot_id = "boot";
  uint64_t page_size = 4096;
  bool pfn_visible = true;
};

// A file of two snapshots.
class MatchedFile {
 public:
  MatchedFile(const TestSnapshot& before, const TestSnapshot& after);

  SnapshotReader& reader() { return session_->reader(); }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session_->database(), sql);
  }
  SnapshotMatch Match(MatchMode mode) { return MatchSnapshots(reader(), 1, 2, mode); }
  // Returns how the processes match: "100>200 arguments", "0>200 new".
  std::vector<std::string> Processes(MatchMode mode);
  // Returns how the mappings of all processes match: "address 16+4>32" for four pages from page 16
  // that are at page 32 now, "vanished 16+4", "appeared 32+4".
  std::vector<std::string> Ranges(MatchMode mode);

 private:
  TestFolder folder_;
  std::unique_ptr<Session> session_;
};

// Returns the ranges and processes that break what SnapshotMatch promises, in words; "" for none.
std::string BrokenPromise(SnapshotReader& reader, int64_t before_id, int64_t after_id,
                          const SnapshotMatch& match);

}  // namespace pagesnap

#endif  // TESTS_QUERY_MATCH_MATCH_TESTING_H_
