#include "lib/proc/parse_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Call>
std::string MessageOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ParseProcessStat, ReadsALiveProcess) {
  const ProcessStat stat = ParseProcessStat(
      "1207 (postgres) S 1 1207 1207 0 -1 4194560 5274 130 7 0 11 13 0 0 20 0 3 0 5521 226746368 "
      "7042 18446744073709551615 94136412966912 94136418911741 140723719562096 0 0 0 0 19935232 "
      "84487 0 0 0 17 1 0 0 0 0 0 94136421201136 94136421369736 94136443834368 140723719569201 "
      "140723719569265 140723719569265 140723719573479 0\n");
  EXPECT_EQ(stat.pid, 1207);
  EXPECT_EQ(stat.name, "postgres");
  EXPECT_EQ(stat.state, 'S');
  EXPECT_EQ(stat.ppid, 1);
  EXPECT_FALSE(stat.kernel_thread);
  EXPECT_EQ(stat.thread_count, 3);
  EXPECT_EQ(stat.start_time_ticks, 5521u);
  EXPECT_THAT(stat.image, testing::ElementsAre(94136412966912u, 94136418911741u, 140723719562096u));
}

TEST(ParseProcessStat, ReadsAKernelThread) {
  const ProcessStat stat = ParseProcessStat(
      "38 (kworker/0:1H-kblockd) I 2 0 0 0 -1 69238880 0 0 0 0 0 5 0 0 0 -20 1 0 41 0 0 "
      "18446744073709551615 0 0\n");
  EXPECT_EQ(stat.name, "kworker/0:1H-kblockd");
  EXPECT_EQ(stat.state, 'I');
  EXPECT_EQ(stat.ppid, 2);
  EXPECT_TRUE(stat.kernel_thread);
  EXPECT_EQ(stat.start_time_ticks, 41u);
}

TEST(ParseProcessStat, SaysWhatHasEnded) {
  const auto stat = [](char state, bool exiting) {
    ProcessStat made;
    made.state = state;
    made.exiting = exiting;
    return made;
  };
  for (const char state : {'Z', 'X'}) EXPECT_TRUE(stat(state, false).HasEnded()) << state;
  for (const char state : {'R', 'S', 'D', 'T', 't'}) {
    EXPECT_FALSE(stat(state, false).HasEnded()) << state;
    EXPECT_TRUE(stat(state, true).HasEnded()) << state;
  }
}

TEST(ParseProcessStat, EndsTheNameAtTheLastParenthesis) {
  constexpr std::string_view kRest = " Z 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0";
  for (const std::string name : {"(a) b)", "a) R 1 (", ")", "", "(", " ", "a b"}) {
    const ProcessStat stat = ParseProcessStat("5 (" + name + ")" + std::string(kRest));
    EXPECT_EQ(stat.name, name);
    EXPECT_EQ(stat.state, 'Z');
    EXPECT_EQ(stat.ppid, 7);
    EXPECT_EQ(stat.thread_count, 1);
    EXPECT_EQ(stat.start_time_ticks, 99u);
  }
}

TEST(ParseProcessStat, SaysWhatIsWrong) {
  const auto message = [](std::string_view text) {
    return MessageOf([&] { ParseProcessStat(text); });
  };
  EXPECT_THAT(message(""), HasSubstr("no name in parentheses: \"\""));
  EXPECT_THAT(message("5 )a("), HasSubstr("no name in parentheses: \"5 )a(\""));
  EXPECT_THAT(message("5x (a) S 1"), AllOf(HasSubstr("no pid"), HasSubstr("\"5x (a) S 1\"")));
  EXPECT_THAT(message("2147483648 (a) S 1"), HasSubstr("no pid"));
  EXPECT_THAT(message("5 (a)"), HasSubstr("no state"));
  EXPECT_THAT(message("5 (a) SS 1"), HasSubstr("no state"));
  EXPECT_THAT(message("5 (a) S -1"), HasSubstr("no parent pid"));
  EXPECT_THAT(message("5 (a) S 1 1 1 0 -1 x"), HasSubstr("no flags"));
  EXPECT_THAT(message("5 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 x"), HasSubstr("no thread count"));
  EXPECT_THAT(message("5 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0"), HasSubstr("no start time"));
}

TEST(ParseProcessStatus, TakesTheRealUser) {
  EXPECT_EQ(
      ParseProcessStatus("Name:\tsh\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t7\t7\t7\t7\n").uid,
      1000u);
  EXPECT_EQ(ParseProcessStatus("Uid:\t4294967295\t0\t0\t0").uid, 4294967295u);
}

TEST(ParseProcessStatus, IsNotFooledByAName) {
  EXPECT_EQ(ParseProcessStatus("Name:\tUid:\t5\nUid:\t6\t6\t6\t6\n").uid, 6u);
}

