#include "lib/store/stored_blob.h"

#include <fmt/format.h>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/codec/similar_words.h"

namespace pagesnap {
namespace {

[[noreturn]] void ThrowDamaged(const Database& database, const std::string& what) {
  throw Error(fmt::format("{} is damaged: {}; 'analyze check' lists all such places",
                          database.label(), what));
}

std::string ContentName(int64_t id) { return fmt::format("page_content {}", id); }

std::string FramesName(int64_t snapshot_id, uint64_t first_pfn) {
  return fmt::format("the frame_chunk of snapshot {} from PFN {}", snapshot_id, first_pfn);
}

// Follows the bases from part `id` on; `name` gives a part's name for messages.
template <typename Name>
void FetchParts(Statement& select, const Database& database, int64_t id, Name name,
                StoredBlob* stored) {
  stored->database = &database;
  stored->parts.clear();
  for (bool more = true; more;) {
    select.Reset();
    select.Bind(1, id);
    if (!select.Step()) {
      select.Reset();
      ThrowDamaged(database, name(id) + " is not there");
    }
    ByteSpan bytes = select.Blob(2);
    stored->parts.push_back({id, select.Int(0), select.Int(3), {bytes.begin(), bytes.end()}});
    more = !select.IsNull(1);
    int64_t base = select.Int(1);
    select.Reset();
    if (more && (base >= id || stored->parts.size() > kMostBaseSteps)) {
      ThrowDamaged(database, name(id) + " has an impossible base");
    }
    id = base;
  }
}

template <typename Name>
void CheckPart(const StoredBlob& stored, const StoredBlob::Part& part, int64_t least, int64_t most,
               Name name) {
  if (part.count < least || part.count > most) {
    ThrowDamaged(*stored.database, name(part.id) + " has an impossible count");
  }
  if (BlobChecksum(AsBytes(part.bytes)) != part.checksum) {
    ThrowDamaged(*stored.database, name(part.id) + " does not match its checksum");
  }
}

}  // namespace

void FetchContent(Statement& select, const Database& database, int64_t id, StoredBlob* stored) {
  FetchParts(select, database, id, ContentName, stored);
}

void DecodeContent(const StoredBlob& stored, std::vector<uint64_t>* words) {
  std::vector<uint64_t> base;
  for (size_t i = stored.parts.size(); i-- > 0;) {
    const StoredBlob::Part& part = stored.parts[i];
    CheckPart(stored, part, 1, kPagesPerChunk, ContentName);
    bool stands_alone = i + 1 == stored.parts.size();
    if (!stands_alone) base.swap(*words);
    words->resize(static_cast<size_t>(part.count));
    if (stands_alone) {
      DecodePageWords(AsBytes(part.bytes), *words);
    } else {
      DecodeSimilarWords(AsBytes(part.bytes), base, *words);
    }
  }
}

void FetchFrames(Statement& select, const Database& database, int64_t snapshot_id,
                 uint64_t first_pfn, StoredBlob* stored) {
  select.Bind(2, static_cast<int64_t>(first_pfn));
  FetchParts(
      select, database, snapshot_id, [&](int64_t id) { return FramesName(id, first_pfn); }, stored);
}

FrameColumns DecodeFrames(const StoredBlob& stored, uint64_t first_pfn) {
  FrameBits base = {};
  for (size_t i = stored.parts.size(); i-- > 0;) {
    const StoredBlob::Part& part = stored.parts[i];
    CheckPart(stored, part, 0, kFramesPerChunk,
              [&](int64_t id) { return FramesName(id, first_pfn); });
    auto count = static_cast<uint32_t>(part.count);
    if (i == 0) return DecodeFrameColumns(AsBytes(part.bytes), count, base);
    base = DecodeFrameBits(AsBytes(part.bytes), count, base);
  }
  return {};
}

}  // namespace pagesnap
