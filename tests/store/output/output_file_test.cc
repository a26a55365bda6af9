// The name of a file that is written: it holds the old file or the new one, whatever calls the file
// system lacks and whoever else changes the folder; and no other name stays.
#include "lib/store/output/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/store/output/output_file_testing.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_file_calls.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// A kind of file system: which calls it has.
struct Kind {
  const char* name;
  bool unnamed, link_unnamed, noreplace, exchange, link;
};

constexpr Kind kKinds[] = {
    {"all", true, true, true, true, true},         {"no_proc", true, false, true, true, true},
    {"no_tmpfile", false, true, true, true, true}, {"bindfs", false, true, false, false, true},
    {"vfat", false, true, true, false, false},     {"no_exchange", true, true, true, false, true},
};

class OutputFileTest : public testing::TestWithParam<Kind> {
 protected:
  OutputFileTest() {
    calls_.has_unnamed = GetParam().unnamed;
    calls_.has_link_unnamed = GetParam().link_unnamed;
    calls_.has_noreplace = GetParam().noreplace;
    calls_.has_exchange = GetParam().exchange;
    calls_.has_link = GetParam().link;
  }
  void TearDown() override { EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child was left"; }
  OutputFile Make(const OutputOptions& options) { return {path_, options, calls_}; }
  // The one name in the folder beside out.
  std::string OtherName() const {
    for (const std::string& name : folder_.Names()) {
      if (name != "out") return name;
    }
    return "";
  }

  TestFolder folder_;
  std::string path_ = folder_.File("out");
  FaultyFileCalls calls_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, OutputFileTest, testing::ValuesIn(kKinds),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(OutputFileTest, GivesAFreeName) {
  OutputFile file = Make({});
  Write(file, "new");
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(file.Publish(/*more=*/false), 3u);
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms{0600});
}

TEST_P(OutputFileTest, ReplacesAFile) {
  std::ofstream(path_) << "old";
  {
    OutputFile file = Make({.overwrite = true});
    Write(file, "new");
    EXPECT_EQ(TextOf(path_), "old");
    EXPECT_EQ(file.Publish(/*more=*/false), 3u);
  }
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
}

TEST_P(OutputFileTest, ReplacesASymbolicLinkAndNotWhatItLeadsTo) {
  const std::string other = folder_.File("other");
  std::ofstream(other) << "another's";
  std::filesystem::create_symlink(other, path_);
  {
    OutputFile file = Make({.overwrite = true});
    Write(file, "new");
    file.Publish(/*more=*/false);
  }
  EXPECT_EQ(TextOf(other), "another's");
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
  EXPECT_EQ(TextOf(path_), "new");
}

TEST_P(OutputFileTest, ReplacesItsOwnFile) {
  {
    OutputFile file = Make({.series = true});
    Write(file, "one");
    EXPECT_EQ(file.Publish(/*more=*/true), 3u);
    Write(file, ", two");
    EXPECT_EQ(TextOf(path_), "one");
    EXPECT_EQ(file.Publish(/*more=*/true), 8u);
    EXPECT_EQ(TextOf(path_), "one, two");
    Write(file, ", three");
    EXPECT_EQ(file.Publish(/*more=*/true), 15u);
  }
  EXPECT_EQ(TextOf(path_), "one, two, three");
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
}

TEST_P(OutputFileTest, LeavesAFileThatAppearedMeanwhile) {
  {
    OutputFile file = Make({});
    std::ofstream(path_) << "another's";
    EXPECT_THAT(ErrorOf([&] { file.Publish(/*more=*/false); }), HasSubstr("File exists"));
  }
  EXPECT_EQ(TextOf(path_), "another's");
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
}

TEST_P(OutputFileTest, ReplacesAFileThatAppearedMeanwhileIfItMay) {
  {
    OutputFile file = Make({.overwrite = true});
    std::ofstream(path_) << "another's";
    Write(file, "new");
    file.Publish(/*more=*/false);
  }
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
}

// In the name's place: another file, no file, a symbolic link.
TEST_P(OutputFileTest, ASeriesEndsWhereItsNameIsNotItsOwn) {
  for (const std::string what : {"file", "nothing", "link"}) {
    SCOPED_TRACE(what);
    const std::string target = folder_.File("target");
    std::string message;
    {
      OutputFile file = Make({.series = true});
      Write(file, "one");
      file.Publish(/*more=*/true);
      std::filesystem::remove(path_);
      if (what == "file") std::ofstream(path_) << "another's";
      if (what == "link") {
        std::ofstream(target) << "another's";
        std::filesystem::create_symlink(target, path_);
      }
      Write(file, ", two");
      message = ErrorOf([&] { file.Publish(/*more=*/true); });
    }
    EXPECT_THAT(message, HasSubstr(path_ + " was replaced or removed by another program"));
    if (what == "file") {
      EXPECT_EQ(TextOf(path_), "another's");
    }
    EXPECT_EQ(std::filesystem::exists(path_), what != "nothing");
    if (what == "link") {
      EXPECT_TRUE(std::filesystem::is_symlink(path_));
      EXPECT_EQ(TextOf(target), "another's");
      std::filesystem::remove(target);
    }
    std::filesystem::remove(path_);
    ASSERT_EQ(folder_.Names().size(), 1u);
    const std::string kept = folder_.File(OtherName());
    EXPECT_THAT(message, HasSubstr(kept));
    EXPECT_EQ(TextOf(kept), "one, two");
    std::filesystem::remove(kept);
  }
}

// Another program puts its file under the name before any one of the calls, by a rename or by
// making a new file where there is none, and perhaps once more before the call after it.
TEST_P(OutputFileTest, AForeignFileKeepsItsNameWheneverItComes) {
  for (const bool twice : {false, true}) {
    bool came = true;
    for (int call = 0; came; ++call) {
      SCOPED_TRACE(testing::Message() << "call " << call << (twice ? ", twice" : ""));
      std::string first;   // what was renamed to the name, "": nothing
      std::string second;  // what was made there
      std::string message;
      std::string note;
      {
        OutputFile file = Make({.series = true});
        Write(file, "one");
        file.Publish(/*more=*/true);
        Write(file, ", two");
        int count = 0;
        calls_.before_any = [&] {
          if (count == call) {
            std::ofstream(folder_.File("other")) << "foreign 1";
            std::filesystem::rename(folder_.File("other"), path_);
            first = "foreign 1";
          } else if (twice && count > call && second.empty() && !std::filesystem::exists(path_)) {
            std::ofstream(path_) << "foreign 2";
            second = "foreign 2";
          }
          ++count;
        };
        message = ErrorOf([&] { file.Publish(/*more=*/true); });
        calls_.before_any = nullptr;
        note = file.TakeNote();
      }
      came = !first.empty();
      std::vector<std::string> texts;
      for (const std::string& name : folder_.Names()) {
        EXPECT_NE(name[0], '.') << name;
        texts.push_back(TextOf(folder_.File(name)));
      }
      // After the last call that looks at it, it is like one that comes after the end.
      if (!came || message == "no error") {
        EXPECT_THAT(texts, ElementsAre(came ? "foreign 1" : "one, two"));
      } else if (second.empty()) {
        EXPECT_EQ(TextOf(path_), "foreign 1");
        EXPECT_THAT(message, HasSubstr("by another program"));
        EXPECT_THAT(texts, UnorderedElementsAre("foreign 1", "one, two"));
        EXPECT_EQ(note, "");
      } else {
        EXPECT_EQ(TextOf(path_), "foreign 2");
        EXPECT_THAT(texts, UnorderedElementsAre("foreign 1", "foreign 2", "one, two"));
        EXPECT_THAT(note, HasSubstr("was moved to " + folder_.File("pagesnap-")));
      }
      for (const std::string& name : folder_.Names()) std::filesystem::remove(folder_.File(name));
    }
  }
}

// Killed before any one of the calls, with and without a foreign file that came before: the guard
// leaves no hidden name, the old version or the new one under the name, or the foreign file.
TEST_P(OutputFileTest, KilledBeforeAnyCallItLeavesAWholeFile) {
  for (const bool foreign : {false, true}) {
    bool killed = true;
    for (int call = foreign ? 1 : 0; killed; ++call) {
      SCOPED_TRACE(testing::Message() << "call " << call << (foreign ? ", foreign" : ""));
      const pid_t child = fork();
      if (child == 0) {
        std::optional<OutputFile> file;
        file.emplace(path_, OutputOptions{.series = true}, calls_);
        Write(*file, "one");
        file->Publish(/*more=*/true);
        Write(*file, ", two");
        int count = 0;
        calls_.before_any = [&] {
          if (foreign && count == call - 1) {
            std::ofstream(folder_.File("other")) << "foreign";
            std::filesystem::rename(folder_.File("other"), path_);
          }
          if (count++ == call) raise(SIGKILL);
        };
        ErrorOf([&] { file->Publish(/*more=*/true); });
        calls_.before_any = nullptr;
        file.reset();
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      killed = WIFSIGNALED(status);
      auto has_hidden = [&] {
        return std::ranges::any_of(folder_.Names(), [](auto& name) { return name[0] == '.'; });
      };
      for (int wait = 0; wait < 1000 && has_hidden(); ++wait) usleep(2'000);
      EXPECT_FALSE(has_hidden());
      const std::string text = TextOf(path_);
      if (foreign) {
        EXPECT_EQ(text, "foreign");
      } else {
        EXPECT_TRUE(text == "one" || text == "one, two") << text;
      }
      for (const std::string& name : folder_.Names()) std::filesystem::remove(folder_.File(name));
    }
  }
}

TEST_P(OutputFileTest, KeepsToTheFolderAsItWasOpened) {
  const std::string folder = folder_.File("a");
  std::filesystem::create_directories(folder);
  path_ = folder + "/out";
  {
    OutputFile file = Make({.series = true});
    file.Publish(/*more=*/true);
    EXPECT_EQ(file.TakeNote(), "");
    std::filesystem::rename(folder, folder_.File("moved"));
    std::filesystem::create_directory(folder_.File("trap"));
    std::filesystem::create_symlink(folder_.File("trap"), folder);
    Write(file, "two");
    file.Publish(/*more=*/true);
    EXPECT_THAT(file.TakeNote(), HasSubstr("which is now " + folder_.File("moved")));
    file.Publish(/*more=*/true);
    EXPECT_EQ(file.TakeNote(), "") << "once is enough";
  }
  EXPECT_EQ(TextOf(folder_.File("moved/out")), "two");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.File("trap")));
}

// Nothing is left, and what others put under the hidden name stays.
TEST_P(OutputFileTest, AHiddenNameThatWasTakenIsNotOursToRemove) {
  if (GetParam().unnamed && GetParam().link_unnamed) GTEST_SKIP() << "there is no hidden name";
  std::string hidden;
  {
    OutputFile file = Make({});
    Write(file, "new");
    hidden = folder_.File(OtherName());
    std::filesystem::remove(hidden);
    std::ofstream(hidden) << "another's";
    file.Publish(/*more=*/false);
  }
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_EQ(TextOf(hidden), "another's");
  EXPECT_EQ(folder_.Names().size(), 2u);
}

TEST_P(OutputFileTest, KilledAtAnyMomentItLeavesNothing) {
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::optional<OutputFile> file;
    file.emplace(path_, OutputOptions{.series = true}, calls_);
    file->Publish(/*more=*/true);
    auto stop = [&] {
      static_cast<void>(!write(ready[1], "!", 1));
      while (true) pause();
    };
    // Killed when the next version has its hidden name.
    if (GetParam().exchange) {
      calls_.before_exchange = stop;
    } else {
      calls_.before_rename = stop;
    }
    file->Publish(/*more=*/true);
    _exit(1);
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const size_t hidden_count = GetParam().unnamed && GetParam().link_unnamed ? 1 : 2;
  EXPECT_EQ(folder_.Names().size(), 1 + hidden_count);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (int wait = 0; wait < 1000 && folder_.Names().size() > 1; ++wait) usleep(10'000);
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace pagesnap
