#include "tests/support/live_machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr size_t kSwapFileSize = size_t{64} << 20;
constexpr const char* kHugePageCountPath = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

// Returns false and leaves errno where the kernel refuses the text.
bool WriteText(const std::string& path, const std::string& text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.valid() &&
         write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

bool HasWord(const std::string& path, const std::string& wanted) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

// The kernel swaps to a file by its blocks on a device: one in memory or on an overlay has none.
bool IsOnDisk(const char* directory) {
  struct statfs info;
  if (statfs(directory, &info) != 0) return false;
  const auto type = static_cast<uint64_t>(info.f_type);
  return type != TMPFS_MAGIC && type != RAMFS_MAGIC && type != OVERLAYFS_SUPER_MAGIC;
}

// The content of page 0 of a swap area: union swap_header in include/linux/swap.h. Written here
// and not by mkswap, which need not be in a test's PATH.
std::string SwapHeader() {
  const auto page_size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::string page(page_size, '\0');
  const uint32_t version = 1;
  const auto last_page = static_cast<uint32_t>(kSwapFileSize / page_size - 1);
  std::memcpy(&page[1024], &version, sizeof(version));
  std::memcpy(&page[1028], &last_page, sizeof(last_page));
  page.replace(page_size - 10, 10, "SWAPSPACE2");
  return page;
}

bool RemoveSwapFile(const std::string& path, const std::string& directory) {
  // EINVAL: it was never active.
  if (swapoff(path.c_str()) != 0 && errno != EINVAL && errno != ENOENT) return false;
  unlink(path.c_str());
  return rmdir(directory.c_str()) == 0;
}

// Processes that are still in the cgroup go to its parent. A dying one holds it for a moment.
bool RemoveCgroup(const std::string& directory, const std::string& parent) {
  for (int attempt = 0; attempt < 200; ++attempt) {
    std::ifstream members(directory + "/cgroup.procs");
    for (std::string pid; members >> pid;) WriteText(parent + "/cgroup.procs", pid);
    if (rmdir(directory.c_str()) == 0 || errno == ENOENT) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

struct CgroupMount {
  std::string directory;
  bool is_v2 = false;
};

// Returns where the memory controller is mounted.
std::optional<CgroupMount> FindMemoryController() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device;
    CgroupMount mount;
    std::string type;
    std::string options;
    fields >> device >> mount.directory >> type >> options;
    mount.is_v2 = type == "cgroup2";
    if (type == "cgroup" && ("," + options + ",").find(",memory,") != std::string::npos) {
      return mount;
    }
    if (mount.is_v2 && HasWord(mount.directory + "/cgroup.controllers", "memory")) return mount;
  }
  return std::nullopt;
}

}  // namespace

Undo::Undo(const std::function<bool()>& action) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) throw Error("pipe2: " + ErrnoText(errno));
  const UniqueFd end_of_test(fds[0]);
  alive_.Reset(fds[1]);
  pid_ = fork();
  if (pid_ < 0) throw Error("fork: " + ErrnoText(errno));
  if (pid_ != 0) return;
  // What ends the test by its group or terminal must not end this too. Copies of the test's
  // descriptors would keep its pipes open.
  setsid();
  dup2(end_of_test.get(), STDIN_FILENO);
  close_range(3, ~0U, 0);
  char ignored;
  while (read(STDIN_FILENO, &ignored, 1) < 0 && errno == EINTR) {
  }
  _exit(action() ? 0 : 1);
}

Undo::~Undo() {
  alive_.Reset();
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) fmt::print(stderr, "a change to this machine could not be undone\n");
}

SwapFile::SwapFile() {
  if (geteuid() != 0) {
    reason_ = "only root can add a swap area";
    return;
  }
  static constexpr const char* kDirectories[] = {"/var/tmp", "/tmp", PAGESNAP_PROGRAM_DIR};
  const auto* const place =
      std::find_if(std::begin(kDirectories), std::end(kDirectories), IsOnDisk);
  if (place == std::end(kDirectories)) {
    reason_ = "no directory on a disk for a swap file";
    return;
  }
  std::string directory = fmt::format("{}/pagesnap-swap-XXXXXX", *place);
  if (mkdtemp(directory.data()) == nullptr) {
    reason_ = directory + ": " + ErrnoText(errno);
    return;
  }
  path_ = directory + "/swap";
  undo_ = std::make_unique<Undo>(
      [path = path_, directory]() { return RemoveSwapFile(path, directory); });
  reason_ = Activate();
}

// Returns why it failed, or nothing. A swap file may have no holes: all of it is written.
std::string SwapFile::Activate() {
  const UniqueFd fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return path_ + ": " + ErrnoText(errno);
  std::string content = SwapHeader();
  content.resize(kSwapFileSize, '\0');
  const char* from = content.data();
  for (size_t left = content.size(); left > 0;) {
    const ssize_t written = write(fd.get(), from, left);
    if (written <= 0) return path_ + ": " + ErrnoText(errno);
    from += written;
    left -= static_cast<size_t>(written);
  }
  if (fsync(fd.get()) != 0) return path_ + ": " + ErrnoText(errno);
  if (swapon(path_.c_str(), 0) != 0) return "swapon " + path_ + ": " + ErrnoText(errno);
  return "";
}

HugetlbPool::HugetlbPool(uint64_t count) {
  const std::string path = kHugePageCountPath;
  const std::optional<uint64_t> old_count = ReadNumber(path);
  if (!old_count) {
    reason_ = "the kernel has no 2 MiB huge pages";
    return;
  }
  undo_ = std::make_unique<Undo>([path, old_text = fmt::format("{}", *old_count)]() {
    std::ifstream now(path);
    std::string text;
    now >> text;
    return text == old_text || WriteText(path, old_text);
  });
  if (!WriteText(path, fmt::format("{}", *old_count + count))) {
    reason_ = path + ": " + ErrnoText(errno);
  } else if (ReadNumber(path).value_or(0) < *old_count + count) {
    reason_ = "the kernel found no memory for huge pages";
  }
}

MemoryCgroup::MemoryCgroup(const MemoryCgroup* parent) {
  const std::optional<CgroupMount> mount = FindMemoryController();
  if (!mount) {
    reason_ = "no mounted cgroup hierarchy has the memory controller";
    return;
  }
  // Several tests may make theirs at the same time, and one test several.
  static int number = 0;
  path_ = fmt::format("{}/pagesnap-test-{}-{}", parent != nullptr ? parent->path() : "", getpid(),
                      number++);
  directory_ = mount->directory + path_;
  const std::string above = parent != nullptr ? parent->directory() : mount->directory;
  const std::string control = above + "/cgroup.subtree_control";
  const bool enable = mount->is_v2 && !HasWord(control, "memory");
  undo_ = std::make_unique<Undo>([directory = directory_, above, control, enable]() {
    const bool removed = RemoveCgroup(directory, above);
    return (!enable || !HasWord(control, "memory") || WriteText(control, "-memory")) && removed;
  });
  struct stat info;
  if (enable && !WriteText(control, "+memory")) {
    reason_ = control + ": " + ErrnoText(errno);
  } else if (mkdir(directory_.c_str(), 0755) != 0 || stat(directory_.c_str(), &info) != 0) {
    reason_ = directory_ + ": " + ErrnoText(errno);
  } else {
    inode_ = info.st_ino;
  }
}

void MemoryCgroup::Add(pid_t pid) const {
  const std::string members = directory_ + "/cgroup.procs";
  if (!WriteText(members, fmt::format("{}", pid))) throw Error(members + ": " + ErrnoText(errno));
}

}  // namespace pagesnap
