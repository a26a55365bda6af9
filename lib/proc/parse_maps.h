// /proc/PID/maps and /proc/PID/smaps (proc_pid_maps(5), proc_pid_smaps(5)).
#ifndef LIB_PROC_PARSE_MAPS_H_
#define LIB_PROC_PARSE_MAPS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

// One figure of smaps, such as Rss. Sizes are in KiB, as the kernel writes them; a few fields
// (THPeligible, ProtectionKey) are plain numbers.
struct SmapsField {
  std::string_view name;
  uint64_t value;
};

// One line of maps, with what smaps adds to it.
struct MapsEntry {
  uint64_t start = 0;   // address of the first byte
  uint64_t end = 0;     // address behind the last byte
  std::string perms;    // "rw-p"
  uint64_t offset = 0;  // in bytes into the file
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  uint64_t inode = 0;  // 0: no file
  std::string path;    // as the kernel writes it: "[heap]", "/a b (deleted)", \012 for a newline
  bool has_accounting = false;     // read from smaps
  std::string vm_flags;            // "rd wr mr"; empty before 3.8 and from maps
  std::vector<SmapsField> fields;  // in the kernel's order; views into the parser's own store
  bool is_rest = false;  // what is below `start` was part of the entry before; fields are of both
  int same_fields = 0;   // 1: as those of the entry before; 2: of the one before that; 0: read
};

// Takes maps or smaps block by block and calls back for each mapping, in the order of addresses;
// no two have an address in common.
class MapsParser {
 public:
  using Sink = std::function<void(const MapsEntry& entry)>;

  // The entry passed to `sink` is valid during the call only, the names of its fields as long as
  // the parser.
  explicit MapsParser(Sink sink);
  MapsParser(const MapsParser&) = delete;  // field names point into names_
  MapsParser& operator=(const MapsParser&) = delete;

  // Takes the next block of text, cut anywhere. Throws Error that quotes a line it cannot read, or
  // that no kernel writes: one whose mapping does not end behind the one before it, or is larger
  // than an address space. The parser is of no use after that. A field whose value is no number, or
  // has a unit other than kB, is left out: a newer kernel may write such.
  void Feed(std::string_view block);

  // The text is complete: reports the last mapping. Throws like Feed. Call it once.
  void Finish();

 private:
  void TakeLine(std::string_view line);
  void TakeHeader(std::string_view line);
  void TakeField(std::string_view line);
  void Emit();
  bool TakeSameFields(std::string_view* block);
  void BeginFields();
  [[nodiscard]] std::string_view FieldName(std::string_view line) const;
  std::string_view Intern(std::string_view name);

  Sink sink_;
  std::string rest_;  // an unfinished line
  MapsEntry entry_;
  uint64_t end_ = 0;  // of the last line's mapping
  bool has_entry_ = false;
  // The lines that entry_.fields were made of, and both of the entry before. Where there are many
  // mappings, most are like a neighbour, or like every other one (guards), and to see that takes a
  // fraction of taking them apart.
  std::string text_;
  std::string text_before_;  // empty: unknown
  std::vector<SmapsField> fields_before_;
  // Field names seen, so that fields need no copies; a deque keeps them where they are.
  std::deque<std::string> names_;
  size_t next_name_ = 0;  // the kernel writes the fields in the same order every time
};

}  // namespace pagesnap

#endif  // LIB_PROC_PARSE_MAPS_H_
