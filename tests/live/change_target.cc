// A process that changes each of its regions in one way, when it is told to:
//   change_target
// prints "NAME START PAGES" (START hexadecimal, a page number) for each region and "ready". At the
// first SIGUSR1 it touches the region `recharge`, so that it is charged to the cgroup that the
// process is in, and prints "charged". At the second it makes all changes, and prints "changed".
// What a region cannot do here, it says as "cannot NAME" before that. It needs root, and a swap
// area.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kPages = 64;  // of a region that is not huge
constexpr size_t kBytes = kPages * kPage;
constexpr size_t kHuge = size_t{2} << 20;

// In older headers they are missing.
constexpr int kCold = 20, kPageOut = 21, kCollapse = 25, kGuardInstall = 102;

// Everything is printed with write(2), and no memory is taken: nothing else may change.
void Say(const char* text) {
  if (write(STDOUT_FILENO, text, strlen(text)) < 0) _exit(1);
}

void SayRegion(const char* name, const char* memory, size_t bytes) {
  char line[100];
  snprintf(line, sizeof line, "%s %zx %zu\n", name, reinterpret_cast<size_t>(memory) / kPage,
           bytes / kPage);
  Say(line);
}

void Check(bool ok, const char* name) {
  if (ok) return;
  Say("cannot ");
  Say(name);
  Say("\n");
}

void Touch(char* memory, size_t bytes = kBytes) {
  for (size_t i = 0; i < bytes; i += kPage) *const_cast<volatile char*>(memory + i) = 1;
}

void Read(const char* memory) {
  for (size_t i = 0; i < kBytes; i += kPage)
    static_cast<void>(*const_cast<volatile const char*>(memory + i));
}

// Memory that stands alone: what is around it cannot be accessed, and no child has it.
char* MapAt(size_t bytes, size_t alignment, const char* name) {
  auto* around = static_cast<char*>(mmap(nullptr, bytes + alignment + 2 * kPage, PROT_NONE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (around == MAP_FAILED) _exit(1);
  const auto start =
      (reinterpret_cast<size_t>(around) + kPage + alignment - 1) / alignment * alignment;
  auto* memory = reinterpret_cast<char*>(start);
  if (mprotect(memory, bytes, PROT_READ | PROT_WRITE) != 0) _exit(1);
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  madvise(memory, bytes, MADV_DONTFORK);
  if (name != nullptr) SayRegion(name, memory, bytes);
  return memory;
}

char* Map(const char* name) { return MapAt(kBytes, kPage, name); }

char* Touched(const char* name) {
  char* memory = Map(name);
  Touch(memory);
  return memory;
}

// The kernel skips pages that are busy at the moment, so it is asked until all are out.
bool PageOut(char* memory) {
  const int pagemap = open("/proc/self/pagemap", O_RDONLY);
  uint64_t words[kPages];
  bool out = false;
  for (int attempt = 0; attempt < 100 && !out; ++attempt) {
    madvise(memory, kBytes, kPageOut);
    if (pread(pagemap, words, sizeof words,
              static_cast<off_t>(reinterpret_cast<size_t>(memory) / kPage * 8)) < 0)
      break;
    out = true;
    for (const uint64_t word : words) out = out && word >> 62 == 1;
    if (!out) usleep(10000);
  }
  close(pagemap);
  return out;
}

bool Collapse(char* memory) {
  madvise(memory, kHuge, MADV_HUGEPAGE);
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (madvise(memory, kHuge, kCollapse) == 0) return true;
    usleep(10000);
  }
  return false;
}

// Writes the page words of the region to `words`.
void ReadWords(const char* memory, uint64_t* words) {
  const int pagemap = open("/proc/self/pagemap", O_RDONLY);
  if (pread(pagemap, words, kPages * 8,
            static_cast<off_t>(reinterpret_cast<size_t>(memory) / kPage * 8)) < 0)
    _exit(1);
  close(pagemap);
}

// Whether no page is in the frame, or the swap slot, that it was in.
bool AllElsewhere(const uint64_t* before, const uint64_t* after) {
  constexpr uint64_t kWhere = (uint64_t{1} << 55) - 1;
  for (size_t i = 0; i < kPages; ++i) {
    if ((before[i] & kWhere) == (after[i] & kWhere)) return false;
  }
  return true;
}

// Gives the pages back and takes new ones until each is in another frame than at first. (That the
// kernel migrates just these pages cannot be asked for on a machine with one node, and what comes
// back from swap soon comes from the swap cache, in the frame that it had.)
bool MoveFrames(char* memory, char* filler) {
  uint64_t before[kPages], after[kPages];
  ReadWords(memory, before);
  for (int attempt = 0; attempt < 100; ++attempt) {
    madvise(memory, kBytes, MADV_DONTNEED);
    Touch(filler);  // takes the frames that went free
    Touch(memory);
    ReadWords(memory, after);
    if (AllElsewhere(before, after)) return true;
    filler += kBytes;
  }
  return false;
}

// Swaps the region in by writing to it, and out again, until each page is in another slot than at
// first. What is written to gives its slot back (mm/memory.c, do_swap_page, and
// mm/swapfile.c, folio_free_swap), and the filler takes the slots that went free.
bool MoveSlots(char* memory, char* filler) {
  uint64_t before[kPages], after[kPages];
  ReadWords(memory, before);
  for (int attempt = 0; attempt < 100; ++attempt) {
    Touch(memory);
    Touch(filler);
    if (!PageOut(filler) || !PageOut(memory)) return false;
    ReadWords(memory, after);
    if (AllElsewhere(before, after)) return true;
    filler += kBytes;
  }
  return false;
}

void Wait() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  int signal_number;
  sigwait(&set, &signal_number);
}

