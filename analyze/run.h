// The analyze program, after its command line is parsed.
#ifndef ANALYZE_RUN_H_
#define ANALYZE_RUN_H_

#include <cstdio>

#include "analyze/options.h"
#include "analyze/terminal.h"
#include "lib/base/error.h"

namespace pagesnap {

// Prints the answer to `out`, which is `terminal` if it is one, and notes about what is missing to
// `notes`. Returns the exit code that the report's status column gives. Throws Error or UsageError.
ExitCode RunAnalyze(const AnalyzeOptions& options, const Terminal& terminal, FILE* out,
                    FILE* notes);

}  // namespace pagesnap

#endif  // ANALYZE_RUN_H_
