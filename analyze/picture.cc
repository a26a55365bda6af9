#include "analyze/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/print.h"

namespace pagesnap {
namespace {

constexpr size_t kFileWidth = 100;    // columns where there is no terminal
constexpr size_t kAddressWidth = 14;  // of a process's part of the address space on x86-64
constexpr size_t kMinCells = 8;
constexpr uint64_t kMaxGapInLine = 1000;  // cells; a longer gap has a line of its own

struct StateColour {
  const char* state;
  const char* colour;
};
constexpr StateColour kStateColours[] = {
    {"anonymous", "32"}, {"file", "34"},  {"shared memory", "36"}, {"shared", "35"}, {"huge", "33"},
    {"swapped", "31"},   {"absent", "0"}, {"not read", "0"},       {"hidden", "0"},
};
constexpr const char* kOtherColours[] = {"32", "34", "33", "36", "31"};

const char* ColourFor(const std::string& state, size_t number) {
  for (const StateColour& known : kStateColours) {
    if (state == known.state) return known.colour;
  }
  return kOtherColours[number % std::size(kOtherColours)];
}

// Returns the SGR parameters for a foreground colour or, if dense, for a ground of that colour.
std::string SgrOf(std::string_view colour, bool dense) {
  if (colour == "0") return "2";
  return dense ? fmt::format("30;4{}", colour.back()) : std::string(colour);
}

uint64_t AddressOf(std::string_view text) {
  const std::optional<uint64_t> address = ParseAddress(text);
  if (!address) throw Error(fmt::format("a picture needs addresses, not '{}'", text));
  return *address;
}

// What is no integer is no size.
int64_t KibOf(const Value& value) { return value.type == ValueType::kInteger ? value.integer : 0; }

}  // namespace

PicturePrinter::PicturePrinter(const std::vector<Column>& columns, const PrintStyle& style,
                               FILE* out)
    : style_(style),
      out_(out),
      start_(Find(columns, "start")),
      end_(Find(columns, "end")),
      cell_kib_(Find(columns, "cell_kib")),
      cell_(Find(columns, "cell")),
      state_(Find(columns, "state")),
      kib_(Find(columns, "kib")),
      label_(Find(columns, style_.report.picture_label)),
      width_(style_.terminal.is_terminal() ? style_.terminal.width : kFileWidth),
      label_width_(std::clamp<size_t>(width_ / 4, 8, 32)) {
  for (const LegendEntry& entry : style_.report.legend) {
    legend_.push_back(Find(columns, entry.column));
  }
  if (const std::string& column = style_.report.legend_column; !column.empty()) {
    legend_column_ = Find(columns, column);
  }
  const size_t beside = kAddressWidth + label_width_ + 4;
  cells_per_line_ = std::max(width_ > beside ? width_ - beside : 0, kMinCells);
  cells_per_line_ -= cells_per_line_ % 8;
}

size_t PicturePrinter::Find(const std::vector<Column>& columns, const std::string& name) const {
  auto found = std::find_if(columns.begin(), columns.end(),
                            [&](const Column& column) { return column.name == name; });
  if (found == columns.end()) throw Error(fmt::format("a picture needs a column '{}'", name));
  return static_cast<size_t>(found - columns.begin());
}

PicturePrinter::State& PicturePrinter::StateOf(const std::string& name, char letter) {
  auto [place, is_new] = states_.try_emplace(name);
  State& state = place->second;
  if (is_new) state = {.letter = letter, .colour = ColourFor(name, states_.size() - 1)};
  // The legend has the capital.
  if (std::isupper(static_cast<unsigned char>(letter)) != 0) state.letter = letter;
  return state;
}

void PicturePrinter::Row(std::span<const Value> row) {
  const uint64_t start = AddressOf(row[start_].text);
  const uint64_t end = AddressOf(row[end_].text);
  const int64_t cell_kib = KibOf(row[cell_kib_]);
  if (cell_kib < 1 || cell_kib > INT64_MAX / 1024 || end <= start) {
    throw Error("a picture needs cells of 1 KiB or more, and an end behind the start");
  }
  cell_bytes_ = static_cast<uint64_t>(cell_kib) * 1024;
  const std::string letters = PrintableAscii(row[cell_].text);
  const std::string name = PrintableAscii(row[state_].text);
  State& state = StateOf(name, letters.empty() ? '?' : letters.front());
  AddContents(row, &state);
  if (drawn_count_ == style_.drawn_rows) return;
  ++drawn_count_;
  Draw(start, end, {letters.empty() ? '?' : letters.front(), &state}, name,
       PrintableAscii(row[label_].text));
}

void PicturePrinter::Draw(uint64_t start, uint64_t end, Cell cell, const std::string& state,
                          const std::string& label) {
  const uint64_t gap = !is_first_ && start > previous_end_ ? start - previous_end_ : 0;
  if (is_first_ || label != band_ || start < previous_end_ || gap / cell_bytes_ > kMaxGapInLine) {
    Flush();
    PrintGap(gap);
    band_ = label;
    band_named_ = false;
  } else if (gap > 0 && !line_.empty() && line_.size() < cells_per_line_) {
    line_.push_back({' ', nullptr});
  }
  is_first_ = false;
  previous_end_ = end;
  const uint64_t count = DivideRoundingUp(end - start, cell_bytes_);
  if (count > 2 * cells_per_line_) return PrintAlike(start, end - start, state);
  for (uint64_t i = 0; i < count; ++i) {
    if (line_.size() == cells_per_line_) Flush();
    if (line_.empty()) line_start_ = start + i * cell_bytes_;
    line_.push_back(cell);
  }
}

// What a cell has is not only what most of it is.
void PicturePrinter::AddContents(std::span<const Value> row, State* state) {
  auto kib = [&](size_t column) {
    return static_cast<uint64_t>(std::max<int64_t>(KibOf(row[column]), 0));
  };
  if (legend_column_) return AddContents(row[*legend_column_].text);
  if (legend_.empty()) state->kib += kib(kib_);
  for (size_t i = 0; i < legend_.size(); ++i) {
    const LegendEntry& entry = style_.report.legend[i];
    if (kib(legend_[i]) > 0) StateOf(entry.state, entry.letter).kib += kib(legend_[i]);
  }
}

void PicturePrinter::AddContents(std::string_view contents) {
  using nlohmann::json;
  try {
    for (const json& part : json::parse(contents)) {
      const auto letter = part.at(0).get<std::string>();
      const auto kib = part.at(2).get<uint64_t>();
      if (kib > 0 && !letter.empty()) {
        StateOf(PrintableAscii(part.at(1).get<std::string>()), letter.front()).kib += kib;
      }
    }
  } catch (const json::exception&) {
    throw Error(fmt::format("a picture needs arrays of [letter, state, KiB] in the column '{}'",
                            style_.report.legend_column));
  }
}

std::string PicturePrinter::Coloured(std::string_view sgr, const std::string& text) const {
  if (!style_.terminal.colour || text.empty()) return text;
  return fmt::format("\033[{}m{}\033[0m", sgr, text);
}

// Capitals on a ground of their colour, small letters in it: the denser the brighter.
std::string PicturePrinter::CellsText() const {
  std::string text;
  for (size_t i = 0; i < line_.size();) {
    const Cell cell = line_[i];
    std::string letters;
    for (; i < line_.size() && line_[i].letter == cell.letter; ++i) letters += cell.letter;
    const bool dense = std::isupper(static_cast<unsigned char>(cell.letter)) != 0;
    text += cell.state == nullptr ? letters : Coloured(SgrOf(cell.state->colour, dense), letters);
  }
  return text;
}

void PicturePrinter::PrintBeside(uint64_t address, const std::string& text) {
  const bool utf8 = style_.terminal.utf8;
  const std::string label = band_named_ ? "" : Shortened(band_, label_width_, utf8);
  band_named_ = true;
  // The ellipsis has more bytes than columns.
  const std::string padding(label_width_ - std::min(label_width_, DisplayWidth(label)), ' ');
  WriteOutput(out_, fmt::format("{:<{}}  {}{}  {}\n", fmt::format("{:#x}", address), kAddressWidth,
                                label, padding, text));
}

void PicturePrinter::Flush() {
  if (!line_.empty() && line_.back().state == nullptr) line_.pop_back();
  if (line_.empty()) return;
  PrintBeside(line_start_, CellsText());
  line_.clear();
}

void PicturePrinter::PrintGap(uint64_t bytes) {
  if (bytes == 0 || bytes < cell_bytes_) return;
  const std::string line = fmt::format("{:<{}}  {} {}", "...", kAddressWidth, HumanBytes(bytes),
                                       PrintableAscii(style_.report.picture_gap));
  WriteOutput(out_, Coloured("2", line) + "\n");
}

void PicturePrinter::PrintAlike(uint64_t start, uint64_t bytes, const std::string& state) {
  Flush();
  PrintBeside(start, Coloured("2", fmt::format("... {} {}", HumanBytes(bytes), state)));
}

void PicturePrinter::Finish() {
  Flush();
  if (!states_.empty()) PrintLegend();
}

void PicturePrinter::PrintLegend() const {
  std::vector<std::pair<std::string, State>> legend(states_.begin(), states_.end());
  std::stable_sort(legend.begin(), legend.end(),
                   [](const auto& a, const auto& b) { return a.second.kib > b.second.kib; });
  uint64_t total = 0;
  size_t name_width = 0;
  for (const auto& [name, state] : legend) {
    total += state.kib;
    name_width = std::max(name_width, name.size());
  }
  WriteOutput(out_, fmt::format("\nA cell is {}; a small letter: less than half of it is in use.\n",
                                HumanBytes(cell_bytes_)));
  for (const auto& [name, state] : legend) {
    const std::string letter(1, state.letter);
    std::string line =
        fmt::format("{}  {:<{}}", Coloured(SgrOf(state.colour, true), letter), name, name_width);
    if (state.kib > 0) {
      line += fmt::format("  {:>10}  {:>3.0f} %", HumanBytes(state.kib * 1024),
                          100.0 * static_cast<double>(state.kib) / static_cast<double>(total));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    WriteOutput(out_, line + "\n");
  }
}

}  // namespace pagesnap
