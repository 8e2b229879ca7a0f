#include "lib/container/xz.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include <lzma.h>

namespace pthview {
namespace {

constexpr size_t kChunk = size_t{1} << 16;
constexpr uint64_t kMemory = uint64_t{128} << 20;  // what `xz -9` needs, twice

Error ErrorOf(lzma_ret code, uint64_t offset) {
  Error error{ErrorCode::kCorrupt, "the xz data is broken"};
  if (code == LZMA_MEMLIMIT_ERROR || code == LZMA_MEM_ERROR) {
    error = {ErrorCode::kLimit, "unpacking it needs more memory than any real file does"};
  } else if (code == LZMA_BUF_ERROR) {
    error = {ErrorCode::kTruncated, "the xz data ends before its end mark"};
  } else if (code == LZMA_OPTIONS_ERROR) {
    error = {ErrorCode::kUnsupported, "the xz data uses a filter that is not known"};
  }
  error.offset = offset;
  return error;
}

}  // namespace

Result<std::vector<std::byte>> UnpackXz(const ByteSource& source, uint64_t limit) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMemory, LZMA_CONCATENATED) != LZMA_OK) {
    return Error{ErrorCode::kInternal, "liblzma could not start"};
  }
  struct End {
    lzma_stream* stream;
    ~End() { lzma_end(stream); }
  } end{&stream};
  std::vector<std::byte> input(kChunk);
  std::vector<std::byte> out;
  uint64_t next = 0;
  while (true) {
    if (stream.avail_in == 0 && next < source.size()) {
      auto count = static_cast<size_t>(std::min<uint64_t>(source.size() - next, input.size()));
      PTHVIEW_TRY(source.ReadAt(next, std::span(input).first(count)));
      next += count;
      stream.next_in = reinterpret_cast<const uint8_t*>(input.data());
      stream.avail_in = count;
    }
    size_t used = out.size();
    if (used >= limit) {
      Error error{ErrorCode::kLimit, "it unpacks to more than the " + std::to_string(limit) + " bytes allowed here"};
      error.hint = "unpack the file with `unxz -k` if it is trusted, and open what comes out";
      return error;
    }
    auto room = static_cast<size_t>(std::min<uint64_t>(limit - used, std::max<size_t>(used, kChunk)));
    out.resize(used + room);
    stream.next_out = reinterpret_cast<uint8_t*>(out.data() + used);
    stream.avail_out = room;
    lzma_ret code = lzma_code(&stream, next == source.size() ? LZMA_FINISH : LZMA_RUN);
    out.resize(used + room - stream.avail_out);
    if (code == LZMA_STREAM_END) return out;
    if (code != LZMA_OK) return ErrorOf(code, next - stream.avail_in);
  }
}

}  // namespace pthview
