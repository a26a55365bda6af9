#include "analyze/address_choice.h"

#include <fmt/format.h>

#include "lib/base/error.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

class RangeChooser {
 public:
  RangeChooser(const ParameterValues& values, const ChosenSnapshots& snapshots,
               SnapshotReader& reader, const Database& database, const Notes& notes)
      : snapshots_(snapshots), database_(database), notes_(notes) {
    page_size_ = snapshots.empty() ? 4096 : reader.snapshot(snapshots.back()).page_size;
    const auto pids = values.find("pid");
    if (pids != values.end()) pids_ = fmt::format("[{}]", fmt::join(pids->second, ","));
  }

  ChosenPages Choose(const std::string& name, const std::string& text, bool note_nothing) const {
    AddressRange range = *ParseAddressRange(text);  // as options.cc checked
    const std::optional<AddressRange> other = ParseAddressRange(text, 16);
    const bool is_ambiguous = other && other->first != range.first && IsMapped(*other);
    if (is_ambiguous && !IsMapped(range)) {
      notes_.Add(fmt::format(
          "--{} {} is taken as hexadecimal: nothing is mapped at {:#x}, which it is in decimal",
          name, text, range.first));
      range = *other;
    } else if (is_ambiguous) {
      notes_.Add(
          fmt::format("--{} {} is taken as decimal, {:#x}; 0x before it would make it hexadecimal",
                      name, text, range.first));
    } else if (note_nothing && !IsMapped(range)) {
      notes_.Add(fmt::format("--{} {}: nothing is mapped there", name, text));
    }
    return {range.first / page_size_, range.last / page_size_, range.first % page_size_,
            range.is_one};
  }

 private:
  [[nodiscard]] bool IsMapped(const AddressRange& range) const {
    Statement statement(database_,
                        "SELECT EXISTS (SELECT 1 FROM process p JOIN mapping m "
                        "ON m.process_id = p.id WHERE p.snapshot_id IN (?, ?) "
                        "AND (?3 IS NULL OR p.pid IN (SELECT value FROM json_each(?3))) "
                        "AND m.first_page <= ? AND m.first_page + m.page_count > ?)");
    statement.Bind(1, snapshots_.front());
    statement.Bind(2, snapshots_.back());
    if (pids_) statement.Bind(3, std::string_view(*pids_));
    statement.Bind(4, static_cast<int64_t>(range.last / page_size_));
    statement.Bind(5, static_cast<int64_t>(range.first / page_size_));
    return statement.Step() && statement.Int(0) != 0;
  }

  const ChosenSnapshots& snapshots_;
  const Database& database_;
  const Notes& notes_;
  uint64_t page_size_ = 4096;
  std::optional<std::string> pids_;  // a JSON array
};

}  // namespace

ChosenRanges ChooseRanges(const Report& report, const ParameterValues& values,
                          const ChosenSnapshots& snapshots, SnapshotReader& reader,
                          const Database& database, const Notes& notes) {
  ChosenRanges ranges;
  const RangeChooser chooser(values, snapshots, reader, database, notes);
  for (const ReportParameter& parameter : report.parameters) {
    const auto given = values.find(parameter.name);
    if (parameter.type != "range" || given == values.end()) continue;
    for (const std::string& text : given->second) {
      ranges[parameter.name].push_back(  // Who asks for several gets a row for each.
          chooser.Choose(parameter.name, text, !parameter.repeated));
    }
  }
  return ranges;
}

}  // namespace pagesnap
