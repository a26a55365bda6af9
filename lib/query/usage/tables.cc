#include "lib/query/usage/tables.h"

namespace pagesnap {

void AddUsageTables(const AddTable& add, AnalysisCache& cache) {
  add(MakeCounterTable(cache));
  add(MakeMappingUsageTable(cache));
  add(MakeKernelUsageTable(cache));
  add(MakeSwapUsageTable(cache));
}

}  // namespace pagesnap
