#include "lib/codec/counters.h"

#include <fmt/format.h>

#include <string_view>

#include "lib/base/error.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

constexpr char kWhat[] = "counters";
constexpr size_t kMaxNameSize = 128;
constexpr uint64_t kMaxVarintSize = 10;

// Appends `bytes` as one plane after their number.
void AppendPacked(std::string* out, std::string_view bytes) {
  AppendVarint(out, bytes.size());
  AppendPlane(out, AsBytes(bytes));
}

std::vector<uint8_t> ReadPacked(ByteReader* reader, uint64_t max_size) {
  const uint64_t size = reader->ReadVarint();
  if (size > max_size) reader->Fail("it is larger than its counters can be");
  std::vector<uint8_t> bytes(size);
  ReadPlane(reader, bytes);
  return bytes;
}

void AppendNames(std::string* out, const std::vector<std::string>& names) {
  if (names.size() > kMaxCounters) {
    throw Error(fmt::format("there are {} counters; at most {} fit", names.size(), kMaxCounters));
  }
  std::string text;
  for (const std::string& name : names) {
    if (name.size() > kMaxNameSize || name.find('\n') != std::string::npos) {
      throw Error("the name of a counter is too long, or has more than one line");
    }
    text += name;
    text += '\n';
  }
  AppendVarint(out, names.size());
  AppendPacked(out, text);
}

std::vector<std::string> ReadNames(ByteReader* reader) {
  const uint64_t count = reader->ReadVarint();
  if (count > kMaxCounters) reader->Fail("it has too many names");
  const std::vector<uint8_t> bytes = ReadPacked(reader, count * (kMaxNameSize + 1));
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> names;
  while (names.size() < count) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) reader->Fail("it has fewer names than it says");
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (!rest.empty()) reader->Fail("it has more names than it says");
  return names;
}

// Differences are taken modulo 2^64, because one may not fit into 64 bits with a sign.
uint64_t BaseOf(const Counters* base, size_t i) {
  return base == nullptr ? 0 : static_cast<uint64_t>(base->values[i]);
}

}  // namespace

std::string EncodeCounters(const Counters& counters, const Counters* base) {
  std::string blob;
  if (base == nullptr) AppendNames(&blob, counters.names);
  std::string differences;
  for (size_t i = 0; i < counters.values.size(); ++i) {
    const uint64_t more = static_cast<uint64_t>(counters.values[i]) - BaseOf(base, i);
    AppendVarint(&differences, ZigZag(static_cast<int64_t>(more)));
  }
  AppendPacked(&blob, differences);
  return blob;
}

Counters DecodeCounters(ByteSpan blob, const Counters* base) {
  ByteReader packed(blob, kWhat);
  Counters counters;
  counters.names = base == nullptr ? ReadNames(&packed) : base->names;
  const size_t count = counters.names.size();
  const std::vector<uint8_t> bytes = ReadPacked(&packed, count * kMaxVarintSize);
  packed.ExpectEnd();
  ByteReader reader(bytes, kWhat);
  for (size_t i = 0; i < count; ++i) {
    const auto more = static_cast<uint64_t>(UnZigZag(reader.ReadVarint()));
    counters.values.push_back(static_cast<int64_t>(BaseOf(base, i) + more));
  }
  reader.ExpectEnd();
  return counters;
}

}  // namespace pagesnap
