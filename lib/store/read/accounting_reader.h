// The kernel's own figures for the mappings of a process.
#ifndef LIB_STORE_READ_ACCOUNTING_READER_H_
#define LIB_STORE_READ_ACCOUNTING_READER_H_

#include <cstdint>
#include <optional>

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
  std::optional<AccountingTable> Read(int64_t process_id);

 private:
  const Source& source_;
  Statement figures_, mapping_count_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_ACCOUNTING_READER_H_
