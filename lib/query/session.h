// Pagesnap files opened for questions.
#ifndef LIB_QUERY_SESSION_H_
#define LIB_QUERY_SESSION_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/base/memory_budget.h"
#include "lib/query/scan/analysis_cache.h"
#include "lib/store/read/snapshot_reader.h"
#include "lib/store/sqlite/database.h"

namespace pagesnap {

// A connection with the tables of the files, the virtual tables, the SQL functions and the views of
// schema/views.sql. With several files it has all their snapshots; schema/README.md says how their
// identifiers stay distinct.
class Session {
 public:
  // Opens the files read-only, at least one. While a session exists, the memory of the process is
  // limited. Throws Error as OpenSnapshotFile does.
  explicit Session(const std::string& path) : Session(std::vector<std::string>{path}) {}
  // `labels` name the files in messages, where these are not the paths.
  explicit Session(const std::vector<std::string>& paths,
                   const std::vector<std::string>& labels = {});
  ~Session();

  [[nodiscard]] const Database& database() const { return *database_; }
  [[nodiscard]] SnapshotReader& reader() { return *reader_; }

  // Returns the names of the virtual tables, which no schema lists.
  [[nodiscard]] std::vector<std::string> TableNames() const;

  // Makes SQL on database() fail that makes a longer text than a report can need.
  void LimitTexts();

 private:
  MemoryAllowance memory_;
  // The virtual tables read through connections of their own: the one that runs the SQL is busy.
  std::vector<std::unique_ptr<Database>> files_;
  std::unique_ptr<SnapshotReader> reader_;
  std::unique_ptr<AnalysisCache> cache_;
  std::unique_ptr<Database> database_;  // destroyed first: its tables borrow the others
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SESSION_H_
