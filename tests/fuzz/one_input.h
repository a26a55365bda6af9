// What a fuzz target does with one input. The entry point that the fuzzer calls is in one_input.cc.
#ifndef TESTS_FUZZ_ONE_INPUT_H_
#define TESTS_FUZZ_ONE_INPUT_H_

#include <cstddef>
#include <cstdint>

// Defined by each target. An input that aborts, or that takes more memory or time than the limits
// of one_input.cc, is a finding.
void TestOneInput(const uint8_t* data, size_t size);

#endif  // TESTS_FUZZ_ONE_INPUT_H_
