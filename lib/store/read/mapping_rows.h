// The rows of `mapping`, with those that a file has as copies of others (mapping_copy). Whatever
// reads mappings reads them here.
#ifndef LIB_STORE_READ_MAPPING_ROWS_H_
#define LIB_STORE_READ_MAPPING_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// No capture writes a larger id into any table: the ids of several files in a series are added.
inline constexpr int64_t kMaxRowId = int64_t{1} << 40;

// A row of mapping_copy. Ids are those of the file.
struct MappingCopy {
  int64_t first_id;  // of the copies
  int64_t process_id;
  int64_t row_count;
  int64_t source_id;  // of the first row that is copied

  [[nodiscard]] int64_t last_id() const { return first_id + row_count - 1; }
};

// The copies of a file, which is all that has to be in memory to find any of them. Immutable.
class MappingCopies {
 public:
  // Throws Error for what no capture writes: ids that are impossible, or that two copies have.
  explicit MappingCopies(const Database& database);

  [[nodiscard]] bool empty() const { return by_id_.empty(); }
  // By first_id.
  [[nodiscard]] const std::vector<MappingCopy>& all() const { return by_id_; }
  // Returns those of a process, by first_id.
  [[nodiscard]] std::vector<MappingCopy> OfProcess(int64_t process_id) const;
  // Returns the one that has this id, or null.
  [[nodiscard]] const MappingCopy* Find(int64_t id) const;
  // Returns how many mappings the copies of a process have.
  [[nodiscard]] int64_t CountOf(int64_t process_id) const;
  // Returns how many mappings all have.
  [[nodiscard]] int64_t count() const { return count_; }

 private:
  std::vector<MappingCopy> by_id_;
  std::vector<MappingCopy> by_process_;  // then by id
  int64_t count_ = 0;
};

// Goes over rows of mapping, by id. For one thread.
class MappingRows {
 public:
  // `columns` are those to read besides id and process_id, as in a SELECT. `database` and `copies`
  // are borrowed. Throws Error.
  MappingRows(const Database& database, const MappingCopies& copies, const std::string& columns);

  // Each starts a scan, of all rows, of those of a process, of one; and goes before the first.
  void StartAll();
  void StartProcess(int64_t process_id);
  void StartOne(int64_t id);

  // Goes to the next row; false behind the last one. Throws Error for rows that are there twice,
  // and for a copy of what is not there.
  bool Next();
  // Ends the scan: nothing in the database is in use any more.
  void Reset();

  // Of the current row.
  [[nodiscard]] int64_t id() const { return id_; }
  [[nodiscard]] int64_t process_id() const { return process_id_; }
  // The columns that were asked for: the first is kFirstColumn.
  static constexpr int kFirstColumn = 2;
  [[nodiscard]] const Statement& row() const { return copied_ ? source_ : *stored_; }

 private:
  void Start(Statement& stored, std::vector<MappingCopy> copies);
  void BeginCopy(const MappingCopy& copy);
  bool NextCopied();

  const Database& database_;
  const MappingCopies& copies_;
  Statement all_, of_process_, one_, source_;
  Statement* stored_;              // one of them, which gives the rows of this scan
  bool has_stored_ = false;        // it is at a row
  bool is_given_ = false;          // which is the current one, and else the next
  std::vector<MappingCopy> todo_;  // copies of this scan
  size_t next_copy_ = 0;           // the first of them that was not begun
  bool copied_ = false;            // the current row is of the copy before it
  int64_t next_id_ = 0;            // of the row of this copy that comes next
  int64_t last_id_ = 0;
  int64_t shift_ = 0;  // from the source's ids to the copy's
  int64_t id_ = 0;
  int64_t process_id_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_MAPPING_ROWS_H_
