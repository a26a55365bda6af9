// What to say of a file whose tables cannot be what capture wrote.
#ifndef LIB_STORE_SQLITE_DAMAGE_H_
#define LIB_STORE_SQLITE_DAMAGE_H_

#include <fmt/format.h>

#include <string>

#include "lib/base/error.h"
#include "lib/store/sqlite/database.h"

namespace pagesnap {

// Throws an Error that names the file; `what` says what is wrong in it.
[[noreturn]] inline void ThrowDamaged(const Database& database, const std::string& what) {
  throw Error(fmt::format("{} is damaged: {}; no capture writes that", database.label(), what));
}

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_DAMAGE_H_
