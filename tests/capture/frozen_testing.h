// What the tests of --freeze on a machine that does not exist have in common.
#ifndef TESTS_CAPTURE_FROZEN_TESTING_H_
#define TESTS_CAPTURE_FROZEN_TESTING_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_freezer.h"
#include "tests/support/machine_tree.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {

// Captures the sample machine with a freezer that stops nothing.
class FrozenCaptureTest : public testing::Test {
 protected:
  FrozenCaptureTest() { FillSampleMachine(machine_); }

  CaptureRequest Request() {
    CaptureRequest request = AllProcesses();
    request.freezer = &freezer_;
    request.accounting = Accounting::kAlways;
    return request;
  }
  // Calls `act` once, before the first access to `path` while processes are stopped.
  void When(const std::string& path, std::function<void()> act) {
    machine_.reader().SetOnAccess([this, path, act, done = false](const std::string& read) mutable {
      if (done || read != path || !freezer_.IsStopped(100)) return;
      done = true;
      act();
    });
  }
  void ReleaseAll() {
    for (int32_t pid : {100, 101}) freezer_.Release(pid);
  }
  // Returns, of the processes that can be stopped, which were frozen.
  static std::vector<std::string> Frozen(CapturedSnapshot& file) {
    return file.Rows(
        "SELECT pid, frozen, stopped_ns IS NOT NULL FROM process "
        "WHERE pid IN (100, 101) ORDER BY pid");
  }
  static std::vector<std::string> FreezeGaps(CapturedSnapshot& file) {
    return file.Rows(
        "SELECT pid, reason FROM gap JOIN process p ON p.id = process_id "
        "WHERE source = 'freeze' ORDER BY pid");
  }

  MachineTree machine_;
  FakeFreezer freezer_;
};

}  // namespace pagesnap

#endif  // TESTS_CAPTURE_FROZEN_TESTING_H_
