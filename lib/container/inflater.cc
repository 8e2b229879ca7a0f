#include "lib/container/inflater.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace pthview {
namespace {

constexpr uint64_t kInput = uint64_t{1} << 16;
constexpr uint64_t kMostAtOnce = uint64_t{1} << 30;  // zlib counts in 32 bits
constexpr int kRawBits = -MAX_WBITS;
constexpr int kGzipBits = MAX_WBITS + 16;
constexpr uint64_t kTrailer = 8;  // of a gzip member: CRC-32 and size modulo 2^32

Error At(ErrorCode code, std::string message, uint64_t offset) {
  Error error{code, std::move(message)};
  error.offset = offset;
  return error;
}

Error EndsEarly(uint64_t offset) {
  return At(ErrorCode::kTruncated, "the deflated data ends before its end mark", offset);
}

}  // namespace

Inflater::Inflater(const ByteSource& source, uint64_t offset, uint64_t length, DeflateFormat format)
    : source_(source),
      next_(std::min(offset, source.size())),
      end_(next_ + std::min(length, source.size() - next_)),
      format_(format) {}

Status Inflater::Begin(const RestartPoint* point) {
  const bool raw = format_ == DeflateFormat::kRaw || point != nullptr;
  if (inflateInit2(&stream_, raw ? kRawBits : kGzipBits) != Z_OK) {
    return Error{ErrorCode::kInternal, "zlib could not start"};
  }
  input_.resize(static_cast<size_t>(std::min(end_ - next_, kInput)));
  if (point == nullptr) return Ok();
  inside_member_ = format_ == DeflateFormat::kGzip;
  next_ = point->packed;
  unpacked_ = point->unpacked;
  if (point->bits != 0) {
    std::array<std::byte, 1> shared;
    PTHVIEW_TRY(source_.ReadAt(next_ - 1, shared));
    inflatePrime(&stream_, point->bits, std::to_integer<int>(shared[0]) >> (8 - point->bits));
  }
  inflateSetDictionary(&stream_, reinterpret_cast<const Bytef*>(point->window.data()),
                       static_cast<uInt>(point->window.size()));
  return Ok();
}

Status Inflater::Refill() {
  if (stream_.avail_in != 0 || next_ == end_) return Ok();
  const auto count = static_cast<size_t>(std::min<uint64_t>(end_ - next_, input_.size()));
  PTHVIEW_TRY(source_.ReadAt(next_, std::span(input_).first(count)));
  stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
  stream_.avail_in = static_cast<uInt>(count);
  next_ += count;
  return Ok();
}

Status Inflater::Step(std::span<std::byte> out, bool stop_at_border, size_t* written) {
  *written = 0;
  at_border_ = false;
  while (*written < out.size() && !ended_ && !at_border_) {
    PTHVIEW_TRY(Refill());
    const auto room = static_cast<uInt>(std::min<uint64_t>(out.size() - *written, kMostAtOnce));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + *written);
    stream_.avail_out = room;
    const bool input_ended = stream_.avail_in == 0;
    const int code = inflate(&stream_, stop_at_border ? Z_BLOCK : Z_NO_FLUSH);
    const uInt got = room - stream_.avail_out;
    *written += got;
    unpacked_ += got;
    if (code == Z_STREAM_END) {
      PTHVIEW_TRY(EndMember());
      continue;
    }
    if (code != Z_OK && code != Z_BUF_ERROR) {
      return At(ErrorCode::kCorrupt, stream_.msg != nullptr ? stream_.msg : "the deflated data is broken", packed());
    }
    // Bit 7: right behind a block, or a gzip header. Bit 6: that block was the last, and no other follows.
    const bool behind_block = (stream_.data_type & 128) != 0;
    at_border_ = stop_at_border && behind_block && (stream_.data_type & 64) == 0;
    if (got == 0 && input_ended && !behind_block) return EndsEarly(packed());
  }
  return Ok();
}

// Behind a deflated stream: what is left of its member, then the next member.
Status Inflater::EndMember() {
  ended_ = true;
  if (format_ == DeflateFormat::kRaw) return Ok();
  uint64_t at = packed();
  if (inside_member_) {
    if (end_ - at < kTrailer) return EndsEarly(end_);
    at += kTrailer;
  }
  std::array<std::byte, 2> magic{};
  if (end_ - at < magic.size()) return Ok();
  PTHVIEW_TRY(source_.ReadAt(at, magic));
  if (magic[0] != std::byte{0x1f} || magic[1] != std::byte{0x8b}) return Ok();
  if (inside_member_) {
    const uint64_t skip = at - packed();
    if (skip <= stream_.avail_in) {
      stream_.next_in += skip;
      stream_.avail_in -= static_cast<uInt>(skip);
    } else {
      stream_.avail_in = 0;
      next_ = at;
    }
  }
  inside_member_ = false;
  ended_ = inflateReset2(&stream_, kGzipBits) != Z_OK;
  return Ok();
}

std::optional<RestartPoint> Inflater::Border() {
  if (!at_border_) return std::nullopt;
  RestartPoint point{.unpacked = unpacked_, .packed = packed(), .bits = stream_.data_type & 7};
  std::array<std::byte, size_t{1} << MAX_WBITS> window;
  uInt length = 0;
  inflateGetDictionary(&stream_, reinterpret_cast<Bytef*>(window.data()), &length);
  point.window.assign(window.begin(), window.begin() + length);
  return point;
}

}  // namespace pthview
