// Which files of a snapshot are one line of a report, and how those of one path are told apart.
#include "lib/query/sharing/file_groups.h"

#include <gmock/gmock.h>

#include <set>

#include "lib/kernel/page_word.h"
#include "lib/query/session.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

constexpr uint64_t kCached = PageWord::kPresent | PageWord::kFile;

struct FileOfTest {
  std::string path;
  std::string device = "8:1";
  uint64_t inode = 7;
  FileFacts facts = {};
  std::vector<uint64_t> words = {};  // of its first pages
  std::string perms = "r--p";
  uint64_t offset = 0;
};

FileFacts Facts(int64_t size, int64_t mtime_ns, const std::string& build_id = "") {
  return {.size = size, .mtime_ns = mtime_ns, .build_id = build_id, .link_count = 1};
}

class FileGroupsTest : public testing::Test {
 protected:
  // Writes a snapshot of one process for each file.
  void Write(const std::vector<FileOfTest>& files, bool pfn_visible = true) {
    WriteSnapshotFile(path_, [&](SnapshotWriter& writer) {
      SnapshotFacts facts;
      facts.kernel_release = "6.18.0";
      facts.swap_types = SwapTypeConfig{};
      facts.pfn_visible = pfn_visible;
      writer.BeginSnapshot(facts);
      int64_t pid = 100;
      for (const FileOfTest& file : files) {
        const int64_t process = writer.AddProcess({.pid = pid++, .name = "p", .state = "S"});
        const MappingRow row = writer.MakeMapping(process, {.first_page = 16,
                                                            .page_count = 8,
                                                            .perms = file.perms,
                                                            .offset = file.offset,
                                                            .device = file.device,
                                                            .inode = file.inode,
                                                            .path = file.path});
        writer.AddMapping(row);
        if (file.inode != 0) writer.SetFileFacts(row.file_id, file.facts);
        if (!file.words.empty()) writer.AddPages(row.id, 0, file.words);
        writer.SetMappingCount(process, 1);
      }
      AddFrames(files, writer);
      writer.Commit();
    });
  }

  // Adds what is known of the frames, which are all in the first chunk.
  static void AddFrames(const std::vector<FileOfTest>& files, SnapshotWriter& writer) {
    std::set<uint64_t> frames;
    for (const FileOfTest& file : files) {
      for (const uint64_t word : file.words) {
        if (PageWord(word).present()) frames.insert(PageWord(word).pfn());
      }
    }
    FrameColumns columns;
    for (const uint64_t frame : frames) {
      columns.referenced[frame / 64] |= uint64_t{1} << (frame % 64);
      columns.flags.Append(0x82c);  // REFERENCED,UPTODATE,LRU,MMAP
      columns.map_count.Append(2);
      columns.cgroup.Append(0);
    }
    if (!frames.empty()) writer.AddFrames(0, columns);
  }

  // Returns the group of each process's file.
  std::vector<std::string> Groups(const std::vector<FileOfTest>& files, bool pfn_visible = true) {
    Write(files, pfn_visible);
    return Rows("SELECT file_group(1, file_id) FROM mapping ORDER BY id");
  }
  std::vector<std::string> Versions(const std::vector<FileOfTest>& files) {
    Write(files);
    return Rows("SELECT file_version(1, file_id) FROM mapping ORDER BY id");
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(Session({path_}).database(), sql);
  }

  TestFolder folder_;
  std::string path_ = folder_.File("test.pagesnap");
};

TEST_F(FileGroupsTest, AFrameAtOneOffsetIsOneFile) {
  const FileOfTest first{"/lib/c.so", "0:40", 7, {}, {0, 0, kCached | 55}};
  FileOfTest second{"/lib/c.so", "0:41", 8, {}, {kCached | 9, 0, kCached | 55}};
  EXPECT_THAT(Groups({first, second}), ElementsAre("1", "1"));
  second.path = "/containers/2/lib/c.so";  // as the host sees it
  EXPECT_THAT(Groups({first, second}), ElementsAre("1", "1"));
  FileOfTest moved = second;
  moved.offset = 4096;
  EXPECT_THAT(Groups({first, moved}), ElementsAre("1", "2"));
  FileOfTest shifted = second;  // the same page, mapped from the one before it
  shifted.offset = 8192;
  shifted.words = {kCached | 55};
  EXPECT_THAT(Groups({first, shifted}), ElementsAre("1", "1"));
  FileOfTest copied = second;  // a private copy is no page of the file
  copied.words[2] = PageWord::kPresent | 55;
  EXPECT_THAT(Groups({first, copied}), ElementsAre("1", "2"));
}

