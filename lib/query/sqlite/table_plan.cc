#include "lib/query/sqlite/table_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

bool IsRange(unsigned char op) {
  return op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE ||
         op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE;
}

bool CanPushDown(const TableColumn& column, unsigned char op) {
  if (op == SQLITE_INDEX_CONSTRAINT_EQ) return column.push_down != PushDown::kNone;
  if (op == SQLITE_INDEX_CONSTRAINT_NE) return column.push_down == PushDown::kText;
  return column.push_down == PushDown::kRange && IsRange(op);
}

bool IsArgument(const TableColumn& column) {
  return column.push_down == PushDown::kRequired || column.push_down == PushDown::kOptional;
}

// Whether no row has another value than that of the one constraint which is handed down.
bool IsExact(const TableColumn& column) {
  return IsArgument(column) || column.push_down == PushDown::kExact;
}

// Chooses the constraints that are handed down. An argument is, once, and always, since the rows
// would be others without it: returns false when this plan cannot have it.
bool ChooseConstraints(const TableModule& table, const sqlite3_index_info& info,
                       std::vector<int>* chosen) {
  const std::vector<TableColumn>& columns = table.columns();
  std::vector<bool> given(columns.size());
  for (int i = 0; i < info.nConstraint; ++i) {
    const auto& constraint = info.aConstraint[i];
    if (constraint.iColumn < 0) continue;
    const TableColumn& column = columns[constraint.iColumn];
    if (!CanPushDown(column, constraint.op)) continue;
    if (!constraint.usable) {
      if (IsArgument(column)) return false;
      continue;
    }
    if (IsExact(column)) {
      if (given[constraint.iColumn]) continue;  // SQLite compares it with the first
      given[constraint.iColumn] = true;
    }
    chosen->push_back(i);
  }
  return true;
}

// Returns the first argument that has to be given and is not among these constraints, or null.
template <typename HasColumn>
const char* MissingArgument(const TableModule& table, const HasColumn& has_column) {
  const std::vector<TableColumn>& columns = table.columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].push_down == PushDown::kRequired && !has_column(static_cast<int>(i))) {
      return columns[i].name.c_str();
    }
  }
  return nullptr;
}

double Distinct(const ReaderSize& size, Key key) {
  switch (key) {
    case Key::kSnapshot:
      return size.snapshots;
    case Key::kProcess:
      return size.processes;
    case Key::kMapping:
      return size.mappings;
    case Key::kPage:
      // An address may be populated in every process.
      return std::max(1.0, size.pages / size.processes);
    case Key::kFrame:
      return size.frames;
    default:
      return 1;
  }
}

// What the constraints that are handed down leave of the rows.
class RowEstimate {
 public:
  explicit RowEstimate(const TableModule& table) : table_(table) {}

  void Add(const TableColumn& column, unsigned char op) {
    if (IsArgument(column)) return;
    if (op != SQLITE_INDEX_CONSTRAINT_EQ || column.push_down == PushDown::kText) {
      ranges_ *= 0.5;
    } else if (column.key == Key::kPage || column.key == Key::kFrame) {
      keys_ *= Distinct(table_.size(), column.key);
    } else {
      // A mapping is of one process, and that of one snapshot: the narrowest decides.
      owner_ = std::max(owner_, Distinct(table_.size(), column.key));
    }
  }
  [[nodiscard]] double rows() const {
    const double parts = keys_ > 1 ? keys_ * std::min(owner_, table_.size().processes) : owner_;
    // Sums of counts that nobody has checked yet: they may be anything.
    constexpr double kMaxRows = 1e15;
    return std::clamp(table_.row_count() * ranges_ / parts, 1.0, kMaxRows);
  }

 private:
  const TableModule& table_;
  double ranges_ = 1;
  double keys_ = 1;
  double owner_ = 1;
};

