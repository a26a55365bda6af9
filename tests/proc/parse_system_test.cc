#include "lib/proc/parse_system.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

template <typename Call>
std::string MessageOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<std::string> Swaps(std::string_view text) {
  std::vector<std::string> lines;
  for (const SwapArea& area : ParseSwaps(text)) {
    lines.push_back(fmt::format("{}|{}|{}|{}|{}", area.path, area.kind, area.size_kib,
                                area.used_kib, area.priority));
  }
  return lines;
}

TEST(ParseSwaps, ReadsFilesAndPartitions) {
  EXPECT_THAT(Swaps("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                    "/dev/sda2                               partition\t8388604\t\t1024\t\t-2\n"
                    "/var/swap\\040file\\040(deleted)           file\t\t524284\t\t0\t\t32767\n"),
              ElementsAre("/dev/sda2|partition|8388604|1024|-2",
                          "/var/swap file (deleted)|file|524284|0|32767"));
}

TEST(ParseSwaps, UnescapesPaths) {
  EXPECT_EQ(ParseSwaps("/a\\040b\\134c\\011\\xd\\04 file 4 0 -2\n").at(0).path,
            "/a b\\c\t\\xd\\04");
}

TEST(ParseSwaps, ReadsAPathThatFillsItsColumn) {
  EXPECT_THAT(Swaps("Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n"
                    "/a/very/long/path/to/the/file/that/holds/the/swap file\t\t1020\t4\t-1\n"),
              ElementsAre("/a/very/long/path/to/the/file/that/holds/the/swap|file|1020|4|-1"));
}

TEST(ParseSwaps, IsEmptyWithoutSwap) {
  EXPECT_THAT(Swaps("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"), IsEmpty());
  EXPECT_THAT(Swaps(""), IsEmpty());
}

TEST(ParseSwaps, QuotesALineItCannotRead) {
  for (const std::string line :
       {"/swap file 1020 4", "/swap file 1020 x -1", "/swap file -5 4 -1", "/swap file 1020 4 -1 9",
        "/swap file 1020 4 -1x", "/swap file 1020 4 2147483648"}) {
    EXPECT_THAT(MessageOf([&] { ParseSwaps("Filename Type Size Used Priority\n" + line + "\n"); }),
                HasSubstr("swaps has a line that cannot be read: \"" + line + "\""));
  }
}

std::vector<std::string> Zones(std::string_view text) {
  std::vector<std::string> lines;
  for (const MemoryZone& zone : ParseZoneinfo(text)) {
    lines.push_back(fmt::format("{} {} start {} spanned {} present {} managed {}", zone.node,
                                zone.name, zone.start_pfn, zone.spanned_pages, zone.present_pages,
                                zone.managed_pages));
  }
  return lines;
}

// Linux 6.x: statistics of the node stand between the first zone's heading and its figures, and a
// zone without memory has no start_pfn.
constexpr std::string_view kNewZoneinfo =
    "Node 0, zone      DMA\n"
    "  per-node stats\n"
    "      nr_inactive_anon 1485\n"
    "      nr_mapped    9\n"
    "  pages free     2816\n"
    "        boost    0\n"
    "        min      12\n"
    "        spanned  4095\n"
    "        present  3998\n"
    "        managed  3840\n"
    "        cma      0\n"
    "        protection: (0, 2981, 3877, 3877, 3877)\n"
    "      nr_free_pages 2816\n"
    "  pagesets\n"
    "    cpu: 0\n"
    "              count:    0\n"
    "              high:     0\n"
    "  vm stats threshold: 4\n"
    "  node_unreclaimable:  0\n"
    "  start_pfn:           1\n"
    "Node 0, zone   Normal\n"
    "  pages free     106421\n"
    "        spanned  5505024\n"
    "        present  5505024\n"
    "        managed  229376\n"
    "  node_unreclaimable:  0\n"
    "  start_pfn:           1048576\n"
    "Node 0, zone  Movable\n"
    "  pages free     0\n"
    "        spanned  0\n"
    "        present  0\n"
    "        managed  0\n"
    "        protection: (0, 0, 0, 0, 0)\n"
    "Node 1, zone   Device\n"
    "  pages free     0\n"
    "        spanned  512\n"
    "        present  0\n"
    "        managed  0\n"
    "Node 1, zone   Normal\n"
    "  pages free     7\n"
    "        spanned  100\n"
    "        present  99\n"
    "        managed  98\n"
    "  start_pfn:           6553600\n";

