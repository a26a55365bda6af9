// The memory that SQLite takes is counted, and limited.
#ifndef LIB_STORE_SQLITE_SQLITE_MEMORY_H_
#define LIB_STORE_SQLITE_SQLITE_MEMORY_H_

namespace pagesnap {

// Settings of the library that make it faster, and count its memory (lib/base/memory_budget.h): to
// be called before it is used first, and without effect later, as in a program that loads us.
void ConfigureSqlite();

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_SQLITE_MEMORY_H_
