#include "analyze/notes.h"

#include <fmt/format.h>

#include "lib/base/print.h"

namespace pagesnap {
namespace {

constexpr int kMaxGapNotes = 3;
constexpr int kMaxSharedNotes = 3;

// Returns a statement whose one parameter is the snapshots, for json_each().
Statement Ask(const Database& database, const char* sql, const ChosenSnapshots& snapshots) {
  Statement statement(database, sql);
  // Not nlohmann::json, whose destructor needs memory and ends the program where there is none.
  statement.Bind(1, std::string_view(fmt::format("[{}]", fmt::join(snapshots, ","))));
  return statement;
}

}  // namespace

void Notes::Add(std::string_view text) const { PrintMessage(out_, fmt::format("note: {}", text)); }

void Notes::AddLeftOut(const std::vector<std::string>& empty,
                       const std::vector<std::string>& others) const {
  if (!empty.empty()) Add(fmt::format("0 or unknown in all rows: {}", fmt::join(empty, ", ")));
  if (others.empty()) return;
  Add(
      fmt::format("the terminal is too narrow for {}; --columns chooses, and a wider one, "
                  "COLUMNS=N, a pipe or --format csv has all columns",
                  fmt::join(others, ", ")));
}

void Notes::AddMoreRows(uint64_t count) const {
  if (count == 0) return;
  Add(fmt::format("{} more row{}; a larger --limit shows them", count, count == 1 ? "" : "s"));
}

void Notes::AddPartialTotals(const ColumnsByCount& partial, uint64_t count,
                             std::string_view noun) const {
  for (const auto& [known, columns] : partial) {
    const std::string names = fmt::format("{}", fmt::join(columns, ", "));
    Add(known == 0 ? fmt::format("no total of {}: unknown in all {}", names, noun)
                   : fmt::format("the total of {} is of {} of {} {}: unknown in the others", names,
                                 known, count, noun));
  }
}

void Notes::AddWithoutRam(const Database& database, const ChosenSnapshots& snapshots) const {
  Statement statement =
      Ask(database,
          "SELECT 1 FROM json_each(?) s WHERE NOT EXISTS (SELECT 1 FROM ram_chunk r WHERE "
          "r.snapshot_id = s.value)",
          snapshots);
  if (!statement.Step()) return;
  Add("only the frames of the captured processes are in the file; 'capture --frames all' stores "
      "all "
      "of RAM");
}

void Notes::AddShared(const Database& database, const ChosenSnapshots& snapshots) const {
  Statement statement =
      Ask(database,
          "SELECT m.pid, GROUP_CONCAT(DISTINCT p.pid) FROM process p JOIN process m ON "
          "m.id = p.memory_process_id WHERE p.snapshot_id IN (SELECT value FROM "
          "json_each(?)) GROUP BY m.pid ORDER BY m.pid",
          snapshots);
  for (int lines = 0; statement.Step(); ++lines) {
    if (lines == kMaxSharedNotes) {
      Add("there are more shared address spaces: column memory_process_id of the table process");
      break;
    }
    Add(fmt::format("process {} shares its address space with process {}: counted once",
                    statement.Int(0), statement.Text(1)));
  }
}

void Notes::AddEnded(const Database& database, const ChosenSnapshots& snapshots) const {
  Statement statement = Ask(database,
                            "SELECT COUNT(*), MIN(pid) FROM process WHERE ended AND snapshot_id IN "
                            "(SELECT value FROM json_each(?))",
                            snapshots);
  statement.Step();
  const int64_t count = statement.Int(0);
  if (count == 0) return;
  Add(
      fmt::format("unknown: what {} that ended, or executed another program, during the capture "
                  "had in memory (pid {}{})",
                  count == 1 ? "1 process" : fmt::format("{} processes", count), statement.Int(1),
                  count == 1 ? "" : ", ..."));
}

void Notes::AddGaps(const Database& database, const ChosenSnapshots& snapshots,
                    const std::string& files) const {
  Statement statement = Ask(database,
                            "SELECT source, reason, COUNT(DISTINCT process_id) FROM gap "
                            "WHERE snapshot_id IN (SELECT value FROM json_each(?)) "
                            "GROUP BY source, reason ORDER BY COUNT(*) DESC",
                            snapshots);
  for (int lines = 0; statement.Step(); ++lines) {
    if (lines == kMaxGapNotes) {
      Add(fmt::format("there are more gaps; 'analyze info {}' shows them", files));
      break;
    }
    std::string who;
    if (int64_t count = statement.Int(2); count > 0) {
      who = fmt::format(" ({} process{})", count, count == 1 ? "" : "es");
    }
    // The pages that a freeze did not cover were read, but not at one instant.
    const char* what = statement.Text(0) == "freeze" ? "not of one instant" : "missing";
    Add(fmt::format("{}{}: {}: {}", what, who, statement.Text(0), statement.Text(1)));
  }
}

}  // namespace pagesnap
