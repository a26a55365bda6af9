// Tables with a row for each matched range of two snapshots.
#ifndef LIB_QUERY_CHANGE_RANGE_CURSOR_H_
#define LIB_QUERY_CHANGE_RANGE_CURSOR_H_

#include <memory>
#include <vector>

#include "lib/query/change/change_arguments.h"

namespace pagesnap {

class RangeCursor : public TableCursor {
 public:
  // `cache` is borrowed.
  explicit RangeCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    filter_ = RangeFilter(constraints);
    index_ = 0;
    analysis_ = FindComparison(cache_, constraints);
    SkipToWanted();
  }
  void Next() override {
    ++index_;
    SkipToWanted();
  }
  [[nodiscard]] bool AtEnd() const override {
    return analysis_ == nullptr || index_ == analysis_->match().ranges.size();
  }

  // What WithRangeKey() wants.
  [[nodiscard]] const ChangeRequest& request() const { return analysis_->request(); }
  [[nodiscard]] const MatchedRange& range() const { return analysis_->match().ranges[index_]; }
  [[nodiscard]] const ProcessMatch& process() const {
    return analysis_->match().processes[range().process];
  }
  [[nodiscard]] static uint64_t offset() { return 0; }

  [[nodiscard]] ChangeAnalysis& analysis() const { return *analysis_; }

 protected:
  [[nodiscard]] size_t index() const { return index_; }  // of range()

 private:
  void SkipToWanted() {
    while (!AtEnd() && !filter_.Admits(range(), process())) ++index_;
  }

  AnalysisCache& cache_;
  RangeFilter filter_;
  std::shared_ptr<ChangeAnalysis> analysis_;
  size_t index_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_RANGE_CURSOR_H_
