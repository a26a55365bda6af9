#include "lib/proc/parse_maps.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A mapping with everything it refers to copied, so that it outlives the parser.
struct Copy {
  MapsEntry entry;
  std::vector<std::string> fields;  // "Rss=8"
};

std::vector<Copy> Parse(const std::vector<std::string_view>& blocks) {
  std::vector<Copy> copies;
  MapsParser parser([&](const MapsEntry& entry) {
    Copy copy{entry, {}};
    for (const SmapsField& field : entry.fields) {
      copy.fields.push_back(fmt::format("{}={}", field.name, field.value));
    }
    copy.entry.fields.clear();
    copies.push_back(copy);
  });
  for (const std::string_view block : blocks) parser.Feed(block);
  parser.Finish();
  return copies;
}

// All of a mapping as one line, for comparisons.
std::string Describe(const Copy& copy) {
  const MapsEntry& e = copy.entry;
  return fmt::format("{:x}-{:x} {} {:x} {}:{} {} [{}] {} ({}) {}", e.start, e.end, e.perms,
                     e.offset, e.device_major, e.device_minor, e.inode, e.path, e.has_accounting,
                     e.vm_flags, fmt::join(copy.fields, " "));
}

std::vector<std::string> Describe(const std::vector<Copy>& copies) {
  std::vector<std::string> lines;
  for (const Copy& copy : copies) lines.push_back(Describe(copy));
  return lines;
}

