#include "lib/query/check/tables.h"

namespace pagesnap {

void AddCheckTables(const AddTable& add, AnalysisCache& cache) {
  add(MakeBlobCheckTable(cache));
  add(MakeUsageCheckTable(cache));
  add(MakeSnapshotFileTable(cache));
  add(MakeDatabaseCheckTable(cache));
}

}  // namespace pagesnap
