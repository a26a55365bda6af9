#include "lib/proc/parse_maps.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/proc/text.h"

namespace pagesnap {
namespace {

// Far above what a path can make of a line (PATH_MAX bytes, each escaped as four). Bounds what a
// file that is no maps at all can make the parser hold.
constexpr size_t kMaxLineBytes = size_t{64} << 10;

// The largest address space of a process: x86-64 and riscv64 with tables of five levels.
constexpr uint64_t kMaxMappingBytes = uint64_t{1} << 56;

constexpr std::string_view kVmFlagsName = "VmFlags";

[[noreturn]] void FailOnLine(std::string_view line) {
  throw Error(fmt::format("maps has a line that cannot be read: {}", Quoted(line)));
}

// A mapping's line (show_map_vma() in fs/proc/task_mmu.c) begins with an address in lower case, a
// line of smaps below it with the capital letter of its name.
bool BeginsLikeHeader(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Returns `text` without the blanks in front. By hand: find_first_not_of() took most of the time of
// a whole smaps, whose lines are mostly blanks.
std::string_view SkipBlanks(std::string_view text) {
  size_t size = 0;
  while (size < text.size() && (text[size] == ' ' || text[size] == '\t')) ++size;
  return text.substr(size);
}

// Reads a line from left to right; anything unexpected fails with the whole line.
class LineCursor {
 public:
  explicit LineCursor(std::string_view line) : line_(line), rest_(line) {}

  template <typename Number>
  Number TakeNumber(int base) {
    Number value{};
    const char* const end = rest_.data() + rest_.size();
    const auto [stop, error] = std::from_chars(rest_.data(), end, value, base);
    if (error != std::errc()) FailOnLine(line_);
    rest_.remove_prefix(static_cast<size_t>(stop - rest_.data()));
    return value;
  }

  void Expect(char c) {
    if (rest_.empty() || rest_.front() != c) FailOnLine(line_);
    rest_.remove_prefix(1);
  }

  std::string_view TakeBytes(size_t size) {
    if (rest_.size() < size) FailOnLine(line_);
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view line_;
  std::string_view rest_;
};

bool IsPerms(std::string_view perms) {
  return (perms[0] == 'r' || perms[0] == '-') && (perms[1] == 'w' || perms[1] == '-') &&
         (perms[2] == 'x' || perms[2] == '-') && (perms[3] == 's' || perms[3] == 'p');
}

}  // namespace

MapsParser::MapsParser(Sink sink) : sink_(std::move(sink)) {}

void MapsParser::Feed(std::string_view block) {
  while (!block.empty()) {
    if (TakeSameFields(&block)) continue;
    const size_t end = block.find('\n');
    const std::string_view piece = block.substr(0, end);
    if (rest_.size() + piece.size() > kMaxLineBytes) FailOnLine(rest_ + std::string(piece));
    if (end == std::string_view::npos) {
      rest_ += piece;
      return;
    }
    if (rest_.empty()) {
      TakeLine(piece);
    } else {
      rest_ += piece;
      TakeLine(rest_);
      rest_.clear();
    }
    block.remove_prefix(end + 1);
  }
}

void MapsParser::Finish() {
  if (!rest_.empty()) TakeLine(rest_);
  rest_.clear();
  Emit();
}

void MapsParser::TakeLine(std::string_view line) {
  if (!line.empty() && BeginsLikeHeader(line.front())) {
    Emit();
    TakeHeader(line);
  } else if (has_entry_ && !line.empty() && line.front() >= 'A' && line.front() <= 'Z') {
    TakeField(line);
  } else {
    FailOnLine(line);
  }
}

void MapsParser::TakeHeader(std::string_view line) {
  LineCursor cursor(line);
  entry_.start = cursor.TakeNumber<uint64_t>(16);
  cursor.Expect('-');
  entry_.end = cursor.TakeNumber<uint64_t>(16);
  const uint64_t start = entry_.start;
  if (entry_.end < start || entry_.end - start > kMaxMappingBytes || entry_.end < end_) {
    FailOnLine(line);
  }
  cursor.Expect(' ');
  entry_.perms = cursor.TakeBytes(4);
  if (!IsPerms(entry_.perms)) FailOnLine(line);
  cursor.Expect(' ');
  entry_.offset = cursor.TakeNumber<uint64_t>(16);
  cursor.Expect(' ');
  entry_.device_major = cursor.TakeNumber<uint32_t>(16);
  cursor.Expect(':');
  entry_.device_minor = cursor.TakeNumber<uint32_t>(16);
  cursor.Expect(' ');
  entry_.inode = cursor.TakeNumber<uint64_t>(10);
  // Blanks pad the line to a column before the path (seq_pad()), even where there is no path on
  // older kernels. Only the leading ones: a path may end with a blank.
  if (!cursor.rest().empty()) cursor.Expect(' ');
  entry_.path = SkipBlanks(cursor.rest());
  // The kernel gives a page of text at a time, and goes on with the mapping that has the address
  // where it stopped (m_start() in fs/proc/task_mmu.c). Where a neighbour was joined to that
  // mapping meanwhile, its first part comes a second time.
  entry_.is_rest = start < end_;
  if (entry_.is_rest) {
    entry_.start = end_;
    if (entry_.inode != 0) entry_.offset += end_ - start;
  }
  end_ = entry_.end;
  entry_.has_accounting = false;
  entry_.same_fields = 0;
  has_entry_ = true;
}

void MapsParser::TakeField(std::string_view line) {
  if (!entry_.has_accounting) BeginFields();
  entry_.has_accounting = true;
  const std::string_view name = FieldName(line);
  const std::string_view rest = line.substr(name.size() + 1);
  if (name == kVmFlagsName) {
    entry_.vm_flags = Trim(rest);
    return;
  }
  entry_.same_fields = 0;
  text_ += line;
  text_ += '\n';
  std::string_view value = SkipBlanks(rest);
  if (value.empty() || !IsDigit(value.front())) return;
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc()) FailOnLine(line);
  value.remove_prefix(static_cast<size_t>(stop - value.data()));
  if (value == " kB" || value.empty()) {
    entry_.fields.push_back({Intern(name), number});
  } else if (value.front() != ' ') {
    FailOnLine(line);
  }
}

void MapsParser::Emit() {
  if (!has_entry_) return;
  if (!entry_.has_accounting) BeginFields();
  sink_(entry_);
  has_entry_ = false;
}

// Returns false unless the block begins with the fields of the entry, and they are known.
bool MapsParser::TakeSameFields(std::string_view* block) {
  if (!has_entry_ || entry_.has_accounting || !rest_.empty()) return false;
  if (!text_.empty() && block->starts_with(text_)) {
    entry_.same_fields = 1;
    text_before_.clear();  // what it was is as far away as its fields are
  } else if (!text_before_.empty() && block->starts_with(text_before_)) {
    entry_.same_fields = 2;
    text_.swap(text_before_);
    entry_.fields.swap(fields_before_);
  } else {
    return false;
  }
  entry_.has_accounting = true;
  entry_.vm_flags.clear();
  block->remove_prefix(text_.size());
  return true;
}

// Those of the entry before are kept.
void MapsParser::BeginFields() {
  text_.swap(text_before_);
  entry_.fields.swap(fields_before_);
  text_.clear();
  entry_.fields.clear();
  entry_.vm_flags.clear();
  next_name_ = 0;
}

// Returns what is in front of the colon.
std::string_view MapsParser::FieldName(std::string_view line) const {
  if (next_name_ < names_.size()) {
    const std::string_view due = names_[next_name_];
    if (line.size() > due.size() && line[due.size()] == ':' && line.starts_with(due)) return due;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) FailOnLine(line);
  return line.substr(0, colon);
}

std::string_view MapsParser::Intern(std::string_view name) {
  // A name from FieldName() often is the one that is due.
  if (next_name_ >= names_.size() ||
      (names_[next_name_].data() != name.data() && names_[next_name_] != name)) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    next_name_ = static_cast<size_t>(found - names_.begin());
    if (found == names_.end()) names_.emplace_back(name);
  }
  return names_[next_name_++];
}

}  // namespace pagesnap
