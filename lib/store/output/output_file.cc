#include "lib/store/output/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr mode_t kMode = 0600;
constexpr char kCannotName[] = "cannot give the file its name";
constexpr size_t kFileSlot = 0;
constexpr size_t kCopySlot = 1;  // of the version that is published next
constexpr size_t kOldSlot = 2;   // of the version that is replaced by it

}  // namespace

OutputFile::OutputFile(const std::string& path, const OutputOptions& options, FileCalls& calls)
    : calls_(calls), path_(path), options_(options), folder_(calls, path) {
  const bool exists = folder_.CheckName(options.overwrite, options.series);
  if (options_.owner) CheckOwner();
  file_ = Create(kFileSlot);
  if (file_.has_name()) TryNames();
  space_.emplace(calls, file_.fd.get(),
                 SpaceBounds{.max_bytes = options.max_bytes, .copied = options.series});
  space_->Check(path_);
  // Forks now, while the process is small.
  if (exists || options.series) Guard();
}

NameGuard& OutputFile::Guard() {
  if (!guard_) guard_.emplace(calls_, folder_.fd());
  return *guard_;
}

void OutputFile::Fail(const std::string& what) const {
  throw Error(fmt::format("{}: {}: {}", path_, what, WriteErrorText(errno)));
}

bool OutputFile::Has(const std::string& name, const FileIdentity& file) const {
  const std::optional<struct stat> status = folder_.Find(name);
  return status && IdentityOf(*status) == file;
}

// Leaves the file to us where its owner-to-be could not have put it.
void OutputFile::CheckOwner() {
  bool could = CouldCreateIn(*options_.owner, folder_.fd(), folder_.path());
  struct stat folder;
  const std::optional<struct stat> old = folder_.Find(folder_.name());
  if (old && fstat(folder_.fd(), &folder) == 0 && (folder.st_mode & S_ISVTX) != 0) {
    could &= old->st_uid == options_.owner->uid || folder.st_uid == options_.owner->uid;
  }
  if (!could) KeepOwner("that user could not write it there");
}

void OutputFile::KeepOwner(const std::string& reason) {
  note_ = fmt::format("{} stays with user {} and is not given to user {}: {}", path_, geteuid(),
                      options_.owner->uid, reason);
  options_.owner.reset();
}

OutputFile::File OutputFile::Create(size_t slot) {
  File file = unnamed_ ? CreateUnnamed(slot) : File{};
  if (!unnamed_) file = CreateHidden(slot);
  struct stat status;
  if (fstat(file.fd.get(), &status) != 0) Fail("cannot read the attributes of a new file");
  file.identity = IdentityOf(status);
  fchmod(file.fd.get(), kMode);  // whatever the umask took away
  if (options_.owner && fchown(file.fd.get(), options_.owner->uid, options_.owner->gid) != 0) {
    KeepOwner(ErrnoText(errno));
  }
  return file;
}

// Sets unnamed_ to false where such files cannot be made, or cannot get a name later.
OutputFile::File OutputFile::CreateUnnamed(size_t slot) {
  File file;
  file.slot = slot;
  file.fd.Reset(calls_.CreateUnnamed(folder_.fd()));
  if (!file.fd.valid() && !IsMissingCall(errno)) Fail("cannot create a file in " + folder_.path());
  // "." exists: the call ends with EEXIST after it has found the file, and with ENOENT if neither
  // /proc is mounted nor AT_EMPTY_PATH permitted (fs/namei.c, do_linkat).
  unnamed_ = file.fd.valid() && calls_.LinkUnnamed(file.fd.get(), folder_.fd(), ".") != 0 &&
             errno == EEXIST;
  return file;
}

OutputFile::File OutputFile::CreateHidden(size_t slot) {
  File file;
  file.slot = slot;
  file.hidden = MakeHiddenName();
  file.fd = Guard().Create(slot, &file.hidden);
  if (!file.fd.valid()) Fail("cannot create a file in " + folder_.path());
  return file;
}

// Finds out what can be done with names on a file system without O_TMPFILE, before it is needed.
void OutputFile::TryNames() {
  const char* name = file_.hidden.name.data();
  HiddenName other = MakeHiddenName();
  other.file = file_.identity;
  Guard().Watch(kCopySlot, other, file_.fd.get());
  const char* other_name = other.name.data();
  if (calls_.Rename(folder_.fd(), name, other_name, RENAME_NOREPLACE) != 0) {
    if (!IsMissingCall(errno)) Fail("cannot rename a file in " + folder_.path());
    TryLinks(name, other_name);
    if (calls_.Rename(folder_.fd(), name, other_name, 0) != 0) {
      Fail("cannot rename a file in " + folder_.path());
    }
  }
  stable_ = Has(other_name, file_.identity);
  if (calls_.Rename(folder_.fd(), other_name, name, 0) != 0) {
    Fail("cannot rename a file in " + folder_.path());
  }
  Guard().Forget(kCopySlot);
  if (options_.series && !stable_) {
    throw Error(fmt::format(
        "{}: a series cannot be written here: a renamed file gets another inode number in this "
        "file system; write it elsewhere and copy it",
        path_));
  }
}