// The rows' order serves when the query asks for a prefix of it, all ascending; columns that have
// one value throughout may be left out of either.
bool OrderServes(const TableModule& table, const sqlite3_index_info& info) {
  std::vector<int> pinned;
  for (int i = 0; i < info.nConstraint; ++i) {
    const auto& constraint = info.aConstraint[i];
    if (constraint.usable && constraint.op == SQLITE_INDEX_CONSTRAINT_EQ &&
        info.aConstraintUsage[i].argvIndex > 0) {
      pinned.push_back(constraint.iColumn);
    }
  }
  auto is_pinned = [&](int column) {
    if (column < 0) return false;
    const bool one_snapshot = table.size().snapshots <= 1;
    if (one_snapshot && table.columns()[column].key == Key::kSnapshot) return true;
    return std::find(pinned.begin(), pinned.end(), column) != pinned.end();
  };
  std::vector<int> order = table.order();
  std::erase_if(order, is_pinned);
  size_t matched = 0;
  for (int i = 0; i < info.nOrderBy; ++i) {
    const auto& term = info.aOrderBy[i];
    if (is_pinned(term.iColumn)) continue;
    if (term.desc || matched == order.size() || order[matched] != term.iColumn) return false;
    ++matched;
  }
  return true;
}

std::optional<int64_t> IntegerOf(sqlite3_value* value) {
  int type = sqlite3_value_numeric_type(value);
  if (type == SQLITE_INTEGER) return sqlite3_value_int64(value);
  if (type != SQLITE_FLOAT) return std::nullopt;
  // 3.0 equals 3.
  double number = sqlite3_value_double(value);
  if (number < -9e18 || number > 9e18) return std::nullopt;
  auto integer = static_cast<int64_t>(number);
  return static_cast<double>(integer) == number ? std::optional(integer) : std::nullopt;
}

std::optional<std::string> TextOf(sqlite3_value* value) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) throw std::bad_alloc();
  return std::string(text, static_cast<size_t>(sqlite3_value_bytes(value)));
}

}  // namespace

// Hands down every constraint that the table can use. idxStr is the set of the columns that are
// read (colUsed: idxNum has too few bits) and these as "COLUMN OP " pairs, in the order of the
// arguments.
bool PlanTable(const TableModule& table, sqlite3_index_info* info) {
  std::string plan = fmt::format("{} ", info->colUsed);
  RowEstimate estimate(table);
  std::vector<int> chosen;
  if (!ChooseConstraints(table, *info, &chosen)) {
    return false;
  }
  int argument = 0;
  for (int i : chosen) {
    const auto& constraint = info->aConstraint[i];
    const TableColumn& column = table.columns()[constraint.iColumn];
    info->aConstraintUsage[i].argvIndex = ++argument;
    if (IsExact(column)) info->aConstraintUsage[i].omit = 1;
    plan += fmt::format("{} {} ", constraint.iColumn, static_cast<int>(constraint.op));
    estimate.Add(column, constraint.op);
  }
  info->idxStr = sqlite3_mprintf("%s", plan.c_str());
  info->needToFreeIdxStr = 1;
  info->estimatedRows = static_cast<sqlite3_int64>(estimate.rows());
  // A scan that starts over has a price even when it finds one row.
  info->estimatedCost = estimate.rows() * table.row_cost() + 100;
  // SQLite also asks for plans that leave terms out: only when it has no other, FilterRows() says
  // what is missing.
  constexpr double kImpossible = 1e50;
  const char* missing = MissingArgument(table, [&](int column) {
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](int i) { return info->aConstraint[i].iColumn == column; });
  });
  if (missing != nullptr) info->estimatedCost = kImpossible;
  info->orderByConsumed = info->nOrderBy > 0 && OrderServes(table, *info);
  return true;
}

// A bound that is a fraction, a text or NULL cannot be handed down as an integer; for a range it
// is left to SQLite.
std::vector<TableConstraint> ReadPlan(const TableModule& table, const char* plan, int count,
                                      sqlite3_value** values) {
  std::vector<TableConstraint> constraints;
  char* rest = const_cast<char*>(plan != nullptr ? plan : "");
  for (int i = 0; i < count; ++i) {
    TableConstraint constraint;
    constraint.column = static_cast<int>(strtol(rest, &rest, 10));
    constraint.name = table.columns()[constraint.column].name;
    constraint.op = static_cast<unsigned char>(strtol(rest, &rest, 10));
    constraint.value = IntegerOf(values[i]);
    constraint.text = TextOf(values[i]);
    const bool is_bound = IsRange(constraint.op);
    if (constraint.value || !is_bound) constraints.push_back(std::move(constraint));
  }
  const char* missing = MissingArgument(table, [&](int column) {
    return std::any_of(constraints.begin(), constraints.end(),
                       [&](const TableConstraint& one) { return one.column == column; });
  });
  if (missing != nullptr) {
    throw Error(fmt::format("{} needs the argument {}", table.table().name, missing));
  }
  return constraints;
}

}  // namespace pagesnap
