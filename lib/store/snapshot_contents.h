// Page contents, decoded, with the bases they are coded against.
#ifndef LIB_STORE_SNAPSHOT_CONTENTS_H_
#define LIB_STORE_SNAPSHOT_CONTENTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/store/sqlite.h"

namespace pagesnap {

// Reads page_content. Not for two threads at once.
class SnapshotContents {
 public:
  // `database` is borrowed.
  explicit SnapshotContents(const Database& database) : database_(database) {}

  // Returns the page words of a content. Throws Error that names it when it, or one of its bases,
  // is not there or damaged.
  std::vector<uint64_t> Read(int64_t content_id);

 private:
  std::vector<uint64_t> Read(int64_t content_id, int steps);
  [[noreturn]] void ThrowDamaged(int64_t content_id, const char* reason) const;

  const Database& database_;
  std::unique_ptr<Statement> statement_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_SNAPSHOT_CONTENTS_H_
