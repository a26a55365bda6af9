#include "analyze/printer.h"

#include <fmt/format.h>

#include "lib/base/error.h"

namespace pagesnap {

std::string_view UnitOf(std::string_view column_name) {
  static constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
      {"kib", "KiB"}, {"bytes", "bytes"}, {"count", "count"},
      {"ns", "ns"},   {"seconds", "s"},   {"percent", "%"}};
  const std::string_view last_word = column_name.substr(column_name.rfind('_') + 1);  // npos + 1: 0
  for (const auto& [suffix, unit] : kUnits) {
    if (last_word == suffix) return unit;
  }
  return {};
}

std::vector<Column> DescribeColumns(const std::vector<std::string>& names,
                                    std::span<const Value> first_row) {
  std::vector<Column> columns;
  for (size_t i = 0; i < names.size(); ++i) {
    Column column = {.name = names[i], .unit = UnitOf(names[i])};
    if (i < first_row.size()) column.type = first_row[i].type;
    if (column.type == ValueType::kNull && !column.unit.empty()) column.type = ValueType::kInteger;
    columns.push_back(std::move(column));
  }
  return columns;
}

const OutputFormat& FindFormat(std::string_view name) {
  for (const OutputFormat& format : OutputFormats()) {
    if (format.name == name) return format;
  }
  throw UsageError(fmt::format("there is no format '{}'; say {}", name, FormatNames()));
}

std::string FormatNames() {
  const std::vector<OutputFormat>& formats = OutputFormats();
  std::string names(formats.front().name);
  for (size_t i = 1; i < formats.size(); ++i) {
    names += fmt::format("{}{}", i + 1 == formats.size() ? " or " : ", ", formats[i].name);
  }
  return names;
}

}  // namespace pagesnap