// Something forked that keeps its parent's pages, and ends with it.
void ForkHolder() {
  const pid_t parent = getpid();
  if (fork() != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  close(STDOUT_FILENO);
  for (;;) pause();
}

// Writes to every page of the stack, the deep ones that only the start used, too.
void TouchStack() {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[256];
  while (maps != nullptr && fgets(line, sizeof line, maps) != nullptr) {
    uintptr_t start;
    uintptr_t end;
    if (strstr(line, "[stack]") == nullptr) continue;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) != 2) continue;
    for (uintptr_t page = start; page < end; page += kPage) {
      auto* byte = reinterpret_cast<volatile char*>(page);
      *byte = *byte;
    }
  }
  if (maps != nullptr) fclose(maps);
}

}  // namespace

int main() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);

  Touched("still");
  char* faulted = Map("faulted_in");
  char* dropped = Touched("dropped");
  char* swapped_out = Touched("swapped_out");
  char* swapped_in = Touched("swapped_in");
  char* slot_moved = Touched("slot_moved");
  char* copied = Touched("copied_on_write");
  char* migrated = Touched("migrated");
  char* moved = Touched("moved");
  char* protect = Touched("protect");
  char* unmapped = Touched("unmapped");
  char* guard = Touched("guard");
  char* locked = Touched("locked");
  char* recharge = Map("recharge");
  char* collapse = MapAt(kHuge, kHuge, "collapsed");
  Touch(collapse, kHuge);
  char* split = MapAt(kHuge, kHuge, "split");
  Touch(split, kHuge);
  char* filler = MapAt(100 * kBytes, kPage, "filler");
  char* swap_filler = MapAt(100 * kBytes, kPage, "swap_filler");
  char* destination = Map("destination");
  Check(PageOut(swapped_in), "swapped_in");
  Check(PageOut(slot_moved), "slot_moved");
  Check(Collapse(split), "split");
  madvise(split, kHuge, MADV_NOHUGEPAGE);  // or khugepaged makes it huge again later
  madvise(copied, kBytes, MADV_DOFORK);
  ForkHolder();
  // What the fork left to be copied of this process's own is copied before the first capture.
  TouchStack();
  munmap(destination, kBytes);
  Say("ready\n");

  Wait();
  Touch(recharge);
  Say("charged\n");

  Wait();
  Touch(faulted);
  madvise(dropped, kBytes, MADV_DONTNEED);
  Check(PageOut(swapped_out), "swapped_out");
  Read(swapped_in);
  Check(MoveSlots(slot_moved, swap_filler), "slot_moved");
  Touch(copied);
  Check(MoveFrames(migrated, filler), "migrated");
  Check(mremap(moved, kBytes, kBytes, MREMAP_MAYMOVE | MREMAP_FIXED, destination) == destination,
        "moved");
  mprotect(protect + kBytes / 2, kBytes / 2, PROT_READ);
  munmap(unmapped, kBytes);
  Check(madvise(guard, kBytes, kGuardInstall) == 0, "guard");
  Check(mlock(locked, kBytes) == 0, "locked");
  Check(Collapse(collapse), "collapsed");
  Check(madvise(split, kHuge / 2, kCold) == 0, "split");
  Say("changed\n");
  for (;;) pause();
}
