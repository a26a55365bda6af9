#include "lib/query/register.h"

#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/query/change/tables.h"
#include "lib/query/check/tables.h"
#include "lib/query/match/boot.h"
#include "lib/query/pages/tables.h"
#include "lib/query/ram/tables.h"
#include "lib/query/sharing/file_groups.h"
#include "lib/query/sharing/tables.h"
#include "lib/query/sqlite/cgroup_names.h"
#include "lib/query/sqlite/functions.h"
#include "lib/query/sqlite/stored_table.h"
#include "lib/query/usage/tables.h"

namespace pagesnap {

std::string_view ViewsSql();  // schema/views.sql

void AddAllTables(const AddTable& add, AnalysisCache& cache) {
  AddPageTables(add, cache);
  AddUsageTables(add, cache);
  AddSharingTables(add, cache);
  AddRamTables(add, cache);
  AddCheckTables(add, cache);
  AddChangeTables(add, cache);
}

void RegisterAll(sqlite3* connection, AnalysisCache& cache, WorkLimit* work) {
  const TableRegistry registry(connection, cache.reader(), work);
  // Of several files all stored tables are ours.
  if (cache.reader().sources().size() == 1) RegisterCopiedTables(registry, cache.reader());
  AddAllTables([&](VirtualTable table) { registry.Add(std::move(table)); }, cache);
  RegisterFunctions(connection);
  RegisterCgroupName(connection, cache.reader());
  RegisterSameBoot(connection, cache.reader());
  RegisterFileFunctions(connection, cache);
  const std::string views(ViewsSql());
  if (sqlite3_exec(connection, views.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
}

}  // namespace pagesnap
