// The facts of the machine that a series stores once: the rows of cgroup, swap_device, memory_zone,
// ram_range, free_area, system_fact and flag_name.
#ifndef LIB_STORE_WRITE_MACHINE_FACTS_H_
#define LIB_STORE_WRITE_MACHINE_FACTS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Collects the rows of a snapshot and writes those that an earlier one does not have. Used by one
// thread at a time.
class MachineFacts {
 public:
  enum Table {
    kCgroup,
    kSwapDevice,
    kMemoryZone,
    kRamRange,
    kFreeArea,
    kSystemFact,
    kFlagName,
    kTableCount
  };
  // Not a std::variant: when memory ends while GCC's library copies one of a string, it destroys
  // what is not there yet (__never_valueless in its <variant>).
  struct Value {
    Value(int64_t value) : number(value) {}               // NOLINT(google-explicit-constructor)
    Value(std::string value) : text(std::move(value)) {}  // NOLINT(google-explicit-constructor)
    int64_t number = 0;
    std::optional<std::string> text;  // empty: it is the number
    friend auto operator<=>(const Value&, const Value&) = default;
  };
  using Row = std::vector<Value>;

  // `database` is borrowed.
  explicit MachineFacts(const Database& database);

  // Adds a row to the current snapshot: the columns behind snapshot_id, of which the first
  // are the key. A row with the key of another replaces it.
  void Set(Table table, Row row);

  // Writes the rows of the snapshot and makes room for the next one's. Throws Error.
  void Write(int64_t snapshot_id);

 private:
  using Rows = std::map<std::pair<Table, Row>, Row>;  // by key

  // Whether every fact of the reference has its like now: a fact that is gone cannot be said by
  // leaving a row out.
  [[nodiscard]] bool CoversReference() const;

  std::array<Statement, kTableCount> insert_;
  Statement set_reference_;
  Rows now_;
  Rows reference_;  // of the snapshot that the others refer to
  int64_t reference_id_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_MACHINE_FACTS_H_
