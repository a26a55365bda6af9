// The kernel's own figures for the mappings of a process.
#ifndef LIB_STORE_READ_ACCOUNTING_READER_H_
#define LIB_STORE_READ_ACCOUNTING_READER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lib/codec/accounting_table.h"
#include "lib/store/read/source.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Reads those of one source. For one thread.
class AccountingReader {
 public:
  // `source` is borrowed. Throws Error.
  explicit AccountingReader(const Source& source);

  // Returns the figures for a process of the source, or nothing when they were not captured. Throws
  // Error when they are damaged.
  std::optional<AccountingTable> Read(int64_t process_id) {
    return ReadStored(*source_.Local(IdSpace::kProcess, process_id));
  }
  // The same for an id in the file.
  std::optional<AccountingTable> ReadStored(int64_t process_id);

 private:
  // A row of the table.
  struct Row {
    int64_t row_count;
    std::string figures;
    std::optional<int64_t> base_id;
  };

  std::optional<Row> ReadRow(int64_t process_id);
  AccountingTable Decode(int64_t process_id, const Row& row, const AccountingTable* base) const;

  const Source& source_;
  Statement figures_, mapping_count_;
  int64_t base_id_ = 0;  // whose table is in base_: one family has one
  std::optional<AccountingTable> base_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_ACCOUNTING_READER_H_