TEST_F(FileGroupsTest, ManyContainersAreOneGroup) {
  std::vector<FileOfTest> files;
  for (uint64_t i = 0; i < 200; ++i) {
    // Each has a page in common with the next.
    std::vector<uint64_t> words(8, 0);
    words[i % 8] = kCached | (1000 + i);
    words[(i + 1) % 8] = kCached | (1001 + i);
    files.push_back({"/lib/c.so", "0:" + std::to_string(40 + i), 7, Facts(9, 1), words});
  }
  Groups(files);
  EXPECT_THAT(Rows("SELECT COUNT(DISTINCT file_group(1, file_id)) FROM mapping"), ElementsAre("1"));
}

TEST_F(FileGroupsTest, OtherFramesAtOneOffsetAreOtherFiles) {
  const FileOfTest first{"/lib/c.so", "0:40", 7, Facts(9, 1), {kCached | 55}};
  FileOfTest second{"/lib/c.so", "0:41", 7, Facts(9, 1), {kCached | 56}};
  EXPECT_THAT(Groups({first, second}), ElementsAre("1", "2"));
  // Where nothing in memory tells, copies are the same.
  second.words = {0, kCached | 56};
  EXPECT_THAT(Groups({first, second}), ElementsAre("1", "1"));
  second.words = {kCached};
  EXPECT_THAT(Groups({first, second}, /*pfn_visible=*/false), ElementsAre("1", "1"));
  second.facts.mtime_ns = 2;
  EXPECT_THAT(Groups({first, second}, false), ElementsAre("1", "2"));
  second.facts.mtime_ns = 1;
  second.path = "/opt/lib/c.so";
  EXPECT_THAT(Groups({first, second}, false), ElementsAre("1", "2"));
  second.path = first.path;
  second.device = first.device;  // two inodes of one file system are two files
  second.inode = 8;
  EXPECT_THAT(Groups({first, second}, false), ElementsAre("1", "2"));
}

TEST_F(FileGroupsTest, FilesOfOtherSizesAreNotCompared) {
  const FileOfTest first{"/lib/c.so", "0:40", 7, Facts(9, 1), {kCached | 55}};
  const FileOfTest second{"/lib/c.so", "0:41", 7, Facts(8, 1), {kCached | 55}};
  EXPECT_THAT(Groups({first, second}), ElementsAre("1", "2"));
}

// Hard links, and a folder that is mounted at two places.
TEST_F(FileGroupsTest, OneInodeWithEqualContentsIsOneFile) {
  const FileOfTest first{"/bin/a", "8:1", 7, Facts(9, 1)};
  EXPECT_THAT(Groups({first, {"/bin/b", "8:1", 7, Facts(9, 1)}}), ElementsAre("1", "1"));
  EXPECT_THAT(Groups({first, {"/bin/a (deleted)", "8:1", 7, Facts(9, 1)}}), ElementsAre("1", "1"));
  // btrfs has one device for all its subvolumes.
  EXPECT_THAT(Groups({first, {"/bin/b", "8:1", 7, Facts(9, 2)}}), ElementsAre("1", "2"));
  EXPECT_THAT(
      Groups({{"/bin/a", "8:1", 7, Facts(9, 1, "ab")}, {"/bin/b", "8:1", 7, Facts(9, 1, "cd")}}),
      ElementsAre("1", "2"));
}

// As in files before version 4.
TEST_F(FileGroupsTest, WhatIsUnknownIsApartByDeviceInodeAndPath) {
  EXPECT_THAT(Groups({{"/bin/a"}, {"/bin/b"}, {"/bin/a", "8:2"}, {"/bin/a", "8:1", 8}, {"/bin/a"}}),
              ElementsAre("1", "2", "3", "4", "1"));
}

TEST_F(FileGroupsTest, NamesWithoutAnInodeAreApart) {
  EXPECT_THAT(Groups({{"[heap]", "0:0", 0}, {"[stack]", "0:0", 0}, {"[heap]", "0:0", 0}}),
              ElementsAre("1", "2", "1"));
  EXPECT_THAT(Rows("SELECT file_group(1, NULL) IS NULL, file_version(1, NULL) IS NULL"),
              ElementsAre("1|1"));
}

