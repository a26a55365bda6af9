// Fuzzes what is inside a sound database: the input is a list of changes to numbers and blobs of a
// small file, with checksums that fit, so that every change gets to the decoders and the checks
// behind them.
//
// A change is: a byte for the column (below), a byte for the row, and then, for a number, a byte
// that chooses one of the values below, and for a blob, two bytes of offset, a byte of length
// (below 16) and as many bytes to put there. The last byte of all chooses what is asked.
#include <fmt/format.h>

#include <array>
#include <span>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/store/schema.h"
#include "lib/store/write/snapshot_writer.h"
#include "tests/fuzz/ask_everything.h"
#include "tests/fuzz/one_input.h"

namespace pagesnap {
namespace {

constexpr std::array kNumbers = {"snapshot.page_size",
                                 "process.snapshot_id",
                                 "mapping.process_id",
                                 "mapping.first_page",
                                 "mapping.page_count",
                                 "mapping.vm_flags_id",
                                 "page_chunk.first_page",
                                 "page_chunk.content_id",
                                 "page_chunk.present_count",
                                 "page_chunk.mapping_id",
                                 "page_chunk.swapped_count",
                                 "page_content.page_count",
                                 "frame_chunk.frame_count",
                                 "frame_chunk.first_pfn",
                                 "frame_chunk.snapshot_id",
                                 "ram_chunk.frame_count",
                                 "ram_chunk.first_pfn",
                                 "ram_chunk.frame_content_id",
                                 "ram_range.first_pfn",
                                 "ram_range.frame_count",
                                 "free_area.block_order",
                                 "free_area.block_count",
                                 "kernel_accounting.row_count",
                                 "memory_zone.start_pfn",
                                 "memory_zone.spanned_count",
                                 "gap.mapping_id",
                                 "process.id",
                                 "mapping.id",
                                 "page_content.id",
                                 "snapshot.id",
                                 "process.pid",
                                 "frame_chunk.frame_content_id",
                                 "frame_content.base_id",
                                 "snapshot.facts_snapshot_id",
                                 "content_usage.content_id",
                                 "content_usage.snapshot_id",
                                 "content_usage.facts_hash",
                                 "content_usage.rss_count",
                                 "content_usage.pss"};
constexpr std::array kBlobs = {"page_content.words", "frame_content.facts",
                               "kernel_accounting.figures"};
constexpr std::array<int64_t, 16> kValues = {
    0,     1,     2,         3,         -1,        4095,      4096,      4097,
    65535, 65536, 1LL << 31, 1LL << 40, 1LL << 52, 1LL << 62, INT64_MAX, INT64_MIN};

void Fill(SnapshotWriter& writer) {
  SnapshotFacts facts;
  facts.kernel_release = "6.18.0";
  facts.pfn_visible = true;
  for (int64_t snapshot = 1; snapshot <= 2; ++snapshot) {
    writer.BeginSnapshot(facts);
    FrameColumns frames;
    for (uint32_t i = 0; i < 128; ++i) {
      frames.referenced[i / 64] |= uint64_t{1} << i % 64;
      frames.flags.Append(i % 3);
      frames.map_count.Append(i % 4);
      frames.cgroup.Append(7);
    }
    for (int64_t pid = 1; pid <= 2; ++pid) {
      const int64_t process = writer.AddProcess({.pid = pid, .name = "p", .state = "S"});
      AccountingTableBuilder figures;
      for (uint64_t first : {100, 900}) {
        MappingFacts mapping;
        mapping.first_page = first;
        mapping.page_count = 300;
        mapping.perms = "rw-p";
        mapping.vm_flags = "rd wr";
        const int64_t id = writer.AddMapping(process, mapping);
        std::vector<uint64_t> words(160);  // 128 of them present
        for (size_t i = 0; i < words.size(); ++i) {
          words[i] = i % 5 == 4 ? PageWord::kSwap | i << 5
                                : PageWord::kPresent | ((i * 7 + first * pid) % 127 + 1);
        }
        writer.AddPages(id, 10, words);
        figures.BeginRow();
        figures.Set("Rss", 128);
        figures.Set("Pss", 64);
      }
      writer.AddAccounting(process, figures);
      writer.SetMappingCount(process, 2);
    }
    writer.AddRam(0, frames, 128, 128);
    writer.AddRamRange(0, 128);
    writer.AddFreeArea(0, "Normal", 3, 2);
    writer.SetFrameSources(SourceState::kRead, SourceState::kRead, SourceState::kRead);
    writer.AddUsages();
    writer.AddMemoryZone(0, "Normal", 0, 1000, 1000, 1000);
    writer.AddGap({.process_id = 1, .mapping_id = 1, .source = "pagemap", .reason = "lost"});
    writer.Commit();
  }
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    return byte;
  }

