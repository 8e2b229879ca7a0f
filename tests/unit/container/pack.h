// Packs bytes as gzip, deflate and xz, in each of the ways that writers choose.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <lzma.h>
#include <zlib.h>

#include "lib/base/source.h"
#include "lib/container/packed_data.h"

namespace pthview {

inline std::unique_ptr<ByteSource> SourceOf(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return OpenMemory("test", {data, data + bytes.size()});
}

// Runs of random length of random values: bytes that repeat nowhere, and with the longest of 8 pack to about a third.
inline std::string Runs(size_t size, uint32_t seed = 1, uint32_t longest = 8) {
  std::mt19937 random(seed);
  std::string out;
  out.reserve(size + longest);
  while (out.size() < size) {
    const uint32_t bits = random();
    out.append(1 + bits % (longest - 1), static_cast<char>(bits >> 8));
    out.push_back(static_cast<char>(bits >> 16));
  }
  out.resize(size);
  return out;
}

struct DeflateHow {
  int window_bits = MAX_WBITS + 16;  // gzip; -MAX_WBITS: raw
  int level = 1;
  size_t flush_each = 0;  // bytes between flushes; 0: none
  int flush = Z_SYNC_FLUSH;
};

inline std::string Deflate(std::string_view data, const DeflateHow& how = {}) {
  z_stream stream{};
  deflateInit2(&stream, how.level, Z_DEFLATED, how.window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, data.size()) + 64 + (how.flush_each ? data.size() / how.flush_each * 32 : 0),
                  '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  size_t left = data.size();
  while (how.flush_each != 0 && left > how.flush_each) {
    stream.avail_in = static_cast<uInt>(how.flush_each);
    deflate(&stream, how.flush);
    left -= how.flush_each;
  }
  stream.avail_in = static_cast<uInt>(left);
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// One xz stream; blocks of `block` unpacked bytes each, or one of all.
inline std::string Xz(std::string_view data, size_t block = 0, uint32_t preset = 0,
                      lzma_check check = LZMA_CHECK_CRC64) {
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_options_lzma options;
  lzma_lzma_preset(&options, preset);
  const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  EXPECT_EQ(lzma_stream_encoder(&stream, filters, check), LZMA_OK);
  std::string out(data.size() + data.size() / 2 + 4096 + (block ? data.size() / block * 128 : 0), '\0');
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = out.size();
  for (size_t at = 0; block != 0 && at + block < data.size(); at += block) {
    stream.next_in = reinterpret_cast<const uint8_t*>(data.data() + at);
    stream.avail_in = block;
    while (lzma_code(&stream, LZMA_FULL_FLUSH) == LZMA_OK) {
    }
  }
  const size_t rest = block == 0 || data.empty() ? data.size() : (data.size() - 1) % block + 1;
  stream.next_in = reinterpret_cast<const uint8_t*>(data.data() + data.size() - rest);
  stream.avail_in = rest;
  while (lzma_code(&stream, LZMA_FINISH) == LZMA_OK) {
  }
  out.resize(stream.total_out);
  lzma_end(&stream);
  return out;
}

// `count` bytes of a pass over the data that begins at or before `offset`; "error: <code>" when it fails.
inline std::string PartOf(PackedData& data, uint64_t offset, size_t count) {
  auto pass = data.Start(offset);
  if (!pass) return std::string("error: ") + ErrorCodeName(pass.error().code);
  std::string out(offset - (*pass)->position() + count, '\0');
  const size_t skip = out.size() - count;
  size_t written = 0;
  Status status = (*pass)->Next(std::as_writable_bytes(std::span(out)), &written);
  if (!status) return std::string("error: ") + ErrorCodeName(status.error().code);
  out.resize(written);
  return out.substr(std::min(skip, written));
}

}  // namespace pthview
