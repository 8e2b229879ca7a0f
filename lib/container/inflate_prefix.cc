#include "lib/container/inflate_prefix.h"

#include <algorithm>
#include <array>
#include <span>

#include <lzma.h>

namespace pthview {
namespace {

constexpr size_t kInput = size_t{1} << 16;

}  // namespace

InflatedPrefix InflatePrefix(const ByteSource& source, uint64_t offset, uint64_t length, DeflateFormat format,
                             uint64_t most) {
  InflatedPrefix prefix;
  Inflater inflater(source, offset, length, format);
  std::array<std::byte, kInput> output;
  Status status = inflater.Begin();
  bool all = true;
  while (status && all && !inflater.ended()) {
    size_t written = 0;
    status = inflater.Step(output, false, &written);
    const auto kept = static_cast<size_t>(std::min<uint64_t>(written, most - prefix.bytes.size()));
    prefix.bytes.insert(prefix.bytes.end(), output.begin(), output.begin() + static_cast<std::ptrdiff_t>(kept));
    all = kept == written;
  }
  prefix.whole = status && all;
  prefix.broken = !status && status.error().code == ErrorCode::kCorrupt;
  return prefix;
}

InflatedPrefix UnpackXzPrefix(const ByteSource& source, uint64_t most) {
  constexpr uint64_t kMemory = uint64_t{1} << 27;  // for the dictionary; xz -9 needs half of it
  InflatedPrefix prefix;
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMemory, LZMA_CONCATENATED) != LZMA_OK) return prefix;
  std::vector<std::byte> input(kInput);
  std::array<std::byte, kInput> output;
  uint64_t offset = 0;
  lzma_ret code = LZMA_OK;
  while (code == LZMA_OK) {
    if (stream.avail_in == 0 && offset < source.size()) {
      const auto count = static_cast<size_t>(std::min<uint64_t>(source.size() - offset, input.size()));
      if (!source.ReadAt(offset, std::span(input).first(count))) break;
      stream.next_in = reinterpret_cast<const uint8_t*>(input.data());
      stream.avail_in = count;
      offset += count;
    }
    stream.next_out = reinterpret_cast<uint8_t*>(output.data());
    stream.avail_out = output.size();
    code = lzma_code(&stream, offset == source.size() ? LZMA_FINISH : LZMA_RUN);
    const size_t written = output.size() - stream.avail_out;
    const auto kept = static_cast<size_t>(std::min<uint64_t>(written, most - prefix.bytes.size()));
    prefix.bytes.insert(prefix.bytes.end(), output.begin(), output.begin() + static_cast<std::ptrdiff_t>(kept));
    if (kept < written) break;
    prefix.whole = code == LZMA_STREAM_END;
  }
  prefix.broken = code == LZMA_DATA_ERROR || code == LZMA_FORMAT_ERROR;
  lzma_end(&stream);
  return prefix;
}

}  // namespace pthview
