// Which processes share one address space, as after vfork(2) and clone(2) with CLONE_VM.
#ifndef LIB_PROC_ADDRESS_SPACES_H_
#define LIB_PROC_ADDRESS_SPACES_H_

#include <sys/types.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Processes by their address space. Only those are compared whose stat has the same
// ProcessStat::image, which is a part of the address space; a fork has an equal one, so the reader
// has the last word (ProcReader::CompareSpaces()), some log2(n) times for each process.
//
// Where the reader cannot compare, two processes share one if the stack of each has the same frame
// at the same address, and the kernel says of both that nobody else maps it (bit 56 of the page
// word). A fork has equal frames as well, but maps them with its parent, until one of them writes:
// then it has another frame. What was not touched since a fork proves nothing, so this finds none
// that do not share, and misses some that do.
class AddressSpaces {
 public:
  // `reader` is borrowed. Of a process whose first thread has ended another thread is looked at.
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
  struct Member {
    int32_t pid;
    pid_t thread;  // the one that is compared: the first unless that has ended
  };
  using Space = std::vector<Member>;
  using Image = std::array<uint64_t, 3>;
  // A page of the stack that one address space alone maps.
  struct OwnPage {
    uint64_t page;  // virtual page number
    uint64_t pfn;

    friend auto operator<=>(const OwnPage&, const OwnPage&) = default;
  };

  void Place(const ProcessStat& process, bool add_alone);
  bool Infer(Member member, const Image& image, bool add_alone);
  std::optional<OwnPage> FindOwnPage(Member member, const Image& image);
  [[nodiscard]] bool HasMemory(Member member);

  ProcReader& reader_;
  // In the kernel's order of address spaces, by image.
  std::map<Image, std::vector<Space>> spaces_;
  // Of those that nobody compares, by what distinguishes them.
  std::map<std::pair<Image, OwnPage>, Space> inferred_;
  size_t unknown_count_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_PROC_ADDRESS_SPACES_H_
