// What holds of every comparison of live captures, asked of the built program.
#ifndef TESTS_LIVE_COMPARISON_TESTING_H_
#define TESTS_LIVE_COMPARISON_TESTING_H_

#include <string>

namespace pagesnap {

// Fails the test for each rule (tests/support/comparison_rules.h) that a comparison of the last
// snapshots of two files breaks, and where a report's figures do not add up: before and the
// difference are after in every row, and a comparison the other way round has the opposite totals.
void ExpectComparisonRules(const std::string& before, const std::string& after);

}  // namespace pagesnap

#endif  // TESTS_LIVE_COMPARISON_TESTING_H_
