#include "lib/codec/unpack.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr size_t kPieceBytes = size_t{128} << 10;
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr int kMaxWindowLog = 27;  // 128 MiB, which zstd -19 --long uses: what a reader can afford

class ZstdUnpacker final : public Unpacker {
 public:
  ZstdUnpacker() : stream_(ZSTD_createDStream(), ZSTD_freeDStream), piece_(kPieceBytes) {
    if (stream_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  void Feed(std::string_view packed, const Sink& sink) override {
    ZSTD_inBuffer in = {packed.data(), packed.size(), 0};
    bool has_more = true;  // there may be more than fitted into the last piece
    while (in.pos < in.size || has_more) {
      ZSTD_outBuffer out = {piece_.data(), piece_.size(), 0};
      const size_t left = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(left) != 0) throw Error(std::string("zstd: ") + ZSTD_getErrorName(left));
      is_whole_ = left == 0;
      has_more = out.pos == out.size;
      if (out.pos > 0) sink({piece_.data(), out.pos});
    }
  }

  [[nodiscard]] bool is_whole() const override { return is_whole_; }

 private:
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  std::vector<char> piece_;
  bool is_whole_ = false;
};

class GzipUnpacker final : public Unpacker {
 public:
  GzipUnpacker() : piece_(kPieceBytes) {
    constexpr int kGzipOnly = 16;  // added to the window size (inflateInit2() in zlib.h)
    if (inflateInit2(&stream_, kGzipOnly + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  GzipUnpacker(const GzipUnpacker&) = delete;
  GzipUnpacker& operator=(const GzipUnpacker&) = delete;
  ~GzipUnpacker() override { inflateEnd(&stream_); }

  void Feed(std::string_view packed, const Sink& sink) override {
    while (!packed.empty()) {
      const size_t count = std::min<size_t>(packed.size(), UINT32_MAX);
      // zlib reads it, and has no const.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
      stream_.avail_in = static_cast<uInt>(count);
      while (stream_.avail_in > 0) Inflate(sink);
      packed.remove_prefix(count);
    }
  }

  [[nodiscard]] bool is_whole() const override { return is_whole_; }

 private:
  // Takes all input, or as much as fills a piece.
  void Inflate(const Sink& sink) {
    if (is_whole_) inflateReset(&stream_);  // another member follows
    int result = Z_OK;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
      stream_.avail_out = static_cast<uInt>(piece_.size());
      result = inflate(&stream_, Z_NO_FLUSH);
      const size_t count = piece_.size() - stream_.avail_out;
      if (count > 0) sink({piece_.data(), count});
    } while (result == Z_OK && stream_.avail_out == 0);
    is_whole_ = result == Z_STREAM_END;
    const bool wants_input = result == Z_OK || (result == Z_BUF_ERROR && stream_.avail_in == 0);
    if (!is_whole_ && !wants_input) throw Error("gzip: it is damaged");
  }

  z_stream stream_ = {};
  std::vector<char> piece_;
  bool is_whole_ = false;
};

}  // namespace

std::unique_ptr<Unpacker> UnpackerFor(std::string_view begin) {
  if (begin.starts_with(kZstdMagic)) return std::make_unique<ZstdUnpacker>();
  if (begin.starts_with(kGzipMagic)) return std::make_unique<GzipUnpacker>();
  return nullptr;
}

}  // namespace pagesnap
