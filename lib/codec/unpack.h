// Streams that zstd(1) or gzip(1) compressed.
#ifndef LIB_CODEC_UNPACK_H_
#define LIB_CODEC_UNPACK_H_

#include <functional>
#include <memory>
#include <string_view>

namespace pagesnap {

// Takes a stream in pieces and gives on what was compressed.
class Unpacker {
 public:
  using Sink = std::function<void(std::string_view bytes)>;

  virtual ~Unpacker() = default;
  // Gives what `packed` holds to `sink`, in pieces of at most 128 KiB. What the sink throws goes to
  // the caller. Throws Error when the stream is damaged.
  virtual void Feed(std::string_view packed, const Sink& sink) = 0;
  // Returns whether the stream may end here.
  [[nodiscard]] virtual bool is_whole() const = 0;
};

// Returns what unpacks a stream that begins with `begin`, of which 4 bytes are enough: one or
// several zstd frames (RFC 8878) or gzip members (RFC 1952). Null when it is neither.
std::unique_ptr<Unpacker> UnpackerFor(std::string_view begin);

}  // namespace pagesnap

#endif  // LIB_CODEC_UNPACK_H_
