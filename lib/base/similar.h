// Which of many texts are like one that was given and matches none of them.
#ifndef LIB_BASE_SIMILAR_H_
#define LIB_BASE_SIMILAR_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace pagesnap {

// Returns how many characters to insert, delete or replace to make `other` of `one` (Levenshtein).
size_t EditDistance(std::string_view one, std::string_view other);

// Returns " (did you mean 'NAME'?)" with the name that is so near what was given that it is likely
// meant: a mistake or two in typing, or a beginning or a part that only this one has. "" for none.
std::string DidYouMean(std::string_view given, const std::vector<std::string>& names);

// Keeps the few most similar of the texts that are added. Of paths the last parts are compared.
class SimilarTexts {
 public:
  // `given` may be a GLOB.
  explicit SimilarTexts(std::string_view given);

  void Add(const std::string& text);

  // Returns "; there is 'A', 'B'", the most similar one first; "" when none was added.
  [[nodiscard]] std::string ToText() const;

 private:
  std::string plain_;  // without the characters that have a meaning in a GLOB
  std::vector<std::tuple<bool, size_t, std::string>> found_;  // the most similar first
};

}  // namespace pagesnap

#endif  // LIB_BASE_SIMILAR_H_
