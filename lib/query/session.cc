#include "lib/query/session.h"

#include <fmt/format.h>

#include "lib/query/register.h"
#include "lib/query/sqlite/sqlite_api.h"
#include "lib/query/sqlite/stored_table.h"
#include "lib/store/schema.h"
#include "lib/store/sqlite/facts.h"

namespace pagesnap {
namespace {

// SQL of reports sees no blobs, and joins texts that are short.
constexpr int kMaxReportTextBytes = 4 * kMaxTextBytes;

int64_t BytesOf(const std::vector<std::string>& paths) {
  int64_t bytes = 0;
  for (const std::string& path : paths) bytes += FileBytes(path);
  return bytes;
}

}  // namespace

Session::Session(const std::vector<std::string>& paths) : memory_(BytesOf(paths)) {
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
  } else {
    database_ =
        std::make_unique<Database>(Database::OpenMemory(fmt::format("{} files", paths.size())));
    RegisterStoredTables(TableRegistry(database_->handle(), *reader_, nullptr), *reader_);
  }
  RegisterAll(database_->handle(), *cache_);
}

Session::~Session() = default;

void Session::LimitTexts() { database_->LimitLength(kMaxReportTextBytes); }

}  // namespace pagesnap
