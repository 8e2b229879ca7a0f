// Unpacks gzip, xz, a deflated record, bzip2, zstd, zlib or lzma, and enters it in its middle: the same bytes must come
// out as from end to end. Input: <u8 kind> <u8 seed of the order> <packed bytes>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "lib/container/packed_deflate.h"
#include "lib/container/packed_stream.h"
#include "lib/container/packed_xz.h"

namespace {

constexpr size_t kMost = size_t{1} << 20;  // of what a kilobyte may become a megabyte of, more would only be slow

std::vector<std::byte> Read(pthview::UnpackPass& pass, size_t count, bool* right) {
  std::vector<std::byte> out(count);
  size_t written = 0;
  *right = static_cast<bool>(pass.Next(out, &written));
  if (written > count) std::abort();
  out.resize(written);
  return out;
}

void Check(pthview::PackedData& data, uint8_t seed) {
  auto first = data.Start(0);
  if (!first) return;
  bool whole = false;
  const std::vector<std::byte> all = Read(**first, kMost, &whole);
  std::minstd_rand random(seed);
  for (int i = 0; i < 8 && !all.empty(); ++i) {
    const size_t offset = random() % all.size();
    auto pass = data.Start(offset);
    if (!pass) continue;
    if ((*pass)->position() > offset) std::abort();
    const auto begin = static_cast<size_t>((*pass)->position());
    bool right = false;
    const auto part = Read(**pass, std::min<size_t>(offset - begin + random() % 5000, all.size() - begin), &right);
    // Behind what is wrong, blocks of xz may be read that the first pass did not come to.
    if (!std::equal(part.begin(), part.end(), all.begin() + static_cast<std::ptrdiff_t>(begin))) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  auto source = pthview::OpenMemory("fuzz", std::vector<std::byte>(bytes + 2, bytes + size));
  if (data[0] >= 0xF0) {
    const auto format = static_cast<pthview::StreamFormat>(data[0] % 4);
    (void)pthview::LooksLikeStream(format, {bytes + 2, size - 2});
    pthview::PackedStream stream(*source, format);
    Check(stream, data[1]);
    return 0;
  }
  if (data[0] % 3 == 0) {
    auto xz = pthview::PackedXz::Open(*source);
    if (xz) Check(**xz, data[1]);
    return 0;
  }
  const auto format = data[0] % 3 == 1 ? pthview::DeflateFormat::kGzip : pthview::DeflateFormat::kRaw;
  pthview::PackedDeflate deflated(*source, 0, source->size(), format, std::nullopt, data[0]);
  Check(deflated, data[1]);
  return 0;
}
