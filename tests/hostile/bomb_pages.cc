// Files that SQLite itself does not write: changed byte by byte, or through the schema.
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/codec/checksum.h"
#include "tests/hostile/bomb_files.h"
#include "tests/hostile/crafted_sql.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

constexpr size_t kPageSize = 1024;  // of the sample

// What of a payload stays in its cell when it is as little as can be (sqlite.org/fileformat2.html,
// section 1.6), and what an overflow page takes.
constexpr size_t kLocal = (kPageSize - 12) * 32 / 255 - 23;
constexpr size_t kPerOverflowPage = kPageSize - 4;

void AppendBigEndian(std::string* bytes, uint64_t value, int size) {
  for (int i = size - 1; i >= 0; --i) *bytes += static_cast<char>(value >> (8 * i));
}

// As SQLite writes numbers below 2^21 in three bytes.
void AppendVarint3(std::string* bytes, uint64_t value) {
  *bytes += static_cast<char>(0x80 | (value >> 14 & 0x7f));
  *bytes += static_cast<char>(0x80 | (value >> 7 & 0x7f));
  *bytes += static_cast<char>(value & 0x7f);
}

// The payload of a row of page_content: NULL for the id, a count, no base, a blob, its checksum.
std::string RowOfContent(const std::string& blob) {
  std::string types;
  types += '\0';
  types += '\2';
  types += '\0';
  AppendVarint3(&types, blob.size() * 2 + 12);
  types += '\6';
  std::string row(1, static_cast<char>(types.size() + 1));
  row += types;
  AppendBigEndian(&row, 4096, 2);
  row += blob;
  AppendBigEndian(&row, static_cast<uint64_t>(BlobChecksum(AsBytes(blob))), 8);
  return row;
}

uint32_t ReadBigEndian(const std::string& bytes, size_t offset, int size) {
  uint32_t value = 0;
  for (int i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

// Returns a leaf page with one cell for each of `ids`, all of this payload and overflow chain.
std::string LeafPage(const std::vector<int64_t>& ids, const std::string& row, uint32_t overflow) {
  std::string page(kPageSize, '\0');
  size_t end = kPageSize;
  page[0] = 13;
  for (size_t i = 0; i < ids.size(); ++i) {
    std::string cell;
    AppendVarint3(&cell, row.size());
    AppendVarint3(&cell, static_cast<uint64_t>(ids[i]));
    cell += row.substr(0, kLocal);
    AppendBigEndian(&cell, overflow, 4);
    end -= cell.size();
    page.replace(end, cell.size(), cell);
    page[8 + 2 * i] = static_cast<char>(end >> 8);
    page[9 + 2 * i] = static_cast<char>(end);
  }
  page[3] = 0;
  page[4] = static_cast<char>(ids.size());
  page[5] = static_cast<char>(end >> 8);
  page[6] = static_cast<char>(end);
  return page;
}

std::string ReadAll(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Reads a varint of up to three bytes.
int64_t ReadVarint(const std::string& bytes, size_t* offset) {
  int64_t value = 0;
  for (int i = 0; i < 9; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[(*offset)++]);
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) break;
  }
  return value;
}

}  // namespace

void StoreText(const std::string& path, const std::string& table, const std::string& column,
               const std::string& value_sql, const std::string& where) {
  auto change = [&](const char* from, const char* to) {
    ChangeFile(path, fmt::format("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
                                 "replace(sql, '{}', '{}') WHERE name = '{}'",
                                 from, to, table));
  };
  change(") STRICT, WITHOUT", ") WITHOUT");
  change(") STRICT", ")");
  ChangeFile(path, fmt::format("UPDATE {} SET {} = {} WHERE {}", table, column, value_sql, where));
  change(") WITHOUT ROWID", ") STRICT, WITHOUT ROWID");
  ChangeFile(path, fmt::format("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql || "
                               "' STRICT' WHERE name = '{}' AND sql NOT LIKE '%STRICT%'",
                               table));
}

void ShareOverflowPages(const std::string& path, int64_t count) {
  // A payload of which just kLocal bytes stay in the cell. Rows as long as the crafted cells are
  // there first, so that SQLite makes the tree for them.
  constexpr size_t kOverflowPages = 58;
  std::string blob(kLocal + kOverflowPages * kPerOverflowPage - 18, 'x');
  std::string row = RowOfContent(blob);
  blob.resize(blob.size() + kLocal + kOverflowPages * kPerOverflowPage - row.size());
  row = RowOfContent(blob);
  ChangeFile(path,
             fmt::format("{} INSERT INTO page_content SELECT {} + i, 4096, NULL, "
                         "zeroblob(88), 1 << 62 FROM n; INSERT INTO page_content VALUES ({}, "
                         "4096, NULL, {})",
                         Rows(count), kCraftedContent, kCraftedContent + count, BlobValues(blob)));
  std::string bytes = ReadAll(path);
  // The one long row says where its overflow pages are.
  const std::string head = row.substr(0, kLocal);
  const size_t found = bytes.find(head);
  if (found == std::string::npos) throw Error("the long row is not where it should be");
  const uint32_t overflow = ReadBigEndian(bytes, found + kLocal, 4);
  for (size_t page = kPageSize; page + kPageSize <= bytes.size(); page += kPageSize) {
    const uint32_t cells = ReadBigEndian(bytes, page + 3, 2);
    if (bytes[page] != 13 || cells == 0 || cells > 9) continue;
    std::vector<int64_t> ids;
    for (uint32_t i = 0; i < cells; ++i) {
      size_t offset = page + ReadBigEndian(bytes, page + 8 + 2 * i, 2);
      ReadVarint(bytes, &offset);
      ids.push_back(ReadVarint(bytes, &offset));
    }
    if (ids.front() < kCraftedContent || ids.back() >= kCraftedContent + count) continue;
    while (ids.size() > 8) ids.pop_back();
    bytes.replace(page, kPageSize, LeafPage(ids, row, overflow));
  }
  std::ofstream(path, std::ios::binary) << bytes;
}

void MakeSparse(const std::string& path) {
  constexpr uint64_t kPages = 0xfffffffe;  // SQLITE_MAX_PAGE_COUNT
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  std::string count;
  AppendBigEndian(&count, kPages, 4);
  if (pwrite(fd.get(), count.data(), 4, 28) != 4 ||
      ftruncate(fd.get(), static_cast<off_t>(kPages * kPageSize)) != 0) {
    throw Error("the file system takes no file of 4 TiB: " + ErrnoText(errno));
  }
}

}  // namespace pagesnap
