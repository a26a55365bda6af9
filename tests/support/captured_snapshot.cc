#include "tests/support/captured_snapshot.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "analyze/options.h"
#include "analyze/run.h"
#include "capture/run.h"
#include "lib/store/output/output_file.h"
#include "lib/store/schema.h"
#include "tests/support/invariants.h"

namespace pagesnap {

TestFolder::TestFolder() : path_(std::filesystem::temp_directory_path() / "pagesnap.XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) throw Error("no temporary folder: " + path_);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> TestFolder::Names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

CaptureRequest AllProcesses() {
  CaptureRequest request;
  request.selection.all = true;
  request.command_line = "capture -a";
  return request;
}

CaptureRequest ProcessesWithPid(std::vector<int32_t> pids) {
  CaptureRequest request;
  request.selection.pids = std::move(pids);
  request.command_line = "capture -p";
  return request;
}

std::vector<std::string> QueryRows(const Database& database, const std::string& sql) {
  Statement statement(database, sql);
  const int columns = static_cast<int>(statement.ColumnNames().size());
  std::vector<std::string> rows;
  while (statement.Step()) {
    std::string row;
    for (int i = 0; i < columns; ++i) {
      if (i > 0) row += '|';
      row += statement.IsNull(i) ? "NULL" : statement.Text(i);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> BrokenInvariants(const Database& database) {
  std::vector<std::string> broken;
  for (const Invariant& invariant : ReadInvariants()) {
    const std::vector<std::string> rows = QueryRows(database, invariant.sql);
    if (rows.empty()) continue;
    broken.push_back(
        fmt::format("{}: {} rows, the first is {}", invariant.name, rows.size(), rows.front()));
  }
  return broken;
}

CapturedSnapshot::CapturedSnapshot(ProcReader& reader, const CaptureRequest& request) {
  CaptureOptions options;
  options.request = request;
  options.output = path();
  options.quiet = true;
  exit_code_ = RunCapture(options, reader);
}

Session& CapturedSnapshot::session() {
  if (!session_) session_ = std::make_unique<Session>(path());
  return *session_;
}

std::vector<std::string> CapturedSnapshot::Rows(const std::string& sql) {
  return QueryRows(session().database(), sql);
}

void WriteSnapshotFile(const std::string& path, const std::function<void(SnapshotWriter&)>& fill) {
  OutputFile output(path, {.overwrite = true});
  Database database = Database::CreateIn(output.fd(), path);
  CreateSchema(database);
  {
    SnapshotWriter writer(database);
    fill(writer);
  }
  database.Close();
  output.Publish(/*more=*/false);
}

namespace {

using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

Connection OpenForWriting(const std::string& path) {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  Connection connection(raw, sqlite3_close);
  if (result != SQLITE_OK) throw Error(sqlite3_errmsg(raw));
  return connection;
}

// What a stream got.
class TextStream {
 public:
  TextStream() : stream_(open_memstream(&text_, &size_)) {}
  ~TextStream() {
    fclose(stream_);
    free(text_);
  }
  TextStream(const TextStream&) = delete;
  TextStream& operator=(const TextStream&) = delete;
  [[nodiscard]] FILE* stream() const { return stream_; }
  [[nodiscard]] std::string text() const {
    fflush(stream_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  FILE* stream_;
};

}  // namespace

void ChangeFile(const std::string& path, const std::string& sql) {
  const Connection connection = OpenForWriting(path);
  if (sqlite3_exec(connection.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection.get()));
  }
}

void MakeOlder(const std::string& path, int version) {
  // Rows keep the values of columns that the table no longer names; SQLite does not look at them.
  std::string sql = fmt::format(
      "ATTACH '{}/versions/format-{}.pagesnap' AS older; PRAGMA writable_schema = ON;"
      "UPDATE sqlite_schema AS n SET sql = (SELECT o.sql FROM older.sqlite_schema o WHERE o.name = "
      "n.name) WHERE name IN (SELECT name FROM older.sqlite_schema); PRAGMA main.user_version = "
      "{};",
      PAGESNAP_SAMPLE_DIR, version, version);
  if (version < 6) {
    sql +=
        "INSERT INTO mapping SELECT c.first_mapping_id + m.id - c.source_mapping_id, c.process_id, "
        "m.first_page, m.page_count, m.perms, m.offset, m.file_id, m.vm_flags_id, m.changed_count "
        "FROM mapping_copy c JOIN mapping m ON m.id BETWEEN c.source_mapping_id AND "
        "c.source_mapping_id + c.row_count - 1; DROP TABLE mapping_copy; "
        "DROP TABLE machine_counters; DROP TABLE ram_chunk; DROP TABLE ram_range; "
        "DROP TABLE free_area;";
  }
  if (version < 3) sql += "DROP TABLE format;";
  if (version < 2) sql += "DROP TABLE content_usage";
  ChangeFile(path, sql);
}

void FlipBit(const std::string& path, const std::string& table, const std::string& column,
             int64_t row_id, int offset) {
  const Connection connection = OpenForWriting(path);
  sqlite3_blob* blob = nullptr;
  if (sqlite3_blob_open(connection.get(), "main", table.c_str(), column.c_str(), row_id, 1,
                        &blob) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection.get()));
  }
  if (offset < 0) offset += sqlite3_blob_bytes(blob);
  char byte = 0;
  sqlite3_blob_read(blob, &byte, 1, offset);
  byte ^= 0x10;
  sqlite3_blob_write(blob, &byte, 1, offset);
  if (sqlite3_blob_close(blob) != SQLITE_OK) throw Error(sqlite3_errmsg(connection.get()));
}

ReportResult RunReport(std::vector<std::string> arguments, const Terminal& terminal) {
  std::vector<const char*> argv = {"analyze"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const TextStream out;
  const TextStream notes;
  const auto options = ParseAnalyzeOptions(static_cast<int>(argv.size()), argv.data());
  const ExitCode code = RunAnalyze(options.value(), terminal, out.stream(), notes.stream());
  return {code, out.text(), notes.text()};
}

}  // namespace pagesnap
