// Every single access of a capture fails once, with each of several errors; of a capture that stops
// its processes too.
#include <fmt/format.h>
#include <fnmatch.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cerrno>

#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_freezer.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

// Without these the snapshot says less, but nothing that is there becomes wrong:
bool IsOptional(const std::string& path) {
  static constexpr const char* kOptional[] = {
      "proc/*/exe",
      "proc/*/cmdline",
      "proc/*/status",
      "proc/*/cgroup",  // NULL in `process`
      "proc/sys/kernel/hostname",
      "proc/sys/kernel/version",  // "" in `snapshot`
      "proc/sys/kernel/random/boot_id",
      "proc/sys/kernel/arch",  // before 6.1 there is none: uname(2) says it
      "proc/self/auxv",        // sysconf(3) says it
      "proc/config.gz",        // the kernel's options, if it has them
      "lib/modules/*/config",  // likewise
      "boot/config-*",         // often unreadable; swap types that cannot be swap go unnamed
      "proc/self/maps",
      "proc/self/pagemap",  // another process's words show whether PFNs are hidden
      "proc/*/map_files/*",
      "proc/sys/vm/*",  // settings and counters: what this kernel has
      "proc/sys/kernel/numa_balancing",
      "proc/cmdline",
      "etc/passwd",  // names of users
      "proc/vmstat",
      "sys/kernel/mm/*",
      "sys/module/zswap/parameters",
      "proc/*/mountinfo",
      "proc/*/ns/*",
      "proc/*/root",           // NULL in `file`
      "proc/self/mountinfo",   // the names of cgroups in a namespace
      "proc/self/ns/cgroup",   // likewise
      "proc/1/ns/pid",         // then it is unknown whether all processes were captured
      "proc/self/mounts",      // likewise
      "sys/fs/cgroup/memory",  // looked for, and missing with cgroup v2
  };
  return std::any_of(std::begin(kOptional), std::end(kOptional), [&](const char* glob) {
    return fnmatch(glob, path.c_str(), FNM_PATHNAME) == 0;
  });
}

// A word file whose read failed is read again in smaller parts; the next read then succeeds.
bool IsRetried(const std::string& path, int error_number) {
  const bool is_words = path.ends_with("/pagemap") || path.starts_with("proc/kpage");
  return is_words && error_number != ESRCH;
}

CaptureRequest RequestWith(Freezer* freezer) {
  CaptureRequest request = AllProcesses();
  request.freezer = freezer;
  return request;
}

std::vector<std::string> AccessesOfACapture(Freezer* freezer) {
  MachineTree machine;
  FillSampleMachine(machine);
  std::vector<std::string> paths;
  machine.reader().SetOnAccess([&](const std::string& path) { paths.push_back(path); });
  CapturedSnapshot file(machine.reader(), RequestWith(freezer));
  return paths;
}

void ExpectSoundFile(CapturedSnapshot& file, const std::string& path, int error_number,
                     bool freezes) {
  const ReportResult check = RunReport({"check", file.path()});
  EXPECT_NE(check.code, kExitFailed) << check.out;
  EXPECT_THAT(check.out, testing::Not(testing::HasSubstr("damaged")));
  const bool has_gap = !file.Gaps().empty();
  EXPECT_EQ(file.exit_code(), has_gap ? kExitWithGaps : kExitOk);
  const bool has_ended = !file.Rows("SELECT pid FROM process WHERE ended").empty();
  // A process that ends before it is selected was not there.
  const bool was_not_there = path.ends_with("/stat") && error_number == ESRCH;
  if (was_not_there && !has_gap && !has_ended && !freezes) {
    EXPECT_THAT(file.Rows("SELECT COUNT(*) FROM process"), testing::ElementsAre("3"));
  } else {
    // When all are stopped, stat only says whether another program was executed before.
    const bool is_second_look = freezes && path.ends_with("/stat");
    EXPECT_TRUE(has_gap || has_ended || is_second_look || IsOptional(path) ||
                IsRetried(path, error_number));
  }
}

void FailEveryAccess(int error_number, FakeFreezer* freezer) {
  const std::vector<std::string> accesses = AccessesOfACapture(freezer);
  ASSERT_GT(accesses.size(), 40);
  for (size_t n = 1; n <= accesses.size(); ++n) {
    const std::string& path = accesses[n - 1];
    SCOPED_TRACE(fmt::format("access {}: {}: {}", n, path, ErrnoText(error_number)));
    MachineTree machine;
    FillSampleMachine(machine);
    FaultyReader faulty(machine.reader());
    faulty.FailNth(n, error_number);
    try {
      CapturedSnapshot file(faulty, RequestWith(freezer));
      ExpectSoundFile(file, path, error_number, freezer != nullptr);
    } catch (const Error& error) {
      // Only the selection may end it.
      EXPECT_TRUE(path == "proc" || path.ends_with("/stat")) << error.what();
    }
    EXPECT_FALSE(freezer != nullptr && freezer->IsStopped(100));
  }
}

class EngineSweepTest : public testing::TestWithParam<int> {};

TEST_P(EngineSweepTest, EveryAccessMayFail) { FailEveryAccess(GetParam(), nullptr); }

constexpr auto kNameOfError = [](const auto& error) {
  return std::string(strerrorname_np(error.param));
};

INSTANTIATE_TEST_SUITE_P(Errors, EngineSweepTest, testing::Values(EIO, EACCES, ESRCH, ENOMEM),
                         kNameOfError);

class FrozenSweepTest : public testing::TestWithParam<int> {};

TEST_P(FrozenSweepTest, EveryAccessMayFail) {
  FakeFreezer freezer;
  FailEveryAccess(GetParam(), &freezer);
}

INSTANTIATE_TEST_SUITE_P(Errors, FrozenSweepTest, testing::Values(EIO, ESRCH), kNameOfError);

}  // namespace
}  // namespace pagesnap
