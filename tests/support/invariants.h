// What holds of every snapshot: the statements of tests/invariants.sql, which says how they are
// written.
#ifndef TESTS_SUPPORT_INVARIANTS_H_
#define TESTS_SUPPORT_INVARIANTS_H_

#include <string>
#include <vector>

namespace pagesnap {

struct Invariant {
  std::string name;
  std::string sql;  // gives a row for each place that breaks it
};

// Returns all of them. Throws Error when the file is not there, or not as it should be.
std::vector<Invariant> ReadInvariants();

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_INVARIANTS_H_
