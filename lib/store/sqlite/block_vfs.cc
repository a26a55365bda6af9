#include "lib/store/sqlite/block_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <optional>

#include "lib/store/output/space_limit.h"

namespace pagesnap {
namespace {

// Of what is read at once. A call takes 0.3 us on bare metal and up to 8 us in a guest; 64 KiB are
// copied in 5 to 20 us.
constexpr int64_t kSmallest = 8 << 10;
constexpr int64_t kLargest = 64 << 10;
constexpr int64_t kAlignment = 4 << 10;

}  // namespace

// The window that ends where the file is read on, or else the one that was used least lately.
ReadAhead::Window& ReadAhead::Choose(int64_t offset) {
  for (Window& window : windows_) {
    if (offset < window.begin || offset > window.end() || window.size == 0) continue;
    window.next_size = std::min(2 * window.next_size, kLargest);
    return window;
  }
  Window& oldest =
      *std::min_element(windows_.begin(), windows_.end(),
                        [](const Window& a, const Window& b) { return a.last_use < b.last_use; });
  oldest.next_size = kSmallest;
  return oldest;
}

int ReadAhead::Read(void* out, int size, int64_t offset) {
  auto read_from = [&](Window& window) {
    window.last_use = ++use_count_;
    std::memcpy(out, window.bytes.get() + (offset - window.begin), static_cast<size_t>(size));
    return SQLITE_OK;
  };
  for (Window& window : windows_) {
    if (offset >= window.begin && offset + size <= window.end()) return read_from(window);
  }
  Window& window = Choose(offset);
  const int64_t begin = offset - offset % kAlignment;
  const int64_t end = std::min(begin + window.next_size, file_size_);
  if (offset + size <= end) {
    if (!window.bytes) window.bytes.reset(new (std::nothrow) char[kLargest]);
    if (!window.bytes) return SQLITE_IOERR_NOMEM;
    window.begin = begin;
    window.size = end - begin;
    if (file_->pMethods->xRead(file_, window.bytes.get(), static_cast<int>(window.size), begin) ==
        SQLITE_OK) {
      return read_from(window);
    }
  }
  // Too large, behind the end, or near a place that cannot be read.
  window.size = 0;
  return file_->pMethods->xRead(file_, out, size, offset);
}

// Returns the block that begins there: one that is in use, or else the one that was used least
// lately, empty. Null: no memory, or its pages cannot be written.
WriteBehind::Block* WriteBehind::BlockFor(int64_t begin) {
  Block* oldest = &blocks_[0];
  for (Block& block : blocks_) {
    if (block.begin == begin && block.pages != 0) return &block;
    if (block.last_use < oldest->last_use) oldest = &block;
  }
  if (FlushBlock(oldest) != SQLITE_OK) return nullptr;
  if (!oldest->bytes) oldest->bytes.reset(new (std::nothrow) char[kBlockSize]);
  if (!oldest->bytes) return nullptr;
  oldest->begin = begin;
  return oldest;
}

int WriteBehind::Write(const void* bytes, int size, int64_t offset) {
  const int64_t begin = offset - offset % kBlockSize;
  const int64_t first = offset - begin;
  if (size % kPageSize != 0 || first % kPageSize != 0 || first + size > kBlockSize || size == 0) {
    const int flushed = Flush();
    return flushed != SQLITE_OK ? flushed : WriteNow(bytes, size, offset);
  }
  Block* block = BlockFor(begin);
  if (block == nullptr) return error_ != SQLITE_OK ? error_ : SQLITE_IOERR_NOMEM;
  block->last_use = ++use_count_;
  std::memcpy(block->bytes.get() + first, bytes, static_cast<size_t>(size));
  block->pages |= ~uint64_t{0} >> (64 - size / kPageSize) << (first / kPageSize);
  return error_;
}

int WriteBehind::FlushBlock(Block* block) {
  while (block->pages != 0) {
    const int first = std::countr_zero(block->pages);
    const int count = std::countr_one(block->pages >> first);
    block->pages &= ~(~uint64_t{0} >> (64 - count) << first);
    WriteNow(block->bytes.get() + first * kPageSize, count * kPageSize,
             block->begin + first * kPageSize);
  }
  return error_;
}

int WriteBehind::Flush() {
  for (Block& block : blocks_) FlushBlock(&block);
  return error_;
}

int WriteBehind::WriteNow(const void* bytes, int64_t size, int64_t offset) {
  if (error_ == SQLITE_OK && limit_ != nullptr &&
      !limit_->Allows(static_cast<uint64_t>(offset + size))) {
    error_ = SQLITE_FULL;
  }
  if (error_ == SQLITE_OK) {
    error_ = file_->pMethods->xWrite(file_, bytes, static_cast<int>(size), offset);
  }
  return error_;
}

namespace {

struct State {
  std::optional<ReadAhead> read;
  std::optional<WriteBehind> write;
};

// What SQLite takes for the file. The one of the VFS below lies behind it in memory.
struct BlockFile {
  sqlite3_file base;
  State* state;  // owned
};

State& StateOf(sqlite3_file* file) { return *reinterpret_cast<BlockFile*>(file)->state; }

sqlite3_file* Below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<BlockFile*>(file) + 1);
}

