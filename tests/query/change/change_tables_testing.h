// For tests of page_change and change_usage over captured fake machines.
#ifndef TESTS_QUERY_CHANGE_CHANGE_TABLES_TESTING_H_
#define TESTS_QUERY_CHANGE_CHANGE_TABLES_TESTING_H_

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {

inline constexpr uint64_t kAnonFlags = 0x828 | kFrameAnon;

// Two machines, captured one after the other.
class ChangeTablesTest : public testing::Test {
 protected:
  // Adds a process with these pages at the same address to both.
  void AddBoth(const std::vector<uint64_t>& before, const std::vector<uint64_t>& after) {
    before_.AddProcess({.mappings = {{.pages = before}}});
    after_.AddProcess({.mappings = {{.pages = after}}});
  }
  void AddFrames(uint64_t first_pfn, uint64_t count, uint64_t flags = kAnonFlags,
                 uint64_t map_count = 1, uint64_t cgroup = 1) {
    before_.AddFrames(first_pfn, count, flags, map_count, cgroup);
    after_.AddFrames(first_pfn, count, flags, map_count, cgroup);
  }
  void Capture() {
    before_file_ = std::make_unique<CapturedSnapshot>(before_reader_);
    after_file_ = std::make_unique<CapturedSnapshot>(after_reader_);
  }
  // Opens the files of both; captures them unless that is done.
  Session& session() {
    if (!session_) {
      if (!before_file_) Capture();
      session_ = std::make_unique<Session>(
          std::vector<std::string>{before_file_->path(), after_file_->path()});
    }
    return *session_;
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session().database(), sql);
  }
  std::vector<std::string> Changes(const std::string& columns, const std::string& rest = "") {
    return Rows(fmt::format("SELECT {} FROM page_change(1, 2) {}", columns, rest));
  }

  // Returns the classes that the snapshots cannot show.
  std::vector<std::string> WhatIsUnknown(const std::string& match = "auto") {
    std::string sql = "SELECT ''";
    for (const char* change :
         {"faulted_in", "dropped", "swapped_out", "swapped_in", "slot_moved", "copied_on_write",
          "merged", "migrated", "collapsed", "split", "recharged", "flags_changed",
          "special_changed", "unchanged", "incomparable", "unread"}) {
      sql += fmt::format(" || IIF({0}_count IS NULL, '{0} ', '')", change);
    }
    return Rows(fmt::format("{} FROM change_usage(1, 2, '{}')", sql, match));
  }

  MachineTree before_;
  MachineTree after_;
  FaultyReader before_reader_{before_.reader()};
  FaultyReader after_reader_{after_.reader()};
  std::unique_ptr<CapturedSnapshot> before_file_;
  std::unique_ptr<CapturedSnapshot> after_file_;
  std::unique_ptr<Session> session_;
};

}  // namespace pagesnap

#endif  // TESTS_QUERY_CHANGE_CHANGE_TABLES_TESTING_H_