 private:
  std::span<const uint8_t> rest_;
};

struct Place {
  std::string table;
  std::string column;
  std::string row;  // a WHERE clause that chooses one row
};

Place PlaceOf(const char* name, uint8_t row) {
  const std::string text(name);
  const size_t dot = text.find('.');
  Place place{text.substr(0, dot), text.substr(dot + 1), ""};
  // Without rowids, rows are not worth telling apart.
  if (place.table != "page_chunk" && place.table != "frame_chunk" && place.table != "memory_zone" &&
      place.table != "content_usage" && place.table != "ram_chunk" && place.table != "ram_range" &&
      place.table != "free_area") {
    place.row = fmt::format(" WHERE rowid = {}", row % 8 + 1);
  }
  return place;
}

void ChangeNumber(Database& file, const Place& place, int64_t value) {
  Statement(file,
            fmt::format("UPDATE OR REPLACE {} SET {} = ?{}", place.table, place.column, place.row))
      .Run(value);
}

void ChangeBlob(Database& file, const Place& place, Input& input) {
  std::string blob;
  {
    Statement read(file, fmt::format("SELECT {} FROM {}{}", place.column, place.table, place.row));
    if (!read.Step()) return;
    const ByteSpan bytes = read.Blob(0);
    blob.assign(bytes.begin(), bytes.end());
  }
  if (blob.empty()) return;
  const size_t offset = (input.Byte() | input.Byte() << 8) % (blob.size() + 1);
  for (int length = input.Byte() % 16, i = 0; i < length; ++i) {
    if (offset + i >= blob.size()) blob.push_back('\0');
    blob[offset + i] = static_cast<char>(input.Byte());
  }
  Statement(file, fmt::format("UPDATE {} SET {} = ?, checksum = ?{}", place.table, place.column,
                              place.row))
      .Run(AsBytes(blob), BlobChecksum(AsBytes(blob)));
}

void Change(Database& file, Input& input) {
  const size_t column = input.Byte() % (kNumbers.size() + kBlobs.size());
  const uint8_t row = input.Byte();
  try {
    if (column < kNumbers.size()) {
      ChangeNumber(file, PlaceOf(kNumbers[column], row), kValues[input.Byte() % kValues.size()]);
    } else {
      ChangeBlob(file, PlaceOf(kBlobs[column - kNumbers.size()], row), input);
    }
  } catch (const Error&) {
    // The schema forbids it.
  }
}

// Returns the sound file that all inputs change.
std::string SoundFile(const InputFile& scratch) {
  Database file = Database::CreateIn(scratch.fd(), "fuzz");
  CreateSchema(file);
  {
    SnapshotWriter writer(file);
    Fill(writer);
  }
  file.Close();
  return scratch.Read();
}

}  // namespace
}  // namespace pagesnap

void TestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  static const InputFile output;
  static const std::string sound = SoundFile(output);
  output.Write(sound.data(), sound.size());
  {
    // It is no new file, but the same settings suit: nobody else has it, and nothing is lost.
    Database file = Database::CreateIn(output.fd(), "fuzz");
    Input input(data, size);
    for (int changes = 0; changes < 8 && !input.empty(); ++changes) Change(file, input);
    file.Close();
  }
#ifdef PAGESNAP_REPLAY
  AskEverything(output.path());
#else
  AskEverything(output.path(), size > 0 ? data[size - 1] : 0);
#endif
}
