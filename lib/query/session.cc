#include "lib/query/session.h"

#include <string_view>

#include "lib/query/tables.h"
#include "lib/store/schema.h"

namespace pagesnap {

std::string_view ViewsSql();  // schema/views.sql

Session::Session(const std::string& path) : database_(OpenSnapshotFile(path)) {
  reader_ = std::make_unique<SnapshotReader>(database_);
  cache_ = std::make_unique<AnalysisCache>(*reader_);
  sqlite3* connection = database_.handle();
  RegisterTable(connection, MakePageTable(*reader_));
  RegisterTable(connection, MakeFrameTable(*cache_));
  RegisterTable(connection, MakePageRunTable(*reader_));
  RegisterTable(connection, MakeFrameUserTable(*cache_));
  RegisterTable(connection, MakeSharingGroupTable(*cache_));
  RegisterTable(connection, MakeSharingGroupMemberTable(*cache_));
  RegisterTable(connection, MakeMappingUsageTable(*reader_));
  RegisterTable(connection, MakeKernelUsageTable(*reader_));
  RegisterTable(connection, MakeBlobCheckTable(*reader_));
  RegisterFunctions(connection);
  database_.Execute(std::string(ViewsSql()));
}

Session::~Session() = default;

}  // namespace pagesnap