TEST(ParseZoneinfo, ReadsTwoNodes) {
  EXPECT_THAT(Zones(kNewZoneinfo),
              ElementsAre("0 DMA start 1 spanned 4095 present 3998 managed 3840",
                          "0 Normal start 1048576 spanned 5505024 present 5505024 managed 229376",
                          "1 Normal start 6553600 spanned 100 present 99 managed 98"));
}

TEST(ParseZoneinfo, ReadsAnOldKernel) {
  EXPECT_THAT(Zones("Node 0, zone    DMA32\n"
                    "  pages free     3000\n"
                    "        scanned  0\n"
                    "        spanned  1044480\n"
                    "        present  765952\n"
                    "    nr_free_pages 3000\n"
                    "        protection: (0, 0, 0, 0)\n"
                    "  pagesets\n"
                    "    cpu: 0\n"
                    "              count: 47\n"
                    "  all_unreclaimable: 0\n"
                    "  start_pfn:         4096\n"
                    "  inactive_ratio:    5\n"),
              ElementsAre("0 DMA32 start 4096 spanned 1044480 present 765952 managed 0"));
}

TEST(ParseZoneinfo, LeavesOutAZoneThatSpansNothing) {
  EXPECT_THAT(Zones("Node 0, zone  Movable\n"
                    "        spanned  0\n"
                    "        present  0\n"
                    "  start_pfn:         0\n"),
              IsEmpty());
  EXPECT_THAT(Zones(""), IsEmpty());
}

TEST(ParseZoneinfo, SaysWhatIsWrong) {
  const auto message = [](const std::string& text) {
    return MessageOf([&] { ParseZoneinfo(text); });
  };
  for (const std::string line : {"Node x, zone DMA", "Node 0 zone DMA", "Node 0, zone", "Node 0,",
                                 "Node 2147483648, zone DMA"}) {
    EXPECT_THAT(message(line + "\n"),
                HasSubstr("zoneinfo has a line that cannot be read: \"" + line + "\""));
  }
  for (const std::string line : {"  spanned x", "  present", "  managed -1", "  start_pfn: 1k"}) {
    EXPECT_THAT(message("Node 0, zone DMA\n" + line + "\n"), HasSubstr("\"" + line + "\""));
  }
  EXPECT_THAT(message("Node 3, zone DMA\n  spanned 5\n  present 5\n"),
              HasSubstr("where zone \"DMA\" of node 3 begins"));
}

TEST(ParseMeminfo, PutsTheUnitIntoTheName) {
  EXPECT_THAT(ParseMeminfo("MemTotal:       24684084 kB\n"
                           "Active(anon):       1234 kB\n"
                           "HugePages_Total:       0\n"
                           "no colon here\n"
                           "Hollow:\n"
                           "DirectMap1G:    23068672 kB"),
              ElementsAre(Pair("MemTotal_kib", "24684084"), Pair("Active(anon)_kib", "1234"),
                          Pair("HugePages_Total", "0"), Pair("DirectMap1G_kib", "23068672")));
}

std::string Auxv(const std::vector<uint64_t>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint64_t)};
}

TEST(ParseAuxvPageSize, FindsThePageSize) {
  EXPECT_EQ(ParseAuxvPageSize(Auxv({33, 0x7ffd5a5f2000, 16, 0x178bfbff, 6, 4096, 17, 100, 0, 0})),
            4096u);
  EXPECT_EQ(ParseAuxvPageSize(Auxv({6, 65536, 0, 0})), 65536u);
  EXPECT_EQ(ParseAuxvPageSize(Auxv({6, 1048576})), 1048576u);
}