int Flush(sqlite3_file* file) {
  std::optional<WriteBehind>& write = StateOf(file).write;
  return write ? write->Flush() : SQLITE_OK;
}

// Does with the file below what SQLite asks for, when all is in it.
template <auto kMethod, typename... Arguments>
int Forward(sqlite3_file* file, Arguments... arguments) {
  if (const int result = Flush(file); result != SQLITE_OK) return result;
  sqlite3_file* below = Below(file);
  return (below->pMethods->*kMethod)(below, arguments...);
}

// The same for what has nothing to do with what is in the file.
template <auto kMethod, typename... Arguments>
int ForwardAtOnce(sqlite3_file* file, Arguments... arguments) {
  sqlite3_file* below = Below(file);
  return (below->pMethods->*kMethod)(below, arguments...);
}

int Close(sqlite3_file* file) {
  const int flushed = Flush(file);
  delete &StateOf(file);
  const int closed = ForwardAtOnce<&sqlite3_io_methods::xClose>(file);
  return flushed != SQLITE_OK ? flushed : closed;
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  std::optional<ReadAhead>& read = StateOf(file).read;
  return read ? read->Read(out, size, offset)
              : Forward<&sqlite3_io_methods::xRead>(file, out, size, offset);
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  std::optional<WriteBehind>& write = StateOf(file).write;
  return write ? write->Write(bytes, size, offset) : SQLITE_READONLY;
}

// SQLite gives SQLITE_FCNTL_SYNC at each commit, xSync only with synchronous=ON (pager.c,
// sqlite3PagerSync).
int FileControl(sqlite3_file* file, int operation, void* argument) {
  if (operation == kSetSpaceLimit) {
    std::optional<WriteBehind>& write = StateOf(file).write;
    if (!write) return SQLITE_READONLY;
    write->SetLimit(static_cast<SpaceLimit*>(argument));
    return SQLITE_OK;
  }
  return operation == SQLITE_FCNTL_SYNC
             ? Forward<&sqlite3_io_methods::xFileControl>(file, operation, argument)
             : ForwardAtOnce<&sqlite3_io_methods::xFileControl>(file, operation, argument);
}

// Version 1: without shared memory, which is for WAL, and without mmap, where a file that is cut
// short is a signal and no error.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Forward<&sqlite3_io_methods::xTruncate, sqlite3_int64>,
    .xSync = Forward<&sqlite3_io_methods::xSync, int>,
    .xFileSize = Forward<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = ForwardAtOnce<&sqlite3_io_methods::xLock, int>,
    .xUnlock = ForwardAtOnce<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = ForwardAtOnce<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = FileControl,
    .xSectorSize = ForwardAtOnce<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = ForwardAtOnce<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

std::unique_ptr<State> MakeState(sqlite3_file* below, int flags) {
  auto state = std::make_unique<State>();
  if ((flags & SQLITE_OPEN_READWRITE) != 0) {
    state->write.emplace(below);
    return state;
  }
  sqlite3_int64 size = 0;
  if (below->pMethods->xFileSize(below, &size) != SQLITE_OK) size = 0;
  state->read.emplace(below, size);
  return state;
}

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* base = static_cast<sqlite3_vfs*>(vfs->pAppData);
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return base->xOpen(base, name, file, flags, out_flags);
  file->pMethods = nullptr;  // nothing to close
  sqlite3_file* below = Below(file);
  int got_flags = flags;
  if (const int result = base->xOpen(base, name, below, flags, &got_flags); result != SQLITE_OK) {
    if (below->pMethods != nullptr) below->pMethods->xClose(below);
    return result;
  }
  try {
    reinterpret_cast<BlockFile*>(file)->state = MakeState(below, got_flags).release();
  } catch (const std::bad_alloc&) {
    below->pMethods->xClose(below);
    return SQLITE_NOMEM;
  }
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = got_flags;
  return SQLITE_OK;
}

}  // namespace

sqlite3_vfs MakeBlockVfs(const sqlite3_vfs& base, const char* name) {
  sqlite3_vfs vfs = base;
  vfs.zName = name;
  vfs.szOsFile += static_cast<int>(sizeof(BlockFile));
  vfs.xOpen = Open;
  vfs.pAppData = const_cast<sqlite3_vfs*>(&base);
  return vfs;
}

}  // namespace pagesnap
