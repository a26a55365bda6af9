#include "lib/query/ram/tables.h"

namespace pagesnap {

void AddRamTables(const AddTable& add, AnalysisCache& cache) {
  add(MakeRamRunTable(cache));
  add(MakeRamGroupTable(cache));
  add(MakeRamFreeBlockTable(cache));
  add(MakeRamBlockTable(cache));
}

}  // namespace pagesnap
