// The words of a content while places in it are compared.
#ifndef LIB_QUERY_CHANGE_CONTENT_WORDS_H_
#define LIB_QUERY_CHANGE_CONTENT_WORDS_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

// Decodes them when they are first asked for. For one thread.
class ContentWords {
 public:
  // A content that is null has only absent pages.
  void Set(const StoredBlob* content, std::string damage) {
    content_ = content;
    damage_ = std::move(damage);
    decoded_ = false;
  }
  // Returns what is wrong with it, "" for one that is sound.
  [[nodiscard]] const std::string& damage() const { return damage_; }

  // Returns the words of some of its pages; all absent when it is damaged.
  std::span<const uint64_t> Part(uint32_t first, uint32_t count) {
    static constexpr std::array<uint64_t, kPagesPerChunk> kAbsentWords{};
    if (content_ != nullptr && damage_.empty() && !decoded_) Decode();
    if (content_ == nullptr || !damage_.empty()) return std::span(kAbsentWords).first(count);
    if (first > words_.size() || count > words_.size() - first) {
      throw Error("a content has fewer pages than its table says");
    }
    return std::span<const uint64_t>(words_).subspan(first, count);
  }

 private:
  void Decode() {
    try {
      DecodeContent(*content_, &words_);
      decoded_ = true;
    } catch (const Error& error) {
      damage_ = error.what();
    }
  }

  const StoredBlob* content_ = nullptr;
  std::string damage_;
  bool decoded_ = false;
  std::vector<uint64_t> words_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_CONTENT_WORDS_H_
