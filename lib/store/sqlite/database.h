// A connection to SQLite that cleans up after itself and throws.
#ifndef LIB_STORE_SQLITE_DATABASE_H_
#define LIB_STORE_SQLITE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>

struct sqlite3;

namespace pagesnap {

class SpaceLimit;

// A connection. Not for two threads at once.
class Database {
 public:
  // Creates a database in an open, empty, writable file that may have no name (O_TMPFILE, memfd).
  // It is written without a journal: the file is whole after Close(), and worthless if that is not
  // reached. `fd` is borrowed and must stay open; `label` names the file in messages. The file
  // grows only as far as `limit` allows (borrowed; null: as far as the disk does): beyond that a
  // statement throws Error.
  static Database CreateIn(int fd, const std::string& label, SpaceLimit* limit = nullptr);

  // Creates a database that is as fast as SQLite gets without a journal, for scratch work in a file
  // that does not exist yet. Throws Error.
  static Database CreateFile(const std::string& path);

  // Opens an existing file for reading only, as one that nobody changes and that anybody may have
  // made: defensive, with an untrusted schema, and with limits on what SQL may ask for. Its
  // statements end with the work of their thread (lib/base/work_limit.h). `label` names the file in
  // messages, "" by its path; a path /proc/self/fd/N is a descriptor of this process. Throws Error.
  static Database OpenReadOnly(const std::string& path, const std::string& label = "");

  // Opens an empty database in memory with the same limits. `label` names it in messages.
  static Database OpenMemory(const std::string& label);

  // Makes a statement fail that reads or makes a text, a blob or a row of more than `bytes`.
  // Returns the limit that was in force before.
  int LimitLength(int bytes) const;
  // Returns the size of the main database in bytes, as its header says it.
  [[nodiscard]] int64_t Size() const;

  // Runs one or more statements that return nothing. Throws Error.
  void Execute(const std::string& sql);

  // Closes the connection, so that everything is in the file. Throws Error, as when the disk is
  // full. Without it the destructor closes and ignores errors.
  void Close();

  [[nodiscard]] sqlite3* handle() const { return connection_.get(); }
  [[nodiscard]] const std::string& label() const { return label_; }

  // Throws Error with the connection's last message, in words that fit the file; LimitError when
  // memory or the thread's work came to its limit.
  [[noreturn]] void ThrowLastError() const;

 private:
  friend class Statement;
  struct Closer {
    void operator()(sqlite3* connection) const;
  };
  template <typename Open>
  Database(std::string label, const Open& open);
  void Harden();

  std::unique_ptr<sqlite3, Closer> connection_;
  std::string label_;
  const SpaceLimit* space_limit_ = nullptr;
};

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_DATABASE_H_
