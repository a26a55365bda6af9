// Where a snapshot file goes: to a name, where it appears whole or not at all, or into a stream.
#ifndef LIB_STORE_OUTPUT_OUTPUT_H_
#define LIB_STORE_OUTPUT_OUTPUT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/store/output/space_limit.h"

namespace pagesnap {

// A file to write, and the moment when others get to see it.
class Output {
 public:
  virtual ~Output() = default;

  // Open for reading and writing; owned by this object.
  [[nodiscard]] virtual int fd() const = 0;

  // How large the file may become; owned by this object. For Database::CreateIn().
  virtual SpaceLimit& space() = 0;

  // Hands over what is in the file now. Returns its size in bytes. Throws Error; what was handed
  // over before stands. With `more`, the file is written on and published again.
  virtual uint64_t Publish(bool more) = 0;

  // Returns one sentence that the user should know about the output, and that is no error; "" when
  // there is none. Each is returned once.
  virtual std::string TakeNote() { return ""; }
};

// Appends all of `from` to `to`, sharing blocks where the file system can. Throws Error, in which
// `label` names `to`, and Interrupted once the flag is set (borrowed; null: never).
void CopyAll(int from, int to, const std::string& label, const std::atomic<bool>* interrupted);

// Returns the size of an open file in bytes. Throws Error, in which `label` names it.
uint64_t SizeOf(int fd, const std::string& label);

// Memory, copied to a stream when it is complete: nothing touches the disk.
class OutputStream final : public Output {
 public:
  // `stream_fd` is borrowed; `max_bytes` is the largest size of the file (empty: no limit). Once
  // `interrupted` is set (borrowed; null: never), Publish() throws Error. Throws Error when
  // `stream_fd` is not open for writing, or when there is no memory for the file.
  OutputStream(int stream_fd, std::optional<uint64_t> max_bytes,
               const std::atomic<bool>* interrupted);
  [[nodiscard]] int fd() const override { return memory_.get(); }
  SpaceLimit& space() override { return space_; }
  uint64_t Publish(bool more) override;

 private:
  int stream_fd_;
  const std::atomic<bool>* interrupted_;
  UniqueFd memory_;
  SpaceLimit space_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_OUTPUT_H_
