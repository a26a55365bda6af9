#include "lib/proc/rooted_open.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>
#include <utility>
#include <vector>

namespace pagesnap {
namespace {

constexpr int kMaxLinks = 40;    // as in the kernel (MAXSYMLINKS)
constexpr int kMaxRetries = 64;  // of a walk that a rename elsewhere disturbed

std::optional<std::string> LinkTarget(int folder, const char* name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlinkat(folder, name, target.data(), target.size());
  if (size < 0) return std::nullopt;
  target.resize(static_cast<size_t>(size));
  return target;
}

// A walk from the root of the tree to a file.
class Walk {
 public:
  Walk(int root, std::string path) : root_(root), rest_(std::move(path)) {}

  UniqueFd Open(int flags) {
    for (;;) {
      const std::string name = TakeName();
      const bool is_last = rest_.empty();
      if (name == "..") {
        if (!folders_.empty()) folders_.pop_back();
      } else if (!name.empty() && name != ".") {
        UniqueFd fd(openat(Here(), name.c_str(),
                           (is_last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC));
        if (fd.valid() && is_last) return fd;
        if (fd.valid()) {
          folders_.push_back(std::move(fd));
        } else if (!Follow(name, is_last && (flags & O_NOFOLLOW) != 0)) {
          return {};
        }
        continue;
      }
      if (is_last) return UniqueFd(openat(Here(), ".", flags | O_CLOEXEC));
    }
  }

 private:
  [[nodiscard]] int Here() const { return folders_.empty() ? root_ : folders_.back().get(); }

  // Takes the next part of the path, and the slashes around it.
  std::string TakeName() {
    const size_t begin = std::min(rest_.find_first_not_of('/'), rest_.size());
    const size_t end = std::min(rest_.find('/', begin), rest_.size());
    std::string name = rest_.substr(begin, end - begin);
    rest_.erase(0, std::min(rest_.find_first_not_of('/', end), rest_.size()));
    return name;
  }

  // `name` could not be opened. Returns true where it is a link, and puts its target in its place;
  // else leaves errno as it is.
  bool Follow(const std::string& name, bool is_refused) {
    const int error_number = errno;
    // A link is ELOOP with O_NOFOLLOW, and ENOTDIR with O_DIRECTORY.
    std::optional<std::string> target;
    if ((error_number == ELOOP || error_number == ENOTDIR) && !is_refused) {
      target = LinkTarget(Here(), name.c_str());
    }
    errno = error_number;
    if (!target) return false;
    if (++link_count_ > kMaxLinks) {
      errno = ELOOP;
      return false;
    }
    if (target->starts_with('/')) folders_.clear();
    rest_ = rest_.empty() ? *target : *target + '/' + rest_;
    return true;
  }

  int root_;
  std::string rest_;
  std::vector<UniqueFd> folders_;  // from the root down to where the walk is
  int link_count_ = 0;
};

}  // namespace

UniqueFd OpenBelowByHand(int root, const std::string& path, int flags) {
  return Walk(root, path).Open(flags);
}

UniqueFd OpenBelow(int root, const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: whether ".." stays below the root could not be told while something was renamed.
  for (int i = 0; i < kMaxRetries; ++i) {
    const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EAGAIN) break;
  }
  // Some sandboxes refuse calls that they do not know with EPERM; where that is the file's answer,
  // it is given once more.
  if (errno == ENOSYS || errno == EPERM) return OpenBelowByHand(root, path, flags);
  return {};
}

}  // namespace pagesnap