// Checks that link(2) can be used instead of RENAME_NOREPLACE, if the file must not replace others.
void OutputFile::TryLinks(const char* name, const char* other_name) {
  const bool links = calls_.Link(folder_.fd(), name, other_name) == 0;
  // A FUSE server may give each link another inode number: a series would not know its own file.
  const bool is_stable = links && Has(other_name, file_.identity);
  if (links) calls_.Unlink(folder_.fd(), other_name);
  if (options_.series && !is_stable) {
    throw Error(
        fmt::format("{}: a series cannot be written here: with the calls that this file system has "
                    "(no RENAME_NOREPLACE, no hard links) it could replace a file of another "
                    "program; write it elsewhere and copy it",
                    path_));
  }
  if (!links && !options_.overwrite) {
    throw Error(
        fmt::format("{}: this file system can give a file its name only by replacing what has it "
                    "(no RENAME_NOREPLACE, no hard links); give --force to permit that, or write "
                    "it elsewhere and copy it",
                    path_));
  }
}

uint64_t OutputFile::Publish(bool more) {
  File copy;
  if (more) {
    space_->Check(path_);
    copy = Create(kCopySlot);
    CopyAll(file_.fd.get(), copy.fd.get(), path_, options_.interrupted);
  }
  File& file = more ? copy : file_;
  if (fsync(file.fd.get()) != 0) Fail("cannot write it to the disk");
  Place(&file);
  folder_.Sync();
  NoteMove();
  const uint64_t size = SizeOf(file.fd.get(), path_);
  if (more) published_ = std::move(copy);
  return size;
}

void OutputFile::Place(File* file) {
  if (published_.fd.valid()) return ReplaceOwn(file);
  if (!file->has_name()) {
    if (calls_.LinkUnnamed(file->fd.get(), folder_.fd(), folder_.name().c_str()) == 0) return;
    if (errno == EEXIST && !options_.overwrite) Fail(kCannotName);
    Hide(file);
  }
  if (!options_.overwrite) return GiveFreeName(file, folder_.name());
  CheckHidden(file);
  RenameOver(file);
}

// Gives the file a hidden name in the folder, which the guard removes. There is no call that
// replaces a name by a file without one.
void OutputFile::Hide(File* file) {
  file->hidden = MakeHiddenName();
  Expect(file);
  if (calls_.LinkUnnamed(file->fd.get(), folder_.fd(), file->hidden.name.data()) != 0) {
    CopyToHidden(file);
  }
}

// Tells the guard what may be found under the hidden name from now on.
void OutputFile::Expect(File* file) {
  file->hidden.file = file->identity;
  file->hidden.replaced = published_.identity;
  if (published_.fd.valid()) SetTarget(&file->hidden);
  Guard().Watch(file->slot, file->hidden, file->fd.get());
}

void OutputFile::SetTarget(HiddenName* hidden) const {
  std::ranges::copy_n(folder_.name().begin(),
                      std::min(folder_.name().size(), hidden->target.size() - 1),
                      hidden->target.begin());
}

// Makes sure that the hidden name still leads to the file: another program may have removed it, or
// put a file of its own there.
void OutputFile::CheckHidden(File* file) {
  if (!Has(file->hidden.name.data(), file->identity)) CopyToHidden(file);
}

// For a file that cannot be linked although it could be made without a name, or that has lost its
// hidden name.
void OutputFile::CopyToHidden(File* file) {
  unnamed_ = false;
  File copy = Create(kCopySlot);
  CopyAll(file->fd.get(), copy.fd.get(), path_, nullptr);
  if (fsync(copy.fd.get()) != 0) Fail("cannot write it to the disk");
  *file = std::move(copy);
  Expect(file);
}

