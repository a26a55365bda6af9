// Memory that ends at any allocation: captures and reports end in an exception that main() knows,
// on all threads, and no file stays.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <new>

#include "capture/run.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

enum class Fault { kOnce, kFromThenOn };

std::atomic<bool> armed = false;
std::atomic<int64_t> left = 0;  // allocations up to the first that fails
std::atomic<Fault> fault = Fault::kOnce;

bool Fails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  const int64_t before = left.fetch_sub(1);
  return fault == Fault::kOnce ? before == 0 : before <= 0;
}

// Runs `body` without memory from allocation `count` on. Returns whether it met a failure.
bool RunWithFault(int64_t count, Fault kind, const std::function<void()>& body) {
  left = count;
  fault = kind;
  bool thrown = false;
  armed = true;
  try {
    body();
  } catch (const std::bad_alloc&) {
    thrown = true;
  } catch (const Error&) {
    thrown = true;
  } catch (const LimitError&) {
    thrown = true;
  }
  armed = false;
  return thrown || left < 0;
}

class MemoryFaultTest : public testing::TestWithParam<Fault> {
 protected:
  MemoryFaultTest() { FillSampleMachine(machine_); }

  TestFolder folder_;
  MachineTree machine_;
};

INSTANTIATE_TEST_SUITE_P(Faults, MemoryFaultTest, testing::Values(Fault::kOnce, Fault::kFromThenOn),
                         [](const auto& test) {
                           return test.param == Fault::kOnce ? "Once" : "FromThenOn";
                         });

TEST_P(MemoryFaultTest, ACaptureEndsWithoutAFile) {
  CaptureOptions options;
  options.request = AllProcesses();
  options.request.jobs = 3;
  options.output = folder_.File("out");
  options.quiet = true;
  int failed_count = 0;
  int64_t count = 0;
  for (bool met = true; met; count += 1 + count / 12) {
    met = RunWithFault(count, GetParam(), [&] { RunCapture(options, machine_.reader()); });
    const bool written = std::filesystem::remove(options.output);
    failed_count += !written;
    EXPECT_TRUE(folder_.Names().empty()) << count;
    EXPECT_TRUE(met || written) << count;
  }
  EXPECT_GT(failed_count, 20);
  EXPECT_GT(count, 500);
}

TEST_P(MemoryFaultTest, AReportEnds) {
  CapturedSnapshot snapshot(machine_.reader());
  for (const char* report : {"info", "processes", "shared", "maps"}) {
    int failed_count = 0;
    int64_t count = 0;
    for (bool met = true; met; count += 1 + count / 6) {
      met = RunWithFault(count, GetParam(), [&] {
        try {
          RunReport({report, snapshot.path()});
        } catch (const UsageError&) {
          ADD_FAILURE() << report << ": memory is no matter of usage";
        }
      });
      failed_count += met;
    }
    EXPECT_GT(failed_count, 5) << report;
  }
}

}  // namespace
}  // namespace pagesnap

// boost::program_options::value() returns a bare pointer, which add_options() takes a moment later,
// and of an option without a value add_options() makes it itself; no memory between the two is a
// leak of its own.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:boost::program_options::value<\n"
         "leak:boost::program_options::options_description_easy_init::operator()";
}

void* operator new(size_t size) {
  void* memory = pagesnap::Fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return pagesnap::Fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new[](size_t size) { return operator new(size); }
// Where a sanitizer has one of its own, it would not fit the delete below.
void* operator new[](size_t size, const std::nothrow_t& nothrow) noexcept {
  return operator new(size, nothrow);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
