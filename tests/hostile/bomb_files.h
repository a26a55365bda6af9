// Small files that made a reader take gigabytes or minutes before it had limits.
#ifndef TESTS_HOSTILE_BOMB_FILES_H_
#define TESTS_HOSTILE_BOMB_FILES_H_

#include <string>
#include <vector>

#include "tests/hostile/crafted_files.h"

namespace pagesnap {

// A crafted file and the question that it is aimed at.
struct Bomb {
  CraftedFile file;
  std::vector<std::string> question;  // the arguments of analyze, "FILE" for the file
};

// kSmall is made, and asked, in a second or two; kFull is as large as its kind needs to pass a
// limit.
enum class BombSize { kSmall, kFull };

// Returns the files that take memory, time, and what only SQL from the command line takes.
std::vector<Bomb> MemoryBombs(BombSize size);
std::vector<Bomb> TimeBombs(BombSize size);
std::vector<Bomb> SqlBombs();

// Returns all of them.
std::vector<Bomb> AllBombs(BombSize size);

// Gives the text column `column` of `table`, which the schema declares as an integer, to a row: as
// only somebody can who changes the schema and changes it back.
void StoreText(const std::string& path, const std::string& table, const std::string& column,
               const std::string& value_sql, const std::string& where);

// Makes `count` rows of page_content whose blobs of 60 KiB are on the same overflow pages.
void ShareOverflowPages(const std::string& path, int64_t count);

// Makes the file as large as its header can say, 4 TiB, without taking a block more.
void MakeSparse(const std::string& path);

}  // namespace pagesnap

#endif  // TESTS_HOSTILE_BOMB_FILES_H_
