#include "lib/query/scan/scan.h"

#include <algorithm>

namespace pagesnap {
namespace {

// Page numbers are not negative; a bound below 0 admits all or nothing.
void Narrow(PageFilter* filter, unsigned char op, int64_t value) {
  auto page = static_cast<uint64_t>(std::max<int64_t>(value, 0));
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      filter->first_page = std::max(filter->first_page, page);
      filter->last_page = std::min(filter->last_page, page);
      break;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:  // SQLite drops the page itself where it must
      filter->first_page = std::max(filter->first_page, page);
      break;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
      filter->last_page = std::min(filter->last_page, page);
      break;
    default:
      break;
  }
}

constexpr int64_t kNothing = -1;  // ids are positive

}  // namespace

PageFilter FilterOf(const std::vector<TableConstraint>& constraints, int page_column) {
  PageFilter filter;
  for (const TableConstraint& constraint : constraints) {
    int64_t value = constraint.value.value_or(kNothing);
    if (constraint.column == 0) filter.snapshot_id = value;
    if (constraint.column == 1) filter.process_id = value;
    if (constraint.column == 2) filter.mapping_id = value;
    if (constraint.column == page_column) {
      if (constraint.value) {
        Narrow(&filter, constraint.op, value);
      } else {
        filter.snapshot_id = kNothing;
      }
    }
  }
  return filter;
}

void MappingScan::Start(const std::vector<TableConstraint>& constraints, int page_column) {
  filter_ = FilterOf(constraints, page_column);
  cut_ = PageCut(constraints);
  filter_.first_page = std::max(filter_.first_page, cut_.first_page);
  filter_.last_page = std::min(filter_.last_page, cut_.last_page);
  processes_ = reader_.Processes(filter_);
  next_process_ = 0;
  mappings_.clear();
  mapping_index_ = 0;
}

bool MappingScan::Next() {
  if (mapping_index_ + 1 < mappings_.size()) {
    ++mapping_index_;
    return true;
  }
  mapping_index_ = 0;
  mappings_.clear();
  while (mappings_.empty()) {
    if (next_process_ == processes_.size()) return false;
    mappings_ = reader_.Mappings(processes_[next_process_++], filter_);
  }
  return true;
}

}  // namespace pagesnap
