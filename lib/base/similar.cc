#include "lib/base/similar.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace pagesnap {
namespace {

constexpr size_t kMaxShown = 5;

// What is compared of a path: its last part, of which no file system has longer ones.
std::string_view LastPart(std::string_view path) { return path.substr(path.rfind('/') + 1, 255); }

}  // namespace

size_t EditDistance(std::string_view one, std::string_view other) {
  std::vector<size_t> row(other.size() + 1);  // of the first i characters of `one`
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= one.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= other.size(); ++j) {
      const size_t replaced = diagonal + (one[i - 1] != other[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string DidYouMean(std::string_view given, const std::vector<std::string>& names) {
  constexpr size_t kMinPart = 3;
  constexpr size_t kCharactersAMistake = 3;
  const std::string* nearest = nullptr;
  std::pair<size_t, size_t> least;  // how near, and how long
  for (const std::string& name : names) {
    const size_t distance = EditDistance(given, name);
    const bool has_part = given.size() >= kMinPart && name.find(given) != std::string::npos;
    const bool is_typo = distance <= std::max<size_t>(1, given.size() / kCharactersAMistake);
    // Two characters that changed places are one mistake.
    std::string sorted_given(given);
    std::string sorted_name(name);
    std::ranges::sort(sorted_given);
    std::ranges::sort(sorted_name);
    const bool is_swapped = sorted_given == sorted_name && distance <= 2;
    if (!has_part && !is_typo && !is_swapped) continue;
    const std::pair near(has_part     ? name.starts_with(given) ? 1 : 2
                         : is_swapped ? 1
                                      : distance,
                         name.size());
    if (nearest != nullptr && near >= least) continue;
    nearest = &name;
    least = near;
  }
  return nearest == nullptr ? "" : fmt::format(" (did you mean '{}'?)", *nearest);
}

SimilarTexts::SimilarTexts(std::string_view given) {
  for (const char c : given) {
    if (c != '*' && c != '?' && c != '[' && c != ']') plain_ += c;
  }
}

void SimilarTexts::Add(const std::string& text) {
  const bool has_all = !plain_.empty() && text.find(plain_) != std::string::npos;
  std::tuple similar(!has_all, EditDistance(LastPart(plain_), LastPart(text)), text);
  const auto place = std::ranges::lower_bound(found_, similar);
  if (place != found_.end() && *place == similar) return;
  found_.insert(place, std::move(similar));
  if (found_.size() > kMaxShown) found_.pop_back();
}

std::string SimilarTexts::ToText() const {
  std::string list;
  for (const auto& one : found_) {
    list += fmt::format("{}'{}'", list.empty() ? "; there is " : ", ", std::get<2>(one));
  }
  return list;
}

}  // namespace pagesnap
