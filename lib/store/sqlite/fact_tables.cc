#include "lib/store/sqlite/fact_tables.h"

#include <fmt/format.h>

#include <string>

namespace pagesnap {

namespace {

// Returns the columns of a list with `prefix` before each.
std::string WithPrefix(std::string_view columns, std::string_view prefix) {
  std::string prefixed(prefix);
  for (const char c : columns) {
    prefixed += c;
    if (c == ' ') prefixed += prefix;
  }
  return prefixed;
}

}  // namespace

Statement SelectFacts(const Database& database, const FactTable& table, std::string_view columns,
                      std::string_view more) {
  return {database, fmt::format("SELECT {0} FROM {1} f WHERE f.snapshot_id IN (?1, "
                                "(SELECT facts_snapshot_id FROM snapshot WHERE id = ?1)) "
                                "AND (f.snapshot_id = ?1 OR NOT EXISTS (SELECT 1 FROM {1} o "
                                "WHERE o.snapshot_id = ?1 AND ({2}) = ({3}))) {4}",
                                columns, table.name, WithPrefix(table.key, "o."),
                                WithPrefix(table.key, "f."), more)};
}

}  // namespace pagesnap
