// What processes that were forked share with their parents, by mapping.
#ifndef LIB_QUERY_CHANGE_FORK_USAGE_H_
#define LIB_QUERY_CHANGE_FORK_USAGE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "lib/query/change/fork_copy.h"
#include "lib/query/scan/analysis_cache.h"

namespace pagesnap {

// Of one mapping of a child; or of one of its parent, as far as the child has no mapping there.
struct ForkUsage {
  int64_t process_id = 0;
  int64_t parent_id = 0;   // the process that has the parent's mappings
  int64_t mapping_id = 0;  // of the child or, where is_parents, of the parent
  bool is_parents = false;
  bool is_known = true;                              // all pages of both were read
  std::array<uint64_t, kForkFateCount> counts = {};  // pages, by ForkFate
};

// Of one snapshot. Immutable.
class ForkUsages {
 public:
  // Decodes what the children and their parents have. Throws Error when a content or a chunk of
  // frames is damaged. There are none where PFNs were hidden.
  ForkUsages(AnalysisCache& cache, int64_t snapshot_id);

  // By child; those of its own mappings first, by address. Mappings without pages have none.
  [[nodiscard]] const std::vector<ForkUsage>& rows() const { return rows_; }

 private:
  std::vector<ForkUsage> rows_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_FORK_USAGE_H_
