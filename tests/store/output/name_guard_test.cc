// A process that removes names when another was killed.
#include "lib/store/output/name_guard.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_file_calls.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class NameGuardTest : public testing::Test {
 protected:
  bool BecomesEmpty() const {
    for (int wait = 0; wait < 1000 && !folder_.Names().empty(); ++wait) usleep(10'000);
    return folder_.Names().empty();
  }
  // Runs `body` in a process group of its own, which then reports what it returns and waits.
  pid_t Start(const std::function<pid_t()>& body, pid_t* reported) {
    int ready[2];
    EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
      setpgid(0, 0);
      const pid_t report = body();
      static_cast<void>(!write(ready[1], &report, sizeof(report)));
      while (true) pause();
    }
    EXPECT_EQ(read(ready[0], reported, sizeof(*reported)), ssize_t{sizeof(*reported)});
    close(ready[0]);
    close(ready[1]);
    return child;
  }
  pid_t StartGuarded(pid_t* guard_pid) {
    return Start(
        [&] {
          static NameGuard guard(calls_, fd_.get());
          HiddenName hidden = MakeHiddenName();
          static UniqueFd file = guard.Create(0, &hidden);
          return guard.child();
        },
        guard_pid);
  }

  TestFolder folder_;
  UniqueFd fd_{open(folder_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  FaultyFileCalls calls_;
};

TEST_F(NameGuardTest, OutlivesItsProcess) {
  pid_t guard = -1;
  const pid_t child = StartGuarded(&guard);
  EXPECT_THAT(folder_.Names(), SizeIs(1));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(BecomesEmpty());
}

// As when the server of a FUSE is stopped: the guard waits, but not for ever.
TEST_F(NameGuardTest, EndsWhenItsFileSystemDoesNotAnswer) {
  const pid_t test = getpid();
  calls_.before_any = [&] {
    if (getpid() == test) return;
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, nullptr, &blocked);
    const unsigned left = alarm(0);
    if (sigismember(&blocked, SIGALRM) == 0 && left >= 1 && left <= 30) raise(SIGALRM);
  };
  NameGuard guard(calls_, fd_.get());
  HiddenName hidden = MakeHiddenName();
  const UniqueFd file = guard.Create(0, &hidden);
  int status = 0;
  pid_t ended = 0;
  for (int wait = 0; wait < 500 && ended == 0; ++wait) {
    ended = waitpid(guard.child(), &status, WNOHANG);
    usleep(10'000);
  }
  EXPECT_EQ(ended, guard.child());
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
  EXPECT_TRUE(file.valid());  // made without it
}

TEST_F(NameGuardTest, SurvivesSignalsToTheGroupAndItself) {
  pid_t guard = -1;
  const pid_t child = StartGuarded(&guard);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE}) {
    kill(guard, number);
  }
  kill(-child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(BecomesEmpty());
}

TEST_F(NameGuardTest, HoldsNoDescriptorsButItsOwn) {
  pid_t guard = -1;
  const pid_t child = StartGuarded(&guard);
  std::set<std::string> links;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(guard) + "/fd")) {
    std::error_code error;
    std::string link = std::filesystem::read_symlink(entry.path(), error);
    links.insert(link.starts_with("socket:")              ? "socket"
                 : link.starts_with(folder_.path() + "/") ? "file"
                                                          : link);
  }
  EXPECT_THAT(links, ElementsAre(folder_.path(), "file", "socket"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(BecomesEmpty());
}

TEST_F(NameGuardTest, IfItIsKilledItsProcessDoesTheWork) {
  NameGuard guard(calls_, fd_.get());
  HiddenName first = MakeHiddenName();
  const UniqueFd file = guard.Create(0, &first);
  kill(guard.child(), SIGKILL);
  HiddenName second = MakeHiddenName();
  const UniqueFd other = guard.Create(1, &second);
  EXPECT_TRUE(other.valid());
  EXPECT_NE(second.file.inode, 0u);
  EXPECT_THAT(folder_.Names(), SizeIs(2));
  guard.Forget(1);
  unlinkat(fd_.get(), second.name.data(), 0);
}

TEST_F(NameGuardTest, LeavesForeignFiles) {
  HiddenName hidden = MakeHiddenName();
  {
    NameGuard guard(calls_, fd_.get());
    const UniqueFd file = guard.Create(0, &hidden);
    std::filesystem::remove(folder_.File(hidden.name.data()));
    std::ofstream(folder_.File(hidden.name.data())) << "another's";
  }
  EXPECT_THAT(folder_.Names(), ElementsAre(hidden.name.data()));
}

TEST_F(NameGuardTest, LeavesForgottenNames) {
  HiddenName hidden = MakeHiddenName();
  {
    NameGuard guard(calls_, fd_.get());
    const UniqueFd file = guard.Create(0, &hidden);
    guard.Forget(0);
  }
  EXPECT_THAT(folder_.Names(), ElementsAre(hidden.name.data()));
}

TEST_F(NameGuardTest, SaysWhyAFileCannotBeMade) {
  NameGuard guard(calls_, fd_.get());
  HiddenName hidden = MakeHiddenName();
  std::ofstream(folder_.File(hidden.name.data())) << "another's";
  EXPECT_FALSE(guard.Create(0, &hidden).valid());
  EXPECT_EQ(errno, EEXIST);
}

// Killed between the exchange and the look at what it brought: a foreign file had the name.
TEST_F(NameGuardTest, GivesAForeignFileItsNameBack) {
  HiddenName hidden = MakeHiddenName();
  const std::string target = folder_.File("target");
  const std::string name = folder_.File(hidden.name.data());
  std::ofstream(target) << "ours";
  std::ofstream(name) << "another's";
  struct stat status;
  ASSERT_EQ(stat(target.c_str(), &status), 0);
  hidden.file = IdentityOf(status);
  std::copy_n("target", 6, hidden.target.begin());
  RemoveHidden(calls_, fd_.get(), hidden);
  EXPECT_THAT(folder_.Names(), ElementsAre("target"));
  EXPECT_EQ(std::filesystem::file_size(target), 9u);
}

TEST_F(NameGuardTest, NamesAreNeverTheSame) {
  EXPECT_NE(RandomName("a"), RandomName("a"));
  EXPECT_EQ(RandomName("a", "b").size(), 18u);
}

}  // namespace
}  // namespace pagesnap
