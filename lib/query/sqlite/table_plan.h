// How a query reads a virtual table (sqlite.org/vtab.html, "The xBestIndex Method").
#ifndef LIB_QUERY_SQLITE_TABLE_PLAN_H_
#define LIB_QUERY_SQLITE_TABLE_PLAN_H_

#include <vector>

#include "lib/query/sqlite/table_module.h"

namespace pagesnap {

// Fills `info`: hands down every constraint that the table can use, and says what the plan costs
// and whether its rows are in order. Returns false when this plan cannot have an argument that was
// given. Throws Error when the rows cannot be counted.
bool PlanTable(const TableModule& table, sqlite3_index_info* info);

// Takes what PlanTable() handed down, with the values that SQLite found for it. Throws Error when
// an argument is missing.
std::vector<TableConstraint> ReadPlan(const TableModule& table, const char* plan, int count,
                                      sqlite3_value** values);

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_TABLE_PLAN_H_
