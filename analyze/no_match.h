// Says what there is where --name or --path matches nothing.
#ifndef ANALYZE_NO_MATCH_H_
#define ANALYZE_NO_MATCH_H_

#include <string>
#include <vector>

#include "analyze/notes.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Adds a note when no process of the snapshots is named like `name`, and another when no mapping
// has a path like `path`: with a few names or paths that there are, the most similar first. Neither
// is looked at where it was not given.
void NoteNoMatch(const Database& database, const ChosenSnapshots& snapshots,
                 const std::vector<std::string>& names, const std::vector<std::string>& paths,
                 const Notes& notes);

}  // namespace pagesnap

#endif  // ANALYZE_NO_MATCH_H_
