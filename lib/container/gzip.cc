#include "lib/container/gzip.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <zlib.h>

#include "lib/base/checked.h"

namespace pthview {
namespace {

constexpr size_t kInputChunk = size_t{1} << 16;
constexpr uint64_t kFirstOutput = uint64_t{1} << 16;
constexpr uint64_t kMostAtOnce = uint64_t{1} << 30;  // zlib counts in 32 bits

// zlib's stream with its input side: refilled from a range of the source.
class Inflater {
 public:
  Inflater(const ByteSource& source, uint64_t offset, uint64_t length)
      : source_(source), next_(offset), left_(length) {}
  ~Inflater() {
    if (open_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Status Begin(DeflateFormat format) {
    const int bits = format == DeflateFormat::kGzip ? MAX_WBITS + 16 : -MAX_WBITS;
    if (inflateInit2(&stream_, bits) != Z_OK) return Error{ErrorCode::kInternal, "zlib could not start"};
    open_ = true;
    input_.resize(static_cast<size_t>(std::min<uint64_t>(left_, kInputChunk)));
    return Ok();
  }

  Status Refill() {
    if (stream_.avail_in != 0 || left_ == 0) return Ok();
    const auto count = static_cast<size_t>(std::min<uint64_t>(left_, input_.size()));
    PTHVIEW_TRY(source_.ReadAt(next_, std::span(input_).first(count)));
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(count);
    next_ += count;
    left_ -= count;
    return Ok();
  }

  // Writes into `out`; returns zlib's code and sets *written.
  int Step(std::span<std::byte> out, size_t* written) {
    const auto room = static_cast<uInt>(std::min<uint64_t>(out.size(), kMostAtOnce));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    *written = room - stream_.avail_out;
    return code;
  }

  bool InputEnded() const { return stream_.avail_in == 0 && left_ == 0; }
  // Whether another gzip member follows; the caller has refilled.
  bool NextMember() { return stream_.avail_in != 0 && *stream_.next_in == 0x1f && inflateReset(&stream_) == Z_OK; }
  uint64_t position() const { return next_ - stream_.avail_in; }
  const char* message() const { return stream_.msg != nullptr ? stream_.msg : "the deflated data is broken"; }

 private:
  const ByteSource& source_;
  uint64_t next_;
  uint64_t left_;
  z_stream stream_{};
  bool open_ = false;
  std::vector<std::byte> input_;
};

Error At(ErrorCode code, std::string message, uint64_t offset) {
  Error error{code, std::move(message)};
  error.offset = offset;
  return error;
}

Error TooLarge(uint64_t limit, uint64_t offset) {
  return At(ErrorCode::kLimit, "the data inflates to more than the " + std::to_string(limit) + " bytes allowed here",
            offset)
      .Hint("inflate the file with another program if it is trusted");
}

}  // namespace

uint64_t MostInflated(uint64_t length) {
  constexpr uint64_t kRatio = 1032;
  return CheckedMul(CheckedAdd(length, uint64_t{1}).value_or(length), kRatio)
      .value_or(std::numeric_limits<uint64_t>::max());
}

Result<std::vector<std::byte>> Inflate(const ByteSource& source, uint64_t offset, uint64_t length,
                                       const InflateOptions& options) {
  if (offset > source.size() || length > source.size() - offset) {
    return At(ErrorCode::kTruncated, "the deflated data ends outside the file", offset);
  }
  const uint64_t most = MostInflated(length);
  if (options.size && *options.size > most) {
    return At(ErrorCode::kCorrupt,
              std::to_string(length) + " deflated bytes cannot become the promised " + std::to_string(*options.size),
              offset);
  }
  if (options.size && *options.size > options.limit) return TooLarge(options.limit, offset);

  const uint64_t bound = options.size ? *options.size : std::min(options.limit, most);
  std::vector<std::byte> out(static_cast<size_t>(options.size ? bound : std::min(bound, kFirstOutput)));
  size_t used = 0;
  Inflater inflater(source, offset, length);
  PTHVIEW_TRY(inflater.Begin(options.format));
  while (true) {
    PTHVIEW_TRY(inflater.Refill());
    if (used == out.size() && out.size() < bound) {
      out.resize(static_cast<size_t>(std::min<uint64_t>(bound, uint64_t{out.size()} * 2)));
    }
    // With the output full, one spare byte tells a stream that just ends from one that goes on.
    std::byte spare{};
    const bool full = used == out.size();
    size_t written = 0;
    const int code = inflater.Step(full ? std::span(&spare, 1) : std::span(out).subspan(used), &written);
    if (full && written != 0) {
      if (!options.size) return TooLarge(options.limit, inflater.position());
      return At(ErrorCode::kCorrupt,
                "the data inflates to more than the promised " + std::to_string(*options.size) + " bytes",
                inflater.position());
    }
    used += written;
    if (code == Z_STREAM_END) {
      PTHVIEW_TRY(inflater.Refill());
      if (options.format == DeflateFormat::kGzip && inflater.NextMember()) continue;
      break;
    }
    if (code != Z_OK && code != Z_BUF_ERROR) return At(ErrorCode::kCorrupt, inflater.message(), inflater.position());
    if (written == 0 && inflater.InputEnded()) {
      return At(ErrorCode::kTruncated, "the deflated data ends before its end mark", inflater.position());
    }
  }
  if (options.size && used != *options.size) {
    return At(ErrorCode::kCorrupt,
              "the data inflates to " + std::to_string(used) + " bytes instead of the promised " +
                  std::to_string(*options.size),
              inflater.position());
  }
  out.resize(used);
  return out;
}

}  // namespace pthview
