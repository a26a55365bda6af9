#include "analyze/no_match.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lib/base/similar.h"

namespace pagesnap {
namespace {

// What is given, and a query for all that there is.
struct Wanted {
  const std::string& given;
  const char* nothing;  // that matches
  const char* sql;
};

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
  SimilarTexts similar(wanted.given);
  while (all.Step()) similar.Add(std::string(all.Text(0)));
  notes.Add(fmt::format("{} '{}', as it stands or as a GLOB{}", wanted.nothing, wanted.given,
                        similar.ToText()));
}

}  // namespace

void NoteNoMatch(const Database& database, const ChosenSnapshots& snapshots,
                 const std::vector<std::string>& names, const std::vector<std::string>& paths,
                 const Notes& notes) {
  const std::string ids = nlohmann::json(snapshots).dump();
  for (const std::string& name : names) {
    Note(database, ids,
         {name, "no process is named",
          "SELECT name AS text FROM process "
          "WHERE snapshot_id IN (SELECT value FROM json_each(?1))"},
         notes);
  }
  for (const std::string& path : paths) {
    Note(database, ids,
         {path, "no mapping has the path",
          "SELECT COALESCE(f.path, '') AS text FROM process p "
          "JOIN mapping m ON m.process_id = p.id LEFT JOIN file f ON f.id = m.file_id "
          "WHERE p.snapshot_id IN (SELECT value FROM json_each(?1))"},
         notes);
  }
}

}  // namespace pagesnap
