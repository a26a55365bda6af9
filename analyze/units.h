// In which unit sizes are printed.
#ifndef ANALYZE_UNITS_H_
#define ANALYZE_UNITS_H_

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "analyze/printer.h"

namespace pagesnap {

// A choice of --units. kAuto: "2.4M" in a table on a terminal, and KiB elsewhere.
enum class Units { kAuto, kKib, kBytes };

// Returns the units of this name: auto, kib or bytes. Throws UsageError.
Units ParseUnits(const std::string& name);

// Returns a printer of the format for these columns. With kBytes, columns of KiB are printed in
// bytes, and their names end with _bytes; what has no number of 64 bits is printed as it is.
// `style` and `out` are borrowed.
std::unique_ptr<Printer> MakeUnitsPrinter(Units units, std::vector<Column> columns,
                                          const OutputFormat& format, const PrintStyle& style,
                                          FILE* out);

}  // namespace pagesnap

#endif  // ANALYZE_UNITS_H_
