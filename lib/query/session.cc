#include "lib/query/session.h"

#include <fmt/format.h>

#include "lib/query/sqlite_api.h"
#include "lib/query/stored_table.h"
#include "lib/query/tables.h"
#include "lib/store/facts.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

constexpr int kMostReportTextBytes = 4 * kMostTextBytes;

}  // namespace

Session::Session(const std::vector<std::string>& paths) {
  UseLinkedSqlite();
  std::vector<const Database*> files;
  for (const std::string& path : paths) {
    files_.push_back(std::make_unique<Database>(OpenSnapshotFile(path)));
    files.push_back(files_.back().get());
  }
  reader_ = std::make_unique<SnapshotReader>(files);
  cache_ = std::make_unique<AnalysisCache>(*reader_);
  if (paths.size() == 1) {
    database_ = std::make_unique<Database>(OpenSnapshotFile(paths.front()));
    database_->LimitSteps(INT64_MAX);
  } else {
    database_ =
        std::make_unique<Database>(Database::OpenMemory(fmt::format("{} files", paths.size())));
    RegisterStoredTables(database_->handle(), *reader_);
  }
  RegisterAll(database_->handle(), *reader_, *cache_);
}

Session::~Session() = default;

void Session::LimitWork() {
  // Reports go over mappings and chunks, and leave the pages to the virtual tables; those that do
  // not take some steps a page, of which a file has at most some a byte.
  constexpr int64_t kSteps = 100'000'000;
  constexpr int64_t kStepsPerByte = 300;
  int64_t size = 0;
  for (const auto& file : files_) size += file->Size();
  database_->LimitSteps(kSteps + kStepsPerByte * size);
  // SQL of reports sees no blobs, and joins texts that are short.
  database_->LimitLength(kMostReportTextBytes);
}

}  // namespace pagesnap
