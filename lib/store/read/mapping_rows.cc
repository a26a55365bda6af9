#include "lib/store/read/mapping_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "lib/base/work_limit.h"
#include "lib/store/sqlite/damage.h"

namespace pagesnap {
namespace {

std::string SelectSql(const std::string& columns, const char* where) {
  return fmt::format("SELECT id, process_id, {} FROM main.mapping {} ORDER BY id", columns, where);
}

}  // namespace

MappingCopies::MappingCopies(const Database& database) {
  Statement statement(database,
                      "SELECT first_mapping_id, process_id, row_count, source_mapping_id "
                      "FROM mapping_copy ORDER BY first_mapping_id");
  auto is_possible = [](int64_t first, int64_t count) {
    return first >= 1 && count >= 1 && first <= kMaxRowId && count <= kMaxRowId - first + 1;
  };
  int64_t last_id = 0;
  while (statement.Step()) {
    CheckWork();
    const MappingCopy copy{statement.Int(0), statement.Int(1), statement.Int(2), statement.Int(3)};
    if (!is_possible(copy.first_id, copy.row_count) ||
        !is_possible(copy.source_id, copy.row_count) || copy.first_id <= last_id) {
      ThrowDamaged(database,
                   fmt::format("the mapping_copy of mapping {} has impossible ids", copy.first_id));
    }
    last_id = copy.last_id();
    count_ += copy.row_count;
    by_id_.push_back(copy);
  }
  by_process_ = by_id_;
  std::ranges::stable_sort(by_process_, {}, &MappingCopy::process_id);
}

std::vector<MappingCopy> MappingCopies::OfProcess(int64_t process_id) const {
  return {std::ranges::lower_bound(by_process_, process_id, {}, &MappingCopy::process_id),
          std::ranges::upper_bound(by_process_, process_id, {}, &MappingCopy::process_id)};
}

int64_t MappingCopies::CountOf(int64_t process_id) const {
  int64_t count = 0;
  for (const MappingCopy& copy : OfProcess(process_id)) count += copy.row_count;
  return count;
}

const MappingCopy* MappingCopies::Find(int64_t id) const {
  auto after = std::ranges::upper_bound(by_id_, id, {}, &MappingCopy::first_id);
  if (after == by_id_.begin()) return nullptr;
  --after;
  return id <= after->last_id() ? &*after : nullptr;
}

MappingRows::MappingRows(const Database& database, const MappingCopies& copies,
                         const std::string& columns)
    : database_(database),
      copies_(copies),
      all_(database, SelectSql(columns, "")),
      of_process_(database, SelectSql(columns, "WHERE process_id = ?")),
      one_(database, SelectSql(columns, "WHERE id = ?")),
      source_(database, SelectSql(columns, "WHERE id BETWEEN ? AND ?")),
      stored_(&all_) {}

void MappingRows::Start(Statement& stored, std::vector<MappingCopy> copies) {
  Reset();
  stored_ = &stored;
  todo_ = std::move(copies);
  has_stored_ = stored_->Step();
}

void MappingRows::StartAll() { Start(all_, copies_.all()); }

void MappingRows::StartProcess(int64_t process_id) {
  Reset();
  of_process_.Bind(1, process_id);
  Start(of_process_, copies_.empty() ? std::vector<MappingCopy>() : copies_.OfProcess(process_id));
}

// The quickest, because reports look up mappings one by one.
void MappingRows::StartOne(int64_t id) {
  if (const MappingCopy* copy = copies_.Find(id)) {
    Reset();
    return BeginCopy({id, copy->process_id, 1, copy->source_id + (id - copy->first_id)});
  }
  Reset();
  one_.Bind(1, id);
  Start(one_, {});
}

void MappingRows::Reset() {
  stored_->Reset();
  source_.Reset();
  todo_.clear();
  next_copy_ = 0;
  has_stored_ = copied_ = is_given_ = false;
}

bool MappingRows::Next() {
  CheckWork();
  if (copied_ && NextCopied()) return true;
  copied_ = false;
  if (std::exchange(is_given_, false)) has_stored_ = stored_->Step();
  const int64_t stored_id = has_stored_ ? stored_->Int(0) : INT64_MAX;
  if (next_copy_ < todo_.size() && todo_[next_copy_].first_id <= stored_id) {
    const MappingCopy& copy = todo_[next_copy_++];
    if (stored_id <= copy.last_id()) {
      ThrowDamaged(database_, fmt::format("mapping {} is there twice", stored_id));
    }
    BeginCopy(copy);
    return NextCopied();
  }
  if (!has_stored_) return false;
  id_ = stored_id;
  process_id_ = stored_->Int(1);
  is_given_ = true;
  return true;
}

void MappingRows::BeginCopy(const MappingCopy& copy) {
  source_.Reset();
  source_.Bind(1, copy.source_id);
  source_.Bind(2, copy.source_id + copy.row_count - 1);
  next_id_ = copy.first_id;
  last_id_ = copy.last_id();
  shift_ = copy.first_id - copy.source_id;
  process_id_ = copy.process_id;
  copied_ = true;
}

bool MappingRows::NextCopied() {
  if (next_id_ > last_id_) {
    source_.Reset();
    return false;
  }
  if (!source_.Step() || source_.Int(0) != next_id_ - shift_) {
    ThrowDamaged(database_, fmt::format("mapping {} is a copy of mapping {}, which has no row",
                                        next_id_, next_id_ - shift_));
  }
  id_ = next_id_++;
  return true;
}

}  // namespace pagesnap
