// No link of a tree leads out of it, with openat2(2) and without.
#include "lib/proc/rooted_open.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace pagesnap {
namespace {

namespace fs = std::filesystem;

using OpenFunction = UniqueFd (*)(int, const std::string&, int);

class RootedOpenTest : public testing::TestWithParam<OpenFunction> {
 protected:
  // OUTSIDE/secret and OUTSIDE/root/proc/7/maps.
  void SetUp() override {
    std::string name = testing::TempDir() + "/pagesnap_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    outside_ = name;
    root_ = outside_ + "/root";
    fs::create_directories(root_ + "/proc/7");
    fs::create_directories(root_ + "/etc");
    Write("../secret", "secret");
    Write("proc/7/maps", "maps");
    Write("etc/passwd", "of the tree");
    root_fd_.Reset(open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override { fs::remove_all(outside_); }

  void Write(const std::string& path, const std::string& text) {
    std::ofstream(root_ + "/" + path) << text;
  }
  void Link(const std::string& path, const std::string& target) {
    fs::create_symlink(target, root_ + "/" + path);
  }
  // Returns what the file has, or the name of the error.
  std::string Read(const std::string& path, int flags = O_RDONLY) {
    const UniqueFd fd = GetParam()(root_fd_.get(), path, flags);
    if (!fd.valid()) return strerrorname_np(errno);
    char text[64];
    const ssize_t size = read(fd.get(), text, sizeof text);
    return size < 0 ? strerrorname_np(errno) : std::string(text, static_cast<size_t>(size));
  }

  std::string outside_;
  std::string root_;
  UniqueFd root_fd_;
};

TEST_P(RootedOpenTest, FollowsLinksInside) {
  Link("proc/self", "7");
  Link("proc/7/cwd", "../../etc");
  Link("proc/7/deep", "./cwd/../proc//self/maps");
  EXPECT_EQ(Read("proc/7/maps"), "maps");
  EXPECT_EQ(Read("proc/self/maps"), "maps");
  EXPECT_EQ(Read("proc/self/cwd/passwd"), "of the tree");
  EXPECT_EQ(Read("proc/7/deep"), "maps");
  EXPECT_EQ(Read("proc/./7//maps"), "maps");
}

TEST_P(RootedOpenTest, NoLinkLeadsOut) {
  Link("proc/7/absolute", "/etc/passwd");
  Link("proc/7/up", "../../../../../../etc/passwd");
  Link("proc/7/parent", "../../../secret");
  Link("proc/8", "/proc/1");
  Link("sys", outside_);
  EXPECT_EQ(Read("proc/7/absolute"), "of the tree");
  EXPECT_EQ(Read("proc/7/up"), "of the tree");
  EXPECT_EQ(Read("proc/7/parent"), "ENOENT");
  EXPECT_EQ(Read("../secret"), "ENOENT");
  EXPECT_EQ(Read("proc/8/maps"), "ENOENT");
  EXPECT_EQ(Read("sys/secret"), "ENOENT");
}

TEST_P(RootedOpenTest, TellsWhatIsWrong) {
  Link("a", "b");
  Link("b", "a");
  Link("nowhere", "etc/none");
  Link("etc/to_file", "passwd");
  EXPECT_EQ(Read("a"), "ELOOP");
  EXPECT_EQ(Read("a/b"), "ELOOP");
  EXPECT_EQ(Read("nowhere"), "ENOENT");
  EXPECT_EQ(Read("etc/to_file"), "of the tree");
  EXPECT_EQ(Read("etc/passwd/more"), "ENOTDIR");
  EXPECT_EQ(Read("etc/to_file/more"), "ENOTDIR");
  EXPECT_EQ(Read("etc/passwd", O_RDONLY | O_DIRECTORY), "ENOTDIR");
  EXPECT_EQ(Read("etc", O_RDONLY | O_DIRECTORY), "EISDIR");  // opened, and cannot be read
  EXPECT_EQ(Read("etc/..", O_RDONLY | O_DIRECTORY), "EISDIR");
}

TEST_P(RootedOpenTest, ALinkCanBeOpenedItself) {
  Link("proc/7/exe", "/usr/bin/x");
  Link("proc/self", "7");
  const UniqueFd fd = GetParam()(root_fd_.get(), "proc/self/exe", O_PATH | O_NOFOLLOW);
  char target[64];
  ASSERT_EQ(readlinkat(fd.get(), "", target, sizeof target), 10);
  EXPECT_EQ(std::string(target, 10), "/usr/bin/x");
}

// The kernel's own links to open files are no text: they lead anywhere.
TEST_P(RootedOpenTest, MagicLinksAreNotFollowed) {
  const UniqueFd machine(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd secret(open((outside_ + "/secret").c_str(), O_RDONLY | O_CLOEXEC));
  fs::remove(outside_ + "/secret");
  const std::string link = "proc/self/fd/" + std::to_string(secret.get());
  EXPECT_FALSE(GetParam()(machine.get(), link, O_RDONLY).valid());
  EXPECT_TRUE(GetParam()(machine.get(), link, O_PATH | O_NOFOLLOW).valid());
  EXPECT_TRUE(GetParam()(machine.get(), "proc/self/maps", O_RDONLY).valid());
}

// Refuses openat2(2) to this process, as old kernels and some sandboxes do.
void RefuseOpenat2(unsigned error_number) {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {std::size(steps), steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(2);
  }
}

TEST(RootedOpenFallbackTest, GoesByHandWhereTheCallIsRefused) {
  for (const unsigned error_number : {ENOSYS, EPERM}) {
    const pid_t pid = fork();
    if (pid == 0) {
      RefuseOpenat2(error_number);
      const int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      const bool opens = OpenBelow(root, "proc/self/maps", O_RDONLY).valid();
      const bool fails = !OpenBelow(root, "proc/none", O_RDONLY).valid() && errno == ENOENT;
      _exit(opens && fails ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(status, 0) << error_number;
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, RootedOpenTest, testing::Values(OpenBelow, OpenBelowByHand),
                         [](const auto& way) {
                           return way.param == OpenBelow ? "ByKernel" : "ByHand";
                         });

}  // namespace
}  // namespace pagesnap
