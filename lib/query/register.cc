// Puts everything that the query engine offers into a connection.
#include <string>

#include "lib/base/error.h"
#include "lib/query/cgroup_names.h"
#include "lib/query/tables.h"

namespace pagesnap {

std::string_view ViewsSql();  // schema/views.sql

void RegisterAll(sqlite3* connection, SnapshotReader& reader, AnalysisCache& cache) {
  RegisterTable(connection, MakePageTable(reader));
  RegisterTable(connection, MakePageRunTable(reader));
  RegisterTable(connection, MakePageGroupTable(reader));
  RegisterTable(connection, MakeFrameGroupTable(cache));
  RegisterTable(connection, MakePageRunCountTable(reader));
  RegisterTable(connection, MakePhysicalRunTable(reader));
  RegisterTable(connection, MakeRunLengthTable(reader));
  for (auto& table : MakeFolioTables(reader)) RegisterTable(connection, std::move(table));
  RegisterTable(connection, MakeFrameTable(cache));
  RegisterTable(connection, MakeFrameUserTable(cache));
  RegisterTable(connection, MakeFrameBlockTable(cache));
  RegisterTable(connection, MakeSharingGroupTable(cache));
  RegisterTable(connection, MakeSharingGroupMemberTable(cache));
  RegisterTable(connection, MakeMappingSharingTable(cache));
  RegisterTable(connection, MakeSwapUsageTable(cache));
  RegisterTable(connection, MakeMappingUsageTable(reader));
  RegisterTable(connection, MakeKernelUsageTable(reader));
  RegisterTable(connection, MakeMappingSpanTable(reader));
  RegisterTable(connection, MakePageChangeTable(cache));
  RegisterTable(connection, MakeChangeUsageTable(cache));
  RegisterTable(connection, MakeProcessMatchTable(cache));
  RegisterTable(connection, MakeMappingMatchTable(cache));
  RegisterTable(connection, MakeBlobCheckTable(reader));
  RegisterTable(connection, MakeUsageCheckTable(reader));
  RegisterTable(connection, MakeSnapshotFileTable(reader));
  RegisterTable(connection, MakeDatabaseCheckTable(reader));
  RegisterFunctions(connection);
  RegisterCgroupName(connection, reader);
  const std::string views(ViewsSql());
  if (sqlite3_exec(connection, views.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
}

}  // namespace pagesnap
