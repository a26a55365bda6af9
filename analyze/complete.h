// What can be typed on the command line of analyze.
#ifndef ANALYZE_COMPLETE_H_
#define ANALYZE_COMPLETE_H_

#include <string>
#include <vector>

namespace pagesnap {

// Returns what CompletionText() describes for the words after the program's name. Processes and
// snapshots are those of the files among the words; of files that cannot be read there are none.
std::string CompleteAnalyze(const std::vector<std::string>& words);

}  // namespace pagesnap

#endif  // ANALYZE_COMPLETE_H_
