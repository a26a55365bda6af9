// Fuzzes the decoders of kernel accounting, where the first byte is the number of rows, and of
// counters.
#include <cstddef>
#include <cstdint>

#include "lib/base/error.h"
#include "lib/codec/accounting_table.h"
#include "lib/codec/counters.h"
#include "tests/fuzz/one_input.h"

void TestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  if (size < 1) return;
  try {
    const AccountingTable table({data + 1, size - 1}, data[0]);
    for (size_t column = 0; column < table.names().size(); ++column) {
      for (size_t row = 0; row < table.row_count(); ++row) {
        static_cast<void>(table.Value(column, row));
      }
    }
  } catch (const Error&) {
  }
  try {
    const Counters counters = DecodeCounters({data + 1, size - 1}, nullptr);
    DecodeCounters(AsBytes(EncodeCounters(counters, &counters)), &counters);
  } catch (const Error&) {
  }
}
