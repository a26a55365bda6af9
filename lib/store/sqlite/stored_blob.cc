#include "lib/store/sqlite/stored_blob.h"

#include <fmt/format.h>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/codec/similar_words.h"

namespace pagesnap {
namespace {

[[noreturn]] void ThrowBlob(const Database& database, const std::string& what) {
  throw Error(fmt::format("{} is damaged: {}; 'analyze check' lists all such places",
                          database.label(), what));
}

std::string ContentName(int64_t id) { return fmt::format("page_content {}", id); }

std::string FrameContentName(int64_t id) { return fmt::format("frame_content {}", id); }

// Above what any coding takes for its 4096 words, or its 65,536 frames that are all different. Many
// blobs are held at once while threads decode them.
constexpr size_t kMaxContentBytes = size_t{64} << 10;
constexpr size_t kMaxFrameContentBytes = size_t{4} << 20;

// Follows the bases from part `id` on; `name` gives a part's name for messages.
template <typename Name>
void FetchParts(Statement& select, const Database& database, int64_t id, size_t most_bytes,
                Name name, StoredBlob* stored) {
  stored->database = &database;
  stored->parts.clear();
  for (bool more = true; more;) {
    select.Reset();
    select.Bind(1, id);
    if (!select.Step()) {
      select.Reset();
      ThrowBlob(database, name(id) + " is not there");
    }
    ByteSpan bytes = select.Blob(2);
    if (bytes.size() > most_bytes) {
      select.Reset();
      ThrowBlob(database, name(id) + " is larger than it can be");
    }
    stored->parts.push_back({id, select.Int(0), select.Int(3), {bytes.begin(), bytes.end()}});
    more = !select.IsNull(1);
    int64_t base = select.Int(1);
    select.Reset();
    if (more && (base >= id || stored->parts.size() > kMaxBaseSteps)) {
      ThrowBlob(database, name(id) + " has an impossible base");
    }
    id = base;
  }
}

template <typename Name>
void CheckPart(const StoredBlob& stored, const StoredBlob::Part& part, Name name) {
  if (BlobChecksum(AsBytes(part.bytes)) != part.checksum) {
    ThrowBlob(*stored.database, name(part.id) + " does not match its checksum");
  }
}

// Calls decode(), and says which part of which file it is that cannot be decoded.
template <typename Name, typename Decoder>
void Decode(const StoredBlob& stored, const StoredBlob::Part& part, Name name,
            const Decoder& decode) {
  try {
    decode();
  } catch (const Error& error) {
    ThrowBlob(*stored.database, fmt::format("{}: {}", name(part.id), error.what()));
  }
}

}  // namespace

void FetchContent(Statement& select, const Database& database, int64_t id, StoredBlob* stored) {
  FetchParts(select, database, id, kMaxContentBytes, ContentName, stored);
}

void DecodeContent(const StoredBlob& stored, std::vector<uint64_t>* words) {
  std::vector<uint64_t> base;
  for (size_t i = stored.parts.size(); i-- > 0;) {
    const StoredBlob::Part& part = stored.parts[i];
    if (part.count < 1 || part.count > kPagesPerChunk) {
      ThrowBlob(*stored.database, ContentName(part.id) + " has an impossible count");
    }
    CheckPart(stored, part, ContentName);
    bool stands_alone = i + 1 == stored.parts.size();
    if (!stands_alone) base.swap(*words);
    words->resize(static_cast<size_t>(part.count));
    Decode(stored, part, ContentName, [&] {
      if (stands_alone) {
        DecodePageWords(AsBytes(part.bytes), *words);
      } else {
        DecodeSimilarWords(AsBytes(part.bytes), base, *words);
      }
    });
  }
}

void FetchFrameContent(Statement& select, const Database& database, int64_t id,
                       StoredBlob* stored) {
  FetchParts(select, database, id, kMaxFrameContentBytes, FrameContentName, stored);
}

FrameRuns DecodeFrameContent(const StoredBlob& stored) {
  FrameRuns runs;
  for (size_t i = stored.parts.size(); i-- > 0;) {
    const StoredBlob::Part& part = stored.parts[i];
    CheckPart(stored, part, FrameContentName);
    const bool stands_alone = i + 1 == stored.parts.size();
    Decode(stored, part, FrameContentName,
           [&] { runs = DecodeFrameColumns(AsBytes(part.bytes), stands_alone ? nullptr : &runs); });
  }
  return runs;
}

}  // namespace pagesnap
