#include "lib/store/snapshot_contents.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/codec/similar_words.h"

namespace pagesnap {

std::vector<uint64_t> SnapshotContents::Read(int64_t content_id) { return Read(content_id, 0); }

void SnapshotContents::ThrowDamaged(int64_t content_id, const char* reason) const {
  throw Error(
      fmt::format("{} is damaged: page_content {} {}; 'analyze check' lists all such places",
                  database_.label(), content_id, reason));
}

std::vector<uint64_t> SnapshotContents::Read(int64_t content_id, int steps) {
  // Ids fall from a content to its base, and the steps are counted: no file can lead us in circles.
  if (steps > kMostBaseSteps) ThrowDamaged(content_id, "is a base too far away");
  if (!statement_) {
    statement_ = std::make_unique<Statement>(
        database_, "SELECT page_count, base_id, words, checksum FROM page_content WHERE id = ?");
  }
  statement_->Reset();
  statement_->Bind(1, content_id);
  if (!statement_->Step()) ThrowDamaged(content_id, "is not there");
  int64_t page_count = statement_->Int(0);
  std::optional<int64_t> base_id;
  if (!statement_->IsNull(1)) base_id = statement_->Int(1);
  // A copy, because a base is read with the same statement.
  std::string blob(reinterpret_cast<const char*>(statement_->Blob(2).data()),
                   statement_->Blob(2).size());
  int64_t checksum = statement_->Int(3);
  statement_->Reset();
  if (page_count < 1 || page_count > kPagesPerChunk || BlobChecksum(AsBytes(blob)) != checksum) {
    ThrowDamaged(content_id, "does not match its checksum");
  }
  std::vector<uint64_t> words(static_cast<size_t>(page_count));
  if (!base_id) {
    DecodePageWords(AsBytes(blob), words);
    return words;
  }
  if (*base_id >= content_id) ThrowDamaged(content_id, "has a base that is not older");
  DecodeSimilarWords(AsBytes(blob), Read(*base_id, steps + 1), words);
  return words;
}

}  // namespace pagesnap
