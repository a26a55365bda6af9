#include "analyze/no_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

#include "analyze/words.h"

namespace pagesnap {
namespace {

constexpr size_t kMaxShown = 5;

// What is given, and a query for all that there is.
struct Wanted {
  const std::string& given;
  const char* nothing;  // that matches
  const char* sql;
};

// What is compared of a path: its last part, of which no file system has longer ones.
std::string_view LastPart(std::string_view path) { return path.substr(path.rfind('/') + 1, 255); }

// Returns the given text without the characters that have a meaning in a GLOB.
std::string Plain(const std::string& given) {
  std::string plain;
  for (const char c : given) {
    if (c != '*' && c != '?' && c != '[' && c != ']') plain += c;
  }
  return plain;
}

void Note(const Database& database, const std::string& snapshots, const Wanted& wanted,
          const Notes& notes) {
  Statement any(database, fmt::format("SELECT EXISTS (SELECT 1 FROM ({}) WHERE matches(text, ?2))",
                                      wanted.sql));
  any.Bind(1, std::string_view(snapshots));
  any.Bind(2, std::string_view(wanted.given));
  if (!any.Step() || any.Int(0) != 0) return;
  Statement all(database,
                fmt::format("SELECT DISTINCT text FROM ({}) WHERE text <> ''", wanted.sql));
  all.Bind(1, std::string_view(snapshots));
  const std::string plain = Plain(wanted.given);
  std::vector<std::tuple<bool, size_t, std::string>> found;  // the most similar first
  while (all.Step()) {
    const std::string text(all.Text(0));
    const bool has_all = !plain.empty() && text.find(plain) != std::string::npos;
    found.emplace_back(!has_all, EditDistance(LastPart(plain), LastPart(text)), text);
    std::ranges::sort(found);
    if (found.size() > kMaxShown) found.pop_back();
  }
  std::string list;
  for (const auto& one : found) {
    list += fmt::format("{}'{}'", list.empty() ? "; there is " : ", ", std::get<2>(one));
  }
  notes.Add(
      fmt::format("{} '{}', as it stands or as a GLOB{}", wanted.nothing, wanted.given, list));
}

}  // namespace

void NoteNoMatch(const Database& database, const ChosenSnapshots& snapshots,
                 const std::optional<std::string>& name, const std::optional<std::string>& path,
                 const Notes& notes) {
  const std::string ids = nlohmann::json(snapshots).dump();
  if (name) {
    Note(database, ids,
         {*name, "no process is named",
          "SELECT name AS text FROM process "
          "WHERE snapshot_id IN (SELECT value FROM json_each(?1))"},
         notes);
  }
  if (path) {
    Note(database, ids,
         {*path, "no mapping has the path",
          "SELECT COALESCE(f.path, '') AS text FROM process p "
          "JOIN mapping m ON m.process_id = p.id LEFT JOIN file f ON f.id = m.file_id "
          "WHERE p.snapshot_id IN (SELECT value FROM json_each(?1))"},
         notes);
  }
}

}  // namespace pagesnap
