#include "tests/support/smaps_oracle.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// Slow and plain on purpose: what it says must be easy to believe.
const std::regex& HeadPattern() {
  static const std::regex pattern(
      "([0-9a-f]+)-([0-9a-f]+) (\\S{4}) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [0-9]+ *(.*)");
  return pattern;
}

const std::regex& FigurePattern() {
  static const std::regex pattern("(\\w+): +([0-9]+) kB");
  return pattern;
}

void AddFigure(const std::string& key, uint64_t kib, SmapsEntry* entry) {
  if (key == "Rss") entry->rss_kib += kib;
  if (key == "Pss") entry->pss_kib += kib;
  if (key == "Private_Clean" || key == "Private_Dirty") entry->uss_kib += kib;
  if (key == "Anonymous") entry->anonymous_kib += kib;
  if (key == "Swap") entry->swap_kib += kib;
  if (key == "AnonHugePages") entry->anon_huge_kib += kib;
  if (key == "ShmemPmdMapped") entry->shmem_huge_kib += kib;
  if (key == "FilePmdMapped") entry->file_huge_kib += kib;
  if (key == "Private_Hugetlb" || key == "Shared_Hugetlb") entry->hugetlb_kib += kib;
}

}  // namespace

std::vector<SmapsEntry> ParseSmapsText(std::string_view text) {
  std::vector<SmapsEntry> entries;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, HeadPattern())) {
      SmapsEntry entry;
      entry.start = std::stoull(match[1], nullptr, 16);
      entry.end = std::stoull(match[2], nullptr, 16);
      entry.perms = match[3];
      entry.path = match[4];
      entries.push_back(entry);
    } else if (!entries.empty() && std::regex_match(line, match, FigurePattern())) {
      AddFigure(match[1], std::stoull(match[2]), &entries.back());
    }
  }
  return entries;
}

std::vector<SmapsEntry> ReadSmaps(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/smaps", pid);
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || text.empty()) throw Error(path + ": cannot be read");
  return ParseSmapsText(text);
}

}  // namespace pagesnap
