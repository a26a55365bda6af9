#include "lib/base/limits.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr rlim_t kStackBytes = rlim_t{2} << 20;
// Twice what the reports and captures of the tests need on the first thread.
constexpr rlim_t kMinStackBytes = rlim_t{256} << 10;
constexpr rlim_t kDescriptors = 1024;
// Standard streams, output, database, folder, and six files that each reading thread has open.
constexpr rlim_t kMinDescriptors = 32;

const char* program_name = "";

// Raises the soft limit to `wanted`, or as near as permitted. Returns what it is then.
rlim_t Raise(__rlimit_resource resource, rlim_t wanted) {
  rlimit limit = {};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur >= wanted) return wanted;
  const rlimit both = {wanted, std::max(limit.rlim_max, wanted)};  // needs CAP_SYS_RESOURCE
  if (setrlimit(resource, &both) == 0) return wanted;
  const rlimit soft = {std::min(limit.rlim_max, wanted), limit.rlim_max};
  return setrlimit(resource, &soft) == 0 ? soft.rlim_cur : limit.rlim_cur;
}

void Say(const char* text) { static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text))); }

// std::terminate() is called where no exception can be thrown (__cxa_allocate_exception), and then
// there is none. For all other reasons the program aborts as usual.
void EndWithoutMemory() {
  try {
    if (const std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
  } catch (...) {
    std::abort();
  }
  Say(program_name);
  Say(": out of memory: free some, or raise the limit (ulimit -v)\n");
  _exit(kExitFailed);
}

}  // namespace

void PrepareLimits(const char* program) {
  program_name = program;
  std::set_terminate(EndWithoutMemory);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) == 0) {
    pthread_attr_setstacksize(&attributes, kStackBytes);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }
  // The first thread's stack grows as far as the limit is now, not as it was at its start
  // (mm/mmap.c, acct_stack_growth); the kernel left at least 128 MiB for it (mmap_base).
  if (const rlim_t size = Raise(RLIMIT_STACK, kStackBytes); size < kMinStackBytes) {
    throw Error(
        fmt::format("the stack may have {} KiB, and at least {} are needed: raise it, as "
                    "with 'ulimit -s 8192'",
                    size >> 10, kMinStackBytes >> 10));
  }
  if (const rlim_t count = Raise(RLIMIT_NOFILE, kDescriptors); count < kMinDescriptors) {
    throw Error(
        fmt::format("only {} files may be open, and at least {} are needed: raise the "
                    "limit, as with 'ulimit -n 1024'",
                    count, kMinDescriptors));
  }
}

uint64_t DescriptorLimit() {
  rlimit limit = {};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : kDescriptors;
}

}  // namespace pagesnap
