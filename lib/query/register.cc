// Puts everything that the query engine offers into a connection.
#include <string>

#include "lib/base/error.h"
#include "lib/query/sqlite/cgroup_names.h"
#include "lib/query/tables.h"

namespace pagesnap {

std::string_view ViewsSql();  // schema/views.sql

void RegisterAll(sqlite3* connection, SnapshotReader& reader, AnalysisCache& cache,
                 WorkLimit* work) {
  auto add = [&](std::unique_ptr<VirtualTable> table) {
    table->set_work(work);
    RegisterTable(connection, std::move(table));
  };
  add(MakePageTable(reader));
  add(MakePageRunTable(reader));
  add(MakePageGroupTable(reader));
  add(MakeFrameGroupTable(cache));
  add(MakePageRunCountTable(reader));
  add(MakePhysicalRunTable(reader));
  add(MakeRunLengthTable(reader));
  for (auto& table : MakeFolioTables(reader)) add(std::move(table));
  add(MakeFrameTable(cache));
  add(MakeFrameUserTable(cache));
  add(MakeFrameBlockTable(cache));
  add(MakeSharingGroupTable(cache));
  add(MakeSharingGroupMemberTable(cache));
  add(MakeMappingSharingTable(cache));
  add(MakeSwapUsageTable(cache));
  add(MakeMappingUsageTable(reader));
  add(MakeKernelUsageTable(reader));
  add(MakeMappingSpanTable(reader));
  add(MakePageChangeTable(cache));
  add(MakeChangeUsageTable(cache));
  add(MakeProcessMatchTable(cache));
  add(MakeMappingMatchTable(cache));
  add(MakeBlobCheckTable(reader));
  add(MakeUsageCheckTable(reader));
  add(MakeSnapshotFileTable(reader));
  add(MakeDatabaseCheckTable(reader));
  RegisterFunctions(connection);
  RegisterCgroupName(connection, reader);
  const std::string views(ViewsSql());
  if (sqlite3_exec(connection, views.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
}

}  // namespace pagesnap
