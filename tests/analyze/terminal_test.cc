// What the environment says about an output.
#include "analyze/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "lib/base/unique_fd.h"

namespace pagesnap {
namespace {

TerminalFacts Facts() {
  TerminalFacts facts;
  facts.is_terminal = true;
  facts.window_columns = 132;
  facts.term = "xterm-256color";
  facts.codeset = "UTF-8";
  return facts;
}

TEST(TerminalTest, AWindow) {
  const Terminal terminal = TerminalOf(Facts());
  EXPECT_TRUE(terminal.is_terminal());
  EXPECT_EQ(terminal.width, 132);
  EXPECT_TRUE(terminal.colour);
  EXPECT_TRUE(terminal.utf8);
}

TEST(TerminalTest, AFileIsNone) {
  TerminalFacts facts = Facts();
  facts.is_terminal = false;
  facts.columns = "40";
  const Terminal terminal = TerminalOf(facts);
  EXPECT_FALSE(terminal.is_terminal());
  EXPECT_FALSE(terminal.colour);
  const UniqueFd null(open("/dev/null", O_WRONLY));
  EXPECT_FALSE(FindTerminal(null.get()).is_terminal());
}

// no-color.org: present and not an empty string, whatever its value.
TEST(TerminalTest, NoColor) {
  TerminalFacts facts = Facts();
  facts.no_color = "";
  EXPECT_TRUE(TerminalOf(facts).colour);
  facts.no_color = "0";
  EXPECT_FALSE(TerminalOf(facts).colour);
}

TEST(TerminalTest, DumbTerminalsHaveNoColour) {
  TerminalFacts facts = Facts();
  facts.term = "dumb";
  EXPECT_FALSE(TerminalOf(facts).colour);
  facts.term.reset();
  EXPECT_FALSE(TerminalOf(facts).colour);
}

TEST(TerminalTest, ColumnsWin) {
  TerminalFacts facts = Facts();
  facts.columns = "300";
  EXPECT_EQ(TerminalOf(facts).width, 300);
  for (const char* none : {"", "0", "wide", "-5"}) {
    facts.columns = none;
    EXPECT_EQ(TerminalOf(facts).width, 132) << none;
  }
  facts.columns = "3";
  EXPECT_EQ(TerminalOf(facts).width, 20);
  facts.columns = "99999999999";
  EXPECT_EQ(TerminalOf(facts).width, 10000);
  facts.columns.reset();
  facts.window_columns = 0;
  EXPECT_EQ(TerminalOf(facts).width, 80);
}

TEST(TerminalTest, OtherCodesets) {
  TerminalFacts facts = Facts();
  for (const char* codeset : {"ANSI_X3.4-1968", "ISO-8859-1", ""}) {
    facts.codeset = codeset;
    EXPECT_FALSE(TerminalOf(facts).utf8) << codeset;
  }
}

}  // namespace
}  // namespace pagesnap
