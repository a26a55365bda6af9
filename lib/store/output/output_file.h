// A snapshot file under a name, where it appears only once it is complete.
#ifndef LIB_STORE_OUTPUT_OUTPUT_FILE_H_
#define LIB_STORE_OUTPUT_OUTPUT_FILE_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/store/output/file_calls.h"
#include "lib/store/output/file_owner.h"
#include "lib/store/output/name_guard.h"
#include "lib/store/output/output.h"
#include "lib/store/output/output_folder.h"
#include "lib/store/output/space_limit.h"

namespace pagesnap {

struct OutputOptions {
  bool overwrite = false;                  // replace what has the name
  bool series = false;                     // the file is published more than once
  std::optional<FileOwner> owner = {};     // gets the file, if it could have made it itself
  std::optional<uint64_t> max_bytes = {};  // of the file; empty: no limit
  // Once it is set, Publish() of a copy throws Interrupted. Borrowed; null: never.
  const std::atomic<bool>* interrupted = nullptr;
};

// Mode 0600 from the first byte on. Until Publish() it has no name (O_TMPFILE), so that nothing is
// left behind however the process ends. On file systems without that, as FUSE and NFS, it has a
// hidden name in the same folder, which is unpredictable, and which a NameGuard removes.
//
// All names are resolved in the folder as it was opened first, and what a name leads to is compared
// by inode before it is removed. Nothing that may replace a file is called for a name that another
// program can take, unless `overwrite` says so: a series exchanges the old version and the new one
// and looks at what it got for it or, where there is no RENAME_EXCHANGE (FUSE, NFS), moves the old
// version aside, looks at it, and gives the name, which is free for this moment, to the new one.
class OutputFile final : public Output {
 public:
  // Creates the file in the folder of `path` and checks all that Publish() will need, as far as it
  // can be known before: the name, what has it now, permissions, the calls that the file system
  // has, free space. Throws Error. `calls` is borrowed.
  OutputFile(const std::string& path, const OutputOptions& options,
             FileCalls& calls = FileCalls::System());

  [[nodiscard]] int fd() const override { return file_.fd.get(); }
  SpaceLimit& space() override { return *space_; }

  // Syncs the contents, gives them the name, syncs the folder. With `more` a copy gets the name (on
  // file systems that share blocks it costs nothing), so that the name never holds a file that is
  // being written. When it throws, the name holds what it held before. If the name does not hold
  // what was published last, it throws too, but the file is kept, under a name that the message
  // tells.
  uint64_t Publish(bool more) override;

  std::string TakeNote() override;

 private:
  struct File {
    UniqueFd fd;
    FileIdentity identity;
    size_t slot = 0;    // in the guard
    HiddenName hidden;  // no name while there is none
    [[nodiscard]] bool has_name() const { return hidden.name[0] != 0; }
  };

  File Create(size_t slot);
  File CreateUnnamed(size_t slot);
  File CreateHidden(size_t slot);
  void CheckOwner();
  void KeepOwner(const std::string& reason);
  void TryNames();
  void TryLinks(const char* name, const char* other_name);
  NameGuard& Guard();

  void Place(File* file);
  void Hide(File* file);
  void Expect(File* file);
  void SetTarget(HiddenName* hidden) const;
  void CopyToHidden(File* file);
  void ReplaceOwn(File* file);
  void MoveAsideAndReplace(File* file);
  void CheckHidden(File* file);
  void RenameOver(File* file);
  void Named(File* file);
  void GiveFreeName(File* file, const std::string& name);
  [[noreturn]] void KeepElsewhere(File* file);
  void NoteDisplaced(const HiddenName& hidden);
  [[nodiscard]] std::string PathOf(const std::string& name) const;
  void NoteMove();
  [[nodiscard]] bool Has(const std::string& name, const FileIdentity& file) const;
  [[noreturn]] void Fail(const std::string& what) const;

  FileCalls& calls_;
  std::string path_;
  OutputOptions options_;
  OutputFolder folder_;
  std::optional<NameGuard> guard_;  // made when a hidden name is needed
  bool unnamed_ = true;             // whether files without a name can be made and named
  bool stable_ = true;              // whether a renamed file keeps its inode number
  bool move_noted_ = false;
  std::string note_;
  File file_;
  File published_;  // the version that has the name; its descriptor keeps the inode from reuse
  std::optional<SpaceLimit> space_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_OUTPUT_FILE_H_
