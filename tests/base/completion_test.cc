#include "lib/base/completion.h"

#include <gmock/gmock.h>

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<OptionHelp> Options() {
  return {{.letter = 'p', .name = "pid", .value = "PID", .description = "processes"},
          {.letter = '\0', .name = "frames", .value = "all|some", .description = "frames"},
          {.letter = 'q', .name = "quiet", .value = "", .description = "silence\nmore"}};
}

// Returns the name of the option whose value the last word is, or "".
std::string ValueOf(const std::vector<std::string>& words) {
  const std::vector<OptionHelp> options = Options();
  const CursorPlace place = FindCursor(options, words);
  return place.value_of == nullptr ? "" : place.value_of->name;
}

TEST(CompletionTest, FindsWhatTheLastWordIs) {
  EXPECT_EQ(ValueOf({"--pid", ""}), "pid");
  EXPECT_EQ(ValueOf({"-p", "12"}), "pid");
  EXPECT_EQ(ValueOf({"--pid=1"}), "pid");
  EXPECT_EQ(ValueOf({"--pid", "=", "1"}), "pid");  // as bash splits it
  EXPECT_EQ(ValueOf({"-p12", ""}), "");
  EXPECT_EQ(ValueOf({"--pid", "12", ""}), "");
  EXPECT_EQ(ValueOf({"--pid=12", ""}), "");
  EXPECT_EQ(ValueOf({"--quiet", ""}), "");
  EXPECT_EQ(ValueOf({"--unknown", ""}), "");
  EXPECT_TRUE(FindCursor(Options(), {"a", "--"}).is_option);
  EXPECT_FALSE(FindCursor(Options(), {"--quiet", ""}).is_option);
  EXPECT_THAT(FindCursor(Options(), {"a", "--pid", "1", "-q", "b", ""}).operands,
              ElementsAre("a", "b"));
}

TEST(CompletionTest, ChoicesAreWordsAndPlaceholdersAreNot) {
  EXPECT_EQ(CompletionText(ChoiceWords(Options()[1]), {}), "all\t\nsome\t\n");
  EXPECT_THAT(ChoiceWords(Options()[0]).words, IsEmpty());
  EXPECT_THAT(ChoiceWords({.name = "pid", .value = "integer"}).words, IsEmpty());
}

TEST(CompletionTest, PrintsLines) {
  EXPECT_EQ(CompletionText(OptionWords(Options()), {}),
            "-p\tprocesses\n--pid\tprocesses\n--frames\tframes\n-q\tsilence\n--quiet\tsilence\n");
  EXPECT_EQ(CompletionText({.words = {{"7", "x"}}, .files = "file"}, {.prefix = "--pid="}),
            "--pid=7\tx\n\tfile\n");
}

// The names of processes are what somebody chose, and a shell takes the words.
TEST(CompletionTest, LeavesOutWhatAShellCouldActOn) {
  EXPECT_EQ(
      CompletionText({.words = {{"$(x)"}, {"a b"}, {"`x`"}, {"a\nb"}, {"a;b"}, {""}, {"ok"}}}, {}),
      "ok\t\n");
  EXPECT_EQ(CompletionText({.words = {{"7", "a\tb\033[2J"}}}, {}), "7\ta b\\x1b[2J\n");
}

}  // namespace
}  // namespace pagesnap
