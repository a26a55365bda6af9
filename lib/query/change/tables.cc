#include "lib/query/change/tables.h"

namespace pagesnap {

void AddChangeTables(const AddTable& add, AnalysisCache& cache) {
  add(MakePageChangeTable(cache));
  add(MakeChangeUsageTable(cache));
  add(MakeForkUsageTable(cache));
  add(MakeProcessMatchTable(cache));
  add(MakeMappingMatchTable(cache));
}

}  // namespace pagesnap