// Replaces the version that was published last, and nothing else.
void OutputFile::ReplaceOwn(File* file) {
  if (!Has(folder_.name(), published_.identity)) KeepElsewhere(file);
  if (file->has_name()) {
    Expect(file);
  } else {
    Hide(file);
  }
  CheckHidden(file);
  const char* hidden = file->hidden.name.data();
  const char* name = folder_.name().c_str();
  // Another program can take the name after the check above. So the old file gets the hidden name
  // first, where it is checked again, and is removed only then.
  if (calls_.Rename(folder_.fd(), hidden, name, RENAME_EXCHANGE) == 0) {
    if (!Has(hidden, published_.identity)) {
      if (!GiveBack(calls_, folder_.fd(), file->hidden)) NoteDisplaced(file->hidden);
      KeepElsewhere(file);
    }
    calls_.Unlink(folder_.fd(), hidden);
    return Named(file);
  }
  if (errno == ENOENT) KeepElsewhere(file);
  if (!IsMissingCall(errno)) Fail(kCannotName);
  MoveAsideAndReplace(file);
}

// The same without RENAME_EXCHANGE: for a moment no file has the name. If this process is killed
// then, the guard gives it back to the old version.
void OutputFile::MoveAsideAndReplace(File* file) {
  HiddenName old = MakeHiddenName();
  old.replaced = published_.identity;
  old.aside = true;
  SetTarget(&old);
  Guard().Watch(kOldSlot, old, -1);
  // Can replace nothing: nobody can know the name that it goes to.
  if (calls_.Rename(folder_.fd(), folder_.name().c_str(), old.name.data(), 0) != 0) {
    if (errno != ENOENT) Fail(kCannotName);
    Guard().Forget(kOldSlot);
    KeepElsewhere(file);
  }
  if (!Has(old.name.data(), published_.identity)) {
    if (!Guard().Remove(kOldSlot)) NoteDisplaced(old);
    KeepElsewhere(file);
  }
  if (MoveToFreeName(calls_, folder_.fd(), file->hidden.name.data(), folder_.name().c_str()) != 0) {
    const int error_number = errno;
    Guard().Remove(kOldSlot);
    if (error_number == EEXIST) KeepElsewhere(file);
    errno = error_number;
    Fail(kCannotName);
  }
  published_.fd.Reset();  // a FUSE server keeps an open file under a hidden name of its own
  calls_.Unlink(folder_.fd(), old.name.data());
  Guard().Forget(kOldSlot);
  Named(file);
}

// Replaces whatever has the name. The hidden name was just checked.
void OutputFile::RenameOver(File* file) {
  if (calls_.Rename(folder_.fd(), file->hidden.name.data(), folder_.name().c_str(), 0) != 0) {
    Fail(kCannotName);
  }
  // Another program may have put a file under the hidden name after it was checked.
  if (stable_ && !Has(folder_.name(), file->identity)) {
    throw Error(fmt::format("{}: another program replaced the file while it got its name", path_));
  }
  Named(file);
}

// The hidden name is gone.
void OutputFile::Named(File* file) {
  Guard().Forget(file->slot);
  file->hidden = {};
}

void OutputFile::GiveFreeName(File* file, const std::string& name) {
  if (!file->has_name()) {
    if (calls_.LinkUnnamed(file->fd.get(), folder_.fd(), name.c_str()) == 0) return;
    if (errno == EEXIST) Fail(kCannotName);
    CopyToHidden(file);
  }
  CheckHidden(file);
  if (MoveToFreeName(calls_, folder_.fd(), file->hidden.name.data(), name.c_str()) != 0) {
    Fail(kCannotName);
  }
  Named(file);
}

// Ends a series whose name is not its own any more.
void OutputFile::KeepElsewhere(File* file) {
  const std::string name = RandomName("pagesnap-", ".pagesnap");
  GiveFreeName(file, name);
  folder_.Sync();
  throw Error(
      fmt::format("{} was replaced or removed by another program, and stays as it is now; all "
                  "snapshots, also the last, are in {}",
                  path_, PathOf(name)));
}

// The file of another program that had our name could not get it back.
void OutputFile::NoteDisplaced(const HiddenName& hidden) {
  note_ = fmt::format(
      "while {} was replaced by several programs at once, a file that had this name "
      "was moved to {}",
      path_, PathOf(hidden.name.data() + 1));
}

std::string OutputFile::PathOf(const std::string& name) const {
  const std::string moved_to = folder_.MovedTo();
  if (!moved_to.empty()) return moved_to + "/" + name;
  return folder_.path() == "." ? name : folder_.path() + name;
}

void OutputFile::NoteMove() {
  if (move_noted_) return;
  const std::string place = folder_.MovedTo();
  if (place.empty()) return;
  move_noted_ = true;
  note_ = fmt::format(
      "{} does not lead to the folder any more that was there at the start; {} is written into "
      "that "
      "one, which is now {}",
      folder_.path(), folder_.name(), place);
}

std::string OutputFile::TakeNote() { return std::exchange(note_, ""); }

}  // namespace pagesnap
