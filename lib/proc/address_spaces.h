// Which processes share one address space, as after vfork(2) and clone(2) with CLONE_VM.
#ifndef LIB_PROC_ADDRESS_SPACES_H_
#define LIB_PROC_ADDRESS_SPACES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Processes by their address space. Only those are compared whose stat has the same
// ProcessStat::image, which is a part of the address space; a fork has an equal one, so the reader
// has the last word (ProcReader::CompareSpaces()), some log2(n) times for each process.
class AddressSpaces {
 public:
  // `reader` is borrowed.
  explicit AddressSpaces(ProcReader& reader) : reader_(reader) {}

  // Adds a process by its stat, which is not older than its last execve(2). Throws Interrupted.
  void Add(const ProcessStat& stat);
  // As Add(), but only when it shares the address space of one that was added before.
  void AddSharer(const ProcessStat& stat);

  // Returns the pids, two or more, of each address space that several processes have.
  [[nodiscard]] std::vector<std::vector<int32_t>> Shared() const;

  // Returns of how many processes it is unknown with which they share: the kernel does not compare
  // them, or does not show the image. Kernel threads and those that have ended share nothing.
  [[nodiscard]] size_t unknown_count() const { return unknown_count_; }

 private:
  using Space = std::vector<int32_t>;  // pids

  void Place(const ProcessStat& stat, bool add_alone);
  [[nodiscard]] bool HasMemory(int32_t pid);

  ProcReader& reader_;
  // In the kernel's order of address spaces, by image.
  std::map<std::array<uint64_t, 3>, std::vector<Space>> spaces_;
  size_t unknown_count_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_PROC_ADDRESS_SPACES_H_
