// What the flags of a mapping mean (VmFlags of smaps: Documentation/filesystems/proc.rst). No I/O.
#ifndef LIB_KERNEL_VM_FLAGS_H_
#define LIB_KERNEL_VM_FLAGS_H_

#include <string_view>

namespace pagesnap {

// Returns whether a flag of two letters is among `names`, which are separated by blanks.
constexpr bool HasVmFlag(std::string_view names, std::string_view flag) {
  for (size_t at = names.find(flag); at != std::string_view::npos; at = names.find(flag, at + 1)) {
    const bool starts = at == 0 || names[at - 1] == ' ';
    const bool ends = at + flag.size() == names.size() || names[at + flag.size()] == ' ';
    if (starts && ends) return true;
  }
  return false;
}

// VM_PFNMAP: pages without accounting.
constexpr bool IsPfnMap(std::string_view names) { return HasVmFlag(names, "pf"); }

// Returns whether a page that reads 0 in pagemap is hidden, and not absent: of VM_PFNMAP the kernel
// shows nothing (fs/proc/task_mmu.c, walk_page_test), of VM_IO not what is no page.
constexpr bool HidesPages(std::string_view names) {
  return IsPfnMap(names) || HasVmFlag(names, "io");
}

}  // namespace pagesnap

#endif  // LIB_KERNEL_VM_FLAGS_H_
