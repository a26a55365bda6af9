#include "tests/support/captured_snapshot.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "capture/run.h"
#include "lib/store/output_file.h"
#include "lib/store/schema.h"

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
  OutputFile output(path, /*overwrite=*/true, std::nullopt);
  Database database = Database::CreateIn(output.fd(), path);
  CreateSchema(database);
  {
    SnapshotWriter writer(database);
    fill(writer);
  }
  database.Close();
  output.Publish(/*more=*/false);
}

void ChangeFile(const std::string& path, const std::string& sql) {
  sqlite3* connection = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> closer(connection, sqlite3_close);
  if (opened != SQLITE_OK ||
      sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
}

}  // namespace pagesnap
