#include "lib/query/sharing/tables.h"

namespace pagesnap {

void AddSharingTables(const AddTable& add, AnalysisCache& cache) {
  add(MakeFrameTable(cache));
  add(MakeFrameBlockTable(cache));
  add(MakeFrameFateTable(cache));
  add(MakeFrameUserTable(cache));
  add(MakeGroupUsageTable(cache));
  add(MakeMappingSharingTable(cache));
  add(MakeProcessGroupTable(cache));
  add(MakeSharingGroupTable(cache));
  add(MakeSharingGroupMemberTable(cache));
}

}  // namespace pagesnap