TEST(ParseAuxvPageSize, DoesNotTakeAValueForAType) {
  EXPECT_EQ(ParseAuxvPageSize(Auxv({11, 6, 6, 16384, 0, 0})), 16384u);
}

TEST(ParseAuxvPageSize, IsNothingForWhatIsNoPageSize) {
  EXPECT_EQ(ParseAuxvPageSize(""), std::nullopt);
  EXPECT_EQ(ParseAuxvPageSize(Auxv({3, 64, 0, 0})), std::nullopt);
  for (const uint64_t size : {uint64_t{0}, uint64_t{2048}, uint64_t{5000}, uint64_t{2097152}}) {
    EXPECT_EQ(ParseAuxvPageSize(Auxv({6, size, 0, 0})), std::nullopt) << size;
  }
  EXPECT_EQ(ParseAuxvPageSize(Auxv({6, 4096}).substr(0, 15)), std::nullopt);
}

bool Has(std::string_view text, const std::string& option) {
  KernelOptions options = {{option, true}};  // what is not there is set to false
  ReadOptions(text, &options);
  return options.at(option);
}

TEST(ReadOptions, TakesBuiltInAndModule) {
  constexpr std::string_view kConfig =
      "# Linux/x86 6.18.0 Kernel Configuration\n"
      "CONFIG_KSM=y\n"
      "CONFIG_ZRAM=m\n"
      "CONFIG_ZRAM_MULTI_COMP=y\n"
      "# CONFIG_MIGRATION is not set\n"
      "CONFIG_HZ=1000\n"
      "CONFIG_NAME=\"yes\"\n"
      "CONFIG_YEAR=year\n"
      "X_CONFIG_IDLE=y\n"
      "CONFIG_LAST=y";
  for (const char* option : {"CONFIG_KSM", "CONFIG_ZRAM", "CONFIG_LAST"}) {
    EXPECT_TRUE(Has(kConfig, option)) << option;
  }
  for (const char* option : {"CONFIG_MIGRATION", "CONFIG_HZ", "CONFIG_NAME", "CONFIG_YEAR",
                             "CONFIG_ZRAM_MULTI", "CONFIG_IDLE", "CONFIG_NOT_THERE"}) {
    EXPECT_FALSE(Has(kConfig, option)) << option;
  }
}

TEST(ParseVmstat, TakesNamesAndNumbers) {
  EXPECT_THAT(ParseVmstat("nr_free_pages 5905\nno_number x\n\nbare\npgfault 18446744073709551615\n"
                          "drift -3\nlast 1"),
              ElementsAre(Pair("nr_free_pages", 5905), Pair("drift", -3), Pair("last", 1)));
}

TEST(ChosenOf, IsTheOneInBrackets) {
  EXPECT_EQ(ChosenOf("always [madvise] never"), "madvise");
  EXPECT_EQ(ChosenOf("[always] madvise never"), "always");
  for (const char* text : {"511", "", "lzo", "a] [b", "]["}) EXPECT_EQ(ChosenOf(text), text);
}

TEST(ParsePasswd, TakesTheFirstNameOfAnId) {
  EXPECT_THAT(ParsePasswd("root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\n\n"
                          "+nis::::::\nno id\n:x:7:7::/:/\nhalf:x:8\nbig:x:4294967296:0::/:/\n"
                          "postgres::999:999:PostgreSQL:/:/bin/sh"),
              ElementsAre(Pair(0, "root"), Pair(999, "postgres")));
}

TEST(ParseCounter, TakesTheWholeText) {
  EXPECT_EQ(ParseCounter("-4096"), -4096);
  for (const char* text : {"", "-", "1 ", "1x", "9223372036854775808"}) {
    EXPECT_EQ(ParseCounter(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pagesnap