TEST_F(FileGroupsTest, VersionsOfOnePathSayWhatDistinguishesThem) {
  const std::string id = "0123456789abcdef";
  EXPECT_THAT(Versions({{"/a", "8:1", 7, Facts(9, 1, id)}, {"/b", "8:1", 8, Facts(9, 1, "cd")}}),
              ElementsAre("", ""));
  EXPECT_THAT(Versions({{"/a", "8:1", 7, Facts(9, 1, id)}, {"/a", "8:1", 8, Facts(9, 1, "cd")}}),
              ElementsAre("build 0123456789ab", "build cd"));
  EXPECT_THAT(Versions({{"/a", "8:1", 7, Facts(9, 1, id)},
                        {"/a", "8:1", 8, Facts(9, 1'700'000'000'123'000'000)}}),
              ElementsAre("1970-01-01 00:00:00.000", "2023-11-14 22:13:20.123"));
  EXPECT_THAT(Versions({{"/a", "8:1", 7, Facts(9, -1)}, {"/a", "8:1", 8, Facts(9, 1)}}),
              ElementsAre("1969-12-31 23:59:59.999", "1970-01-01 00:00:00.000"));
  EXPECT_THAT(Versions({{"/a", "8:1", 7, Facts(9, 1)}, {"/a", "8:2", 7, {}}}),
              ElementsAre("8:1 inode 7", "8:2 inode 7"));
  EXPECT_THAT(Versions({{"/a", "8:1", 7}, {"/a (deleted)", "8:1", 8}}), ElementsAre("", ""));
}

// All that are one file have the version of that.
TEST_F(FileGroupsTest, AVersionIsOfTheWholeGroup) {
  EXPECT_THAT(Versions({{"/a", "0:40", 7, Facts(9, 1, "ab"), {kCached | 5}},
                        {"/a", "0:41", 7, Facts(9, 1), {kCached | 5}},
                        {"/a", "0:42", 7, Facts(9, 2, "cd"), {kCached | 6}}}),
              ElementsAre("build ab", "build ab", "build cd"));
}

TEST_F(FileGroupsTest, ReportsHaveALineForEachFile) {
  Write({{"/lib/c.so", "0:40", 7, Facts(9, 1), {kCached | 55}},
         {"/lib/c.so", "0:41", 7, Facts(9, 1), {kCached | 55}},
         {"/lib/c.so", "8:1", 9, Facts(9, 5'000'000), {kCached | 60}}});
  const std::string first = "1970-01-01 00:00:00.000";
  EXPECT_THAT(RunReport({"maps", "--by", "path", path_, "--format", "csv"}).out,
              testing::AllOf(testing::HasSubstr("/lib/c.so,2,2,64,"),
                             testing::HasSubstr("/lib/c.so,1,1,32,"), testing::HasSubstr(first),
                             testing::HasSubstr("1970-01-01 00:00:00.005")));
  EXPECT_EQ(RunReport({"shared-files", path_, "--format", "csv"}).out,
            "path,offset,process_count,mapping_count,memory_kib,shared_kib,version\r\n"
            "/lib/c.so,0x0,2,2,4,8," +
                first + "\r\n");
  EXPECT_EQ(RunReport({"shared-maps", path_, "--format", "csv", "--pid", "101"}).out,
            "pid,name,start,path,present_kib,shared_kib,outside_kib,version\r\n"
            "101,p,0x10000,/lib/c.so,4,4,0," +
                first + "\r\n");
}

// A series: a row of each snapshot that saw another file.
TEST_F(FileGroupsTest, OnlyFilesOfTheSnapshotCount) {
  WriteSnapshotFile(path_, [&](SnapshotWriter& writer) {
    for (const int64_t mtime_ns : {1, 2}) {
      writer.BeginSnapshot({});
      const int64_t process = writer.AddProcess({.pid = 7, .name = "p", .state = "S"});
      const MappingRow row = writer.MakeMapping(process, {.first_page = 16,
                                                          .page_count = 8,
                                                          .perms = "r-xp",
                                                          .device = "8:1",
                                                          .inode = 7,
                                                          .path = "/a"});
      writer.AddMapping(row);
      writer.SetFileFacts(row.file_id, Facts(9, mtime_ns));
      writer.SetMappingCount(process, 1);
      writer.Commit();
    }
  });
  EXPECT_THAT(Rows("SELECT DISTINCT file_group(1, file_id), file_version(1, file_id), "
                   "file_group(2, file_id), file_version(2, file_id) FROM mapping ORDER BY 1"),
              ElementsAre("1||1|", "2||2|"));
}

}  // namespace
}  // namespace pagesnap
