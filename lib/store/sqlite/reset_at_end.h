// Statements that are kept for their next use.
#ifndef LIB_STORE_SQLITE_RESET_AT_END_H_
#define LIB_STORE_SQLITE_RESET_AT_END_H_

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Makes a cached statement ready for its next use, however this one ends.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;
  ~ResetAtEnd() { statement_.Reset(); }

 private:
  Statement& statement_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_RESET_AT_END_H_
