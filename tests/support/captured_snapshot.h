// Captures of fake machines into files, and questions to them, for tests.
#ifndef TESTS_SUPPORT_CAPTURED_SNAPSHOT_H_
#define TESTS_SUPPORT_CAPTURED_SNAPSHOT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analyze/terminal.h"
#include "capture/engine.h"
#include "lib/base/error.h"
#include "lib/proc/reader.h"
#include "lib/query/session.h"
#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {

// A folder that is there as long as this object.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Returns the names in it, hidden ones too, sorted.
  [[nodiscard]] std::vector<std::string> Names() const;

 private:
  std::string path_;
};

CaptureRequest AllProcesses();
CaptureRequest ProcessesWithPid(std::vector<int32_t> pids);

// Returns the result of a query, a row a line: columns separated by '|', NULL as "NULL".
std::vector<std::string> QueryRows(const Database& database, const std::string& sql);

// Returns the name of each invariant (tests/support/invariants.h) that does not hold, and the first
// place where it does not.
std::vector<std::string> BrokenInvariants(const Database& database);

// A file of one capture.
class CapturedSnapshot {
 public:
  // Captures as the program does, quietly. Throws what RunCapture throws.
  explicit CapturedSnapshot(ProcReader& reader, const CaptureRequest& request = AllProcesses());

  [[nodiscard]] ExitCode exit_code() const { return exit_code_; }
  [[nodiscard]] std::string path() const { return folder_.File("test.pagesnap"); }
  // Opens the file at the first call.
  Session& session();
  std::vector<std::string> Rows(const std::string& sql);
  // Returns source and reason of all gaps.
  std::vector<std::string> Gaps() { return Rows("SELECT source, reason FROM gap ORDER BY id"); }

 private:
  TestFolder folder_;
  ExitCode exit_code_;
  std::unique_ptr<Session> session_;
};

// Writes a file through `fill`, which begins and commits snapshots.
void WriteSnapshotFile(const std::string& path, const std::function<void(SnapshotWriter&)>& fill);

// Changes a file with SQL, as somebody without this program could.
void ChangeFile(const std::string& path, const std::string& sql);

// Makes a file of today's version one of version 1 or 2: without the tables and columns that came
// later. What these had is lost.
void MakeOlder(const std::string& path, int version);

// Flips one bit of a stored blob: `offset` counts from its end when it is negative.
void FlipBit(const std::string& path, const std::string& table, const std::string& column,
             int64_t row_id, int offset = -1);

// What a report printed.
struct ReportResult {
  ExitCode code;
  std::string out;
  std::string notes;
};
// Runs `analyze` with these arguments, as if its output went to `terminal`. Throws what it throws.
ReportResult RunReport(std::vector<std::string> arguments, const Terminal& terminal = {});

// Returns the message of the Error that `body` ends with, "no error" without one.
template <typename Body>
std::string ErrorOf(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_CAPTURED_SNAPSHOT_H_