TEST(ParseProcessStatus, AddsUpWhatIsHeld) {
  EXPECT_EQ(ParseProcessStatus("Uid:\t6\nVmRSS:\t    1200 kB\nVmSwap:\t      34 kB\n").held_kib,
            1234u);
  EXPECT_EQ(ParseProcessStatus("Uid:\t6\n").held_kib, 0u);
  EXPECT_EQ(ParseProcessStatus("Uid:\t6\nVmPTE:\t      52 kB\n").page_table_kib, 52u);
  EXPECT_EQ(ParseProcessStatus("Uid:\t6\n").page_table_kib, std::nullopt);
}

TEST(StatOfStatus, TakesWhatIsThere) {
  const ProcessStat stat = StatOfStatus(
      "Name:\ta b\nState:\tD (disk sleep)\nTgid:\t7\nPid:\t7\nPPid:\t5\nThreads:\t2\n");
  EXPECT_EQ(stat.pid, 7);
  EXPECT_EQ(stat.ppid, 5);
  EXPECT_EQ(stat.name, "a b");
  EXPECT_EQ(stat.state, 'D');
  EXPECT_EQ(stat.thread_count, 2);
  EXPECT_EQ(stat.start_time_ticks, 0U);
  EXPECT_FALSE(stat.kernel_thread);
  EXPECT_EQ(MessageOf([] { StatOfStatus("Pid:\t7\nPPid:\tx\n"); }),
            "the process's status has no number of PPid");
}

TEST(ParseProcessStatus, SaysWhatIsWrong) {
  const auto message = [](std::string_view text) {
    return MessageOf([&] { ParseProcessStatus(text); });
  };
  EXPECT_THAT(message("Name:\tsh\n"), HasSubstr("Uid:"));
  EXPECT_THAT(message("Uid:\tx\n"), HasSubstr("\"Uid:\\x09x\""));
  EXPECT_THAT(message("Uid:\t4294967296\n"), HasSubstr("4294967296"));
}

std::string_view WithNuls(const char* bytes, size_t size) { return {bytes, size}; }

TEST(ParseCmdline, JoinsTheArguments) {
  EXPECT_EQ(ParseCmdline(WithNuls("sh\0-c\0echo a\0", 13)), "sh -c echo a");
  EXPECT_EQ(ParseCmdline("no nul at the end"), "no nul at the end");
  EXPECT_EQ(ParseCmdline(WithNuls("a\0\0b\0", 5)), "a  b");
  EXPECT_EQ(ParseCmdline(""), "");
}

TEST(ParseCmdline, EndsWhereARewrittenTitleEnds) {
  EXPECT_EQ(ParseCmdline(WithNuls("nginx: worker\0\0\0\0", 17)), "nginx: worker");
  EXPECT_EQ(ParseCmdline("postgres: writer      "), "postgres: writer");
}

TEST(CutText, CutsBetweenCharacters) {
  EXPECT_EQ(CutText("abc", 3), "abc");
  EXPECT_EQ(CutText("abcd", 3), "abc");
  EXPECT_EQ(CutText("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(CutText("\xf0\x9f\x98\x80x", 3), "");
  EXPECT_EQ(CutText("\xf0\x9f\x98\x80x", 4), "\xf0\x9f\x98\x80");
  EXPECT_EQ(CutText("abc", 0), "");
  // No UTF-8: anywhere.
  EXPECT_EQ(CutText(std::string(9, '\x80'), 8), std::string(8, '\x80'));
}

TEST(ParseCmdline, StaysOneLine) {
  EXPECT_EQ(ParseCmdline(WithNuls("sh\0-c\0a\nb\tc\x1b"
                                  "d\x7f"
                                  "e\0",
                                  16)),
            "sh -c a b c d e");
  EXPECT_EQ(ParseCmdline("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(ParseMemoryCgroup, PrefersTheV1MemoryHierarchy) {
  EXPECT_EQ(ParseMemoryCgroup("12:cpu,cpuacct:/cpu\n"
                              "11:name=memory:/named\n"
                              "10:hugetlb,memory:/docker/a:b\n"
                              "1:name=systemd:/init\n"
                              "0::/unified\n"),
            "/docker/a:b");
  EXPECT_EQ(ParseMemoryCgroup("0::/unified\n4:memory:/v1\n"), "/v1");
}

TEST(ParseMemoryCgroup, FallsBackToV2) {
  EXPECT_EQ(ParseMemoryCgroup("0::/user.slice/user-1000.slice/a b.scope\n"),
            "/user.slice/user-1000.slice/a b.scope");
  EXPECT_EQ(ParseMemoryCgroup("3:cpu:/c\n0::/gone (deleted)\n1:name=systemd:/s\n"),
            "/gone (deleted)");
  EXPECT_EQ(ParseMemoryCgroup("5:memoryx:/no\n0::/yes"), "/yes");
}

TEST(ParseMemoryCgroup, IsEmptyWithoutOne) {
  EXPECT_EQ(ParseMemoryCgroup(""), "");
  EXPECT_EQ(ParseMemoryCgroup("2:cpu:/c\n"), "");
  EXPECT_EQ(ParseMemoryCgroup("memory\n0:/x\n10::/y\n"), "");
}

}  // namespace
}  // namespace pagesnap
