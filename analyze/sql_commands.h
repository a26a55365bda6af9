// What 'analyze sql' has beside plain SQL: the reports as views, and .tables and .schema as in
// sqlite3(1).
#ifndef ANALYZE_SQL_COMMANDS_H_
#define ANALYZE_SQL_COMMANDS_H_

#include <string>

#include "lib/query/session.h"

namespace pagesnap {

// Returns the SQL of `text`: of .tables, .schema and .schema NAME what answers them, and all other
// texts as they are. Where the SQL needs them, makes a view of each report of one snapshot: its
// name with report_ before it, and _ for what cannot be in a name; of the last snapshot, and
// without parameters. Throws UsageError for another word that begins with a point.
std::string ExpandSql(const std::string& text, const Session& session);

}  // namespace pagesnap

#endif  // ANALYZE_SQL_COMMANDS_H_
