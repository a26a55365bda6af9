// A pagesnap file opened for questions.
#ifndef LIB_QUERY_SESSION_H_
#define LIB_QUERY_SESSION_H_

#include <memory>
#include <string>

#include "lib/query/snapshot_analysis.h"
#include "lib/store/snapshot_reader.h"
#include "lib/store/sqlite.h"

namespace pagesnap {

// A connection with the file's tables, the virtual tables, the SQL functions and the views of
// schema/views.sql.
class Session {
 public:
  // Opens the file read-only. Throws Error as OpenSnapshotFile does.
  explicit Session(const std::string& path);
  ~Session();

  [[nodiscard]] const Database& database() const { return database_; }
  [[nodiscard]] SnapshotReader& reader() { return *reader_; }

 private:
  Database database_;
  std::unique_ptr<SnapshotReader> reader_;
  std::unique_ptr<AnalysisCache> cache_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SESSION_H_