std::string MessageOf(std::string_view text) {
  try {
    Parse({text});
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

constexpr std::string_view kMaps =
    "55d0c0a00000-55d0c0a02000 r--p 00000000 fe:01 1835021                    /usr/bin/my tool\n"
    "55d0c0c5e000-55d0c0c7f000 rw-p 00000000 00:00 0                          [heap]\n"
    "7f10a0000000-7f10a0021000 rw-s 0001f000 00:19 4026532              /memfd:a b (deleted)\n"
    "7f10a4000000-7f10a4001000 ---p 00000000 00:00 0 \n"
    "7f10a4001000-7f10a4002000 rwxp 00000000 103:0a 77                        /tmp/two\\012lines\n"
    "7f10a4002000-7f10a4003000 r-xp 7fffffff000 08:100001 18446744073709551615 /x \n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

TEST(ParseMaps, ReadsEveryKindOfLine) {
  EXPECT_THAT(
      Describe(Parse({kMaps})),
      ElementsAre("55d0c0a00000-55d0c0a02000 r--p 0 254:1 1835021 [/usr/bin/my tool] false () ",
                  "55d0c0c5e000-55d0c0c7f000 rw-p 0 0:0 0 [[heap]] false () ",
                  "7f10a0000000-7f10a0021000 rw-s 1f000 0:25 4026532 [/memfd:a b (deleted)] "
                  "false () ",
                  "7f10a4000000-7f10a4001000 ---p 0 0:0 0 [] false () ",
                  "7f10a4001000-7f10a4002000 rwxp 0 259:10 77 [/tmp/two\\012lines] false () ",
                  "7f10a4002000-7f10a4003000 r-xp 7fffffff000 8:1048577 18446744073709551615 [/x ] "
                  "false () ",
                  "ffffffffff600000-ffffffffff601000 --xp 0 0:0 0 [[vsyscall]] false () "));
}

TEST(ParseMaps, ReadsALineWithoutInodePadding) {
  EXPECT_THAT(Describe(Parse({"1000-2000 r--p 00000000 00:00 0\n"})),
              ElementsAre("1000-2000 r--p 0 0:0 0 [] false () "));
}

// Linux 6.18: every field it writes, the plain numbers among them.
constexpr std::string_view kNewSmaps =
    "7f1e5c000000-7f1e5c200000 rw-p 00000000 00:00 0                          [anon:arena 1]\n"
    "Size:               2048 kB\n"
    "KernelPageSize:        4 kB\n"
    "MMUPageSize:           4 kB\n"
    "Rss:                1024 kB\n"
    "Pss:                1023 kB\n"
    "Pss_Dirty:          1022 kB\n"
    "Shared_Clean:          1 kB\n"
    "Shared_Dirty:          2 kB\n"
    "Private_Clean:         3 kB\n"
    "Private_Dirty:      1018 kB\n"
    "Referenced:         1021 kB\n"
    "Anonymous:          1020 kB\n"
    "KSM:                   4 kB\n"
    "LazyFree:              5 kB\n"
    "AnonHugePages:         6 kB\n"
    "ShmemPmdMapped:        7 kB\n"
    "FilePmdMapped:         8 kB\n"
    "Shared_Hugetlb:        9 kB\n"
    "Private_Hugetlb:      10 kB\n"
    "Swap:                 11 kB\n"
    "SwapPss:              12 kB\n"
    "Locked:               13 kB\n"
    "THPeligible:           1\n"
    "ProtectionKey:         0\n"
    "VmFlags: rd wr mr mw me ac sd \n"
    "7ffe0a9e2000-7ffe0aa03000 rw-p 00000000 00:00 0                          [stack]\n"
    "Size:                132 kB\n"
    "Rss:                  12 kB\n"
    "VmFlags: rd wr mr mw me gd ac \n";

TEST(ParseSmaps, ReadsTheFieldsOfANewKernel) {
  EXPECT_THAT(
      Describe(Parse({kNewSmaps})),
      ElementsAre(
          "7f1e5c000000-7f1e5c200000 rw-p 0 0:0 0 [[anon:arena 1]] true (rd wr mr mw me ac sd) "
          "Size=2048 KernelPageSize=4 MMUPageSize=4 Rss=1024 Pss=1023 Pss_Dirty=1022 "
          "Shared_Clean=1 Shared_Dirty=2 Private_Clean=3 Private_Dirty=1018 Referenced=1021 "
          "Anonymous=1020 KSM=4 LazyFree=5 AnonHugePages=6 ShmemPmdMapped=7 FilePmdMapped=8 "
          "Shared_Hugetlb=9 Private_Hugetlb=10 Swap=11 SwapPss=12 Locked=13 THPeligible=1 "
          "ProtectionKey=0",
          "7ffe0a9e2000-7ffe0aa03000 rw-p 0 0:0 0 [[stack]] true (rd wr mr mw me gd ac) "
          "Size=132 Rss=12"));
}

TEST(ParseSmaps, ReadsAnOldKernelWithoutVmFlags) {
  constexpr std::string_view kOldSmaps =
      "00400000-0040b000 r-xp 00000000 08:02 1048602                            /bin/cat\n"
      "Size:                 44 kB\n"
      "Rss:                  40 kB\n"
      "Pss:                  20 kB\n"
      "Swap:                  0 kB\n"
      "KernelPageSize:        4 kB\n"
      "Locked:                0 kB\n"
      "7fff5f1fe000-7fff5f21f000 rw-p 00000000 00:00 0                          [stack]\n"
      "Size:                136 kB\n"
      "Rss:                  16 kB\n";
  EXPECT_THAT(Describe(Parse({kOldSmaps})),
              ElementsAre("400000-40b000 r-xp 0 8:2 1048602 [/bin/cat] true () Size=44 Rss=40 "
                          "Pss=20 Swap=0 KernelPageSize=4 Locked=0",
                          "7fff5f1fe000-7fff5f21f000 rw-p 0 0:0 0 [[stack]] true () "
                          "Size=136 Rss=16"));
}

TEST(ParseSmaps, DoesNotCarryAnythingOverToTheNextMapping) {
  EXPECT_THAT(Describe(Parse({"1000-2000 r--p 00000010 01:02 3          /a\n"
                              "Rss: 4 kB\n"
                              "VmFlags: rd\n"
                              "2000-3000 rw-p 00000000 00:00 0 \n"})),
              ElementsAre("1000-2000 r--p 10 1:2 3 [/a] true (rd) Rss=4",
                          "2000-3000 rw-p 0 0:0 0 [] false () "));
}

TEST(ParseSmaps, FindsFieldNamesInAnyOrder) {
  EXPECT_THAT(Describe(Parse({"1000-2000 r--p 00000000 00:00 0\nRss: 1 kB\nPss: 2 kB\n"
                              "2000-3000 r--p 00000000 00:00 0\nPss: 3 kB\nSwap: 4 kB\nRss: 5 kB\n"
                              "3000-4000 r--p 00000000 00:00 0\nSwap: 6 kB\nRss: 7 kB\n"})),
              ElementsAre("1000-2000 r--p 0 0:0 0 [] true () Rss=1 Pss=2",
                          "2000-3000 r--p 0 0:0 0 [] true () Pss=3 Swap=4 Rss=5",
                          "3000-4000 r--p 0 0:0 0 [] true () Swap=6 Rss=7"));
}

// Views into names_ must survive the arrival of more names.
TEST(ParseSmaps, KeepsFieldNamesWhereTheyAre) {
  std::string text = "1000-2000 r--p 00000000 00:00 0\n";
  std::string expected = "1000-2000 r--p 0 0:0 0 [] true ()";
  for (int i = 0; i < 1000; ++i) {
    text += fmt::format("F{}: {} kB\n", i, i);
    expected += fmt::format(" F{}={}", i, i);
  }
  EXPECT_THAT(Describe(Parse({text})), ElementsAre(expected));
}

TEST(ParseSmaps, LeavesOutWhatItCannotCount) {
  EXPECT_THAT(Describe(Parse({"1000-2000 r--p 00000000 00:00 0\n"
                              "Name:           [heap]\n"
                              "Rss:                   8 kB\n"
                              "Temperature:           3 degrees\n"
                              "Empty:\n"})),
              ElementsAre("1000-2000 r--p 0 0:0 0 [] true () Rss=8"));
}

TEST(ParseSmaps, GivesTheSameHoweverTheTextIsCut) {
  size_t count = 0;
  for (const std::string_view text : {kMaps, kNewSmaps}) {
    const std::vector<std::string> whole = Describe(Parse({text}));
    count += whole.size();
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      ASSERT_EQ(Describe(Parse({text.substr(0, cut), text.substr(cut)})), whole) << cut;
    }
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
    EXPECT_EQ(Describe(Parse(bytes)), whole);
  }
  EXPECT_EQ(count, 9u);
}

TEST(ParseMaps, TakesALastLineWithoutNewline) {
  EXPECT_THAT(Describe(Parse({"1000-2000 r--p 00000000 00:00 0          /a"})),
              ElementsAre("1000-2000 r--p 0 0:0 0 [/a] false () "));
  EXPECT_THAT(Describe(Parse({"1000-2000 r--p 00000000 00:00 0\nRss: 8 kB"})),
              ElementsAre("1000-2000 r--p 0 0:0 0 [] true () Rss=8"));
}

TEST(ParseMaps, ReadsNothingFromNothing) {
  EXPECT_TRUE(Parse({}).empty());
  EXPECT_TRUE(Parse({""}).empty());
}

class MalformedLine : public ::testing::TestWithParam<std::string> {};

TEST_P(MalformedLine, IsQuoted) {
  constexpr std::string_view kGood = "1000-2000 r--p 00000000 00:00 0 \n";
  for (const std::string_view end : {"", "\n"}) {
    EXPECT_THAT(MessageOf(std::string(kGood) + GetParam() + std::string(end)),
                HasSubstr("\"" + GetParam() + "\""));
  }
}

INSTANTIATE_TEST_SUITE_P(
    ParseMaps, MalformedLine,
    ::testing::Values("3000", "3000-", "3000-4000", "3000-4000 r--",
                      "3000-2fff r--p 00000000 00:00 0", "3000 4000 r--p 00000000 00:00 0",
                      "3000-4000r--p 00000000 00:00 0", "3000-4000 rqxp 00000000 00:00 0",
                      "3000-4000 r--p  00:00 0", "3000-4000 r--p 00000000 0000 0",
                      "3000-4000 r--p 00000000 00:00", "3000-4000 r--p 00000000 00:00 x",
                      "3000-4000 r--p 00000000 00:00 0/a", "3000-4000 r--p 00000000 100000000:00 0",
                      "10000000000000000-20000000000000000 r--p 0 00:00 0",
                      // Larger than an address space; not behind the mapping before.
                      "3000-ffffffffffffffff r--p 0 00:00 0",
                      "3000-0100000000004000 r--p 0 00:00 0", "0-1000 r--p 0 00:00 0",
                      "0-1fff r--p 0 00:00 0", "Rss 8 kB", "Rss: 8kB",
                      "Rss: 18446744073709551616 kB", "!", " Rss: 8 kB"));

// A mapping that grew between two reads of the kernel's text comes once more, as a whole.
TEST(ParseMaps, TellsNoAddressTwice) {
  constexpr std::string_view kGrown =
      "1000-2000 rw-p 00000000 00:00 0\nRss: 4 kB\n"
      "1000-4000 rw-p 00000000 00:00 0\nRss: 8 kB\n"
      "4000-6000 rw-p 00007000 08:01 5 /a\nRss: 8 kB\n"
      "3000-9000 rw-p 00006000 08:01 5 /a\nRss: 8 kB\n"
      "9000-a000 rw-p 00000000 00:00 0\nRss: 8 kB\n";
  const std::vector<Copy> copies = Parse({kGrown});
  EXPECT_THAT(Describe(copies), ElementsAre("1000-2000 rw-p 0 0:0 0 [] true () Rss=4",
                                            "2000-4000 rw-p 0 0:0 0 [] true () Rss=8",
                                            "4000-6000 rw-p 7000 8:1 5 [/a] true () Rss=8",
                                            "6000-9000 rw-p 9000 8:1 5 [/a] true () Rss=8",
                                            "9000-a000 rw-p 0 0:0 0 [] true () Rss=8"));
  std::vector<bool> rests;
  for (const Copy& copy : copies) rests.push_back(copy.entry.is_rest);
  EXPECT_THAT(rests, ElementsAre(false, true, false, true, false));
  EXPECT_EQ(Parse({"0-0100000000000000 r--p 0 00:00 0\n"}).size(), 1u);
}

TEST(ParseMaps, RejectsAnEmptyLine) {
  EXPECT_THAT(MessageOf("1000-2000 r--p 00000000 00:00 0 \n\n"), HasSubstr("\"\""));
}

TEST(ParseMaps, RejectsAFieldBeforeTheFirstMapping) {
  EXPECT_THAT(MessageOf("Rss: 8 kB\n"), HasSubstr("\"Rss: 8 kB\""));
}

TEST(ParseMaps, QuotesHostileLinesHarmlessly) {
  const std::string message = MessageOf("\x1b[2J\x7f\xff" + std::string(1000, 'z') + "\n");
  EXPECT_THAT(message, HasSubstr("\"\\x1b[2J\\x7f\\xffzzz"));
  EXPECT_THAT(message, HasSubstr("zzz...\""));
  EXPECT_LT(message.size(), 300u);
}

TEST(ParseMaps, DoesNotHoldALineWithoutEnd) {
  MapsParser parser([](const MapsEntry&) {});
  const std::string block(size_t{64} << 10, 'a');
  EXPECT_THROW(
      {
        for (int i = 0; i < 64; ++i) parser.Feed(block);
      },
      Error);
}

// Neighbours with the same fields are not taken apart again, wherever the text is cut.
TEST(ParseMaps, TakesRepeatedFieldsAsTheyAre) {
  const std::string flags = "VmFlags: rd wr\n";
  const std::vector<std::string> bodies = {
      "Size: 4 kB\nRss: 4 kB\n" + flags,
      "Size: 4 kB\nRss: 4 kB\nVmFlags: rd\n",
      "Size: 4 kB\nRss: 4 kB\nSwap: 8 kB\n" + flags,  // goes on where another one ends
      "Size: 4 kB\nRss: 0 kB\n" + flags,
      "Rss: 0 kB\nSize: 4 kB\n",
      "Size: 4 kB\nRss: 4 kB\n",
      "Size: 4 kB\n" + flags + "Rss: 4 kB\n",
      "",
  };
  std::minstd_rand random(3);
  std::string text;
  std::vector<std::string> alone;
  size_t body = 0;
  size_t other = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string header = fmt::format("{:x}000-{:x}000 rw-p 00000000 00:00 0\n", i, i + 1);
    // Each several times in a row, alone or in turns with another.
    if (random() % 3 == 0) other = random() % bodies.size();
    if (random() % 4 != 0) std::swap(body, other);
    text += header + bodies[body];
    alone.push_back(Describe(Parse({header + bodies[body]})[0]));
  }
  for (const size_t longest : {size_t{40}, size_t{4096}, text.size()}) {
    std::vector<std::string_view> blocks;
    for (std::string_view rest = text; !rest.empty();) {
      const size_t size = longest == text.size() ? rest.size() : random() % longest + 1;
      blocks.push_back(rest.substr(0, size));
      rest.remove_prefix(blocks.back().size());
    }
    const std::vector<Copy> copies = Parse(blocks);
    EXPECT_EQ(Describe(copies), alone);
    std::array<size_t, 3> count = {};
    for (size_t i = 0; i < copies.size(); ++i) {
      const auto back = static_cast<size_t>(copies[i].entry.same_fields);
      ++count[back];
      ASSERT_GE(i, back);
      EXPECT_EQ(copies[i].fields, copies[i - back].fields);
    }
    if (longest == text.size()) {
      EXPECT_GT(count[1], 200);
      EXPECT_GT(count[2], 200);
    }
  }
}

}  // namespace
}  // namespace pagesnap
