#include "lib/query/pages/tables.h"

namespace pagesnap {

void AddPageTables(const AddTable& add, AnalysisCache& cache) {
  add(MakePageTable(cache));
  add(MakePageRunTable(cache));
  add(MakePageRunCountTable(cache));
  add(MakePageGroupTable(cache));
  add(MakeFrameGroupTable(cache));
  add(MakePhysicalRunTable(cache));
  add(MakeRunLengthTable(cache));
  add(MakeFolioUsageTable(cache));
  add(MakeFolioOrderTable(cache));
  add(MakeMappingSpanTable(cache));
}

}  // namespace pagesnap
