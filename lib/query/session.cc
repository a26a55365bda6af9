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

Session::Session(const std::vector<std::string>& paths, const std::vector<std::string>& labels)
    : memory_(BytesOf(paths)) {
  UseLinkedSqlite();
  std::vector<const Database*> files;
  auto label = [&](size_t i) { return labels.empty() ? paths[i] : labels[i]; };
  for (size_t i = 0; i < paths.size(); ++i) {
    files_.push_back(std::make_unique<Database>(OpenSnapshotFile(paths[i], label(i))));
    files.push_back(files_.back().get());
  }
  reader_ = std::make_unique<SnapshotReader>(files);
  cache_ = std::make_unique<AnalysisCache>(*reader_);
  if (paths.size() == 1) {
    database_ = std::make_unique<Database>(OpenSnapshotFile(paths.front(), label(0)));
  } else {
    database_ =
        std::make_unique<Database>(Database::OpenMemory(fmt::format("{} files", paths.size())));
    RegisterStoredTables(TableRegistry(database_->handle(), *reader_, nullptr), *reader_);
  }
  RegisterAll(database_->handle(), *cache_);
}

Session::~Session() = default;

std::vector<std::string> Session::TableNames() const {
  std::vector<std::string> names;
  AddAllTables([&](const VirtualTable& table) { names.push_back(table.name); }, *cache_);
  return names;
}

void Session::LimitTexts() { database_->LimitLength(kMaxReportTextBytes); }

}  // namespace pagesnap
