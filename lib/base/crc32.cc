#include "lib/base/crc32.h"

#include <array>
#include <cstring>

#include <immintrin.h>

namespace pthview {
namespace {

// Eight tables for eight bytes a step.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
    tables[0][i] = value;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (size_t t = 1; t < 8; ++t) tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 255];
  }
  return tables;
}();

// Of the inverted register, as all of these.
uint32_t ByTable(uint32_t state, const std::byte* at, size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    word ^= state;
    state = 0;
    for (size_t t = 0; t < 8; ++t) state ^= kTables[7 - t][(word >> (8 * t)) & 255];
  }
  for (; size > 0; ++at, --size) state = (state >> 8) ^ kTables[0][(state ^ static_cast<uint32_t>(*at)) & 255];
  return state;
}

#define PTHVIEW_CLMUL __attribute__((target("pclmul,sse4.1")))

PTHVIEW_CLMUL inline __m128i Fold(__m128i x, __m128i k, __m128i next) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)), next);
}

// `size` is a multiple of 16 and at least 64.
PTHVIEW_CLMUL uint32_t ByMultiplication(uint32_t state, const std::byte* at, size_t size) {
  // x^(4*128+32), x^(4*128-32); x^(128+32), x^(128-32); x^64 mod P, reflected; P and its inverse for Barrett.
  const __m128i by_four = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_one = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i last = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  auto load = [](const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); };
  __m128i a = _mm_xor_si128(load(at), _mm_cvtsi32_si128(static_cast<int>(state)));
  __m128i b = load(at + 16);
  __m128i c = load(at + 32);
  __m128i d = load(at + 48);
  for (at += 64, size -= 64; size >= 64; at += 64, size -= 64) {
    a = Fold(a, by_four, load(at));
    b = Fold(b, by_four, load(at + 16));
    c = Fold(c, by_four, load(at + 32));
    d = Fold(d, by_four, load(at + 48));
  }
  a = Fold(a, by_one, b);
  a = Fold(a, by_one, c);
  a = Fold(a, by_one, d);
  for (; size >= 16; at += 16, size -= 16) a = Fold(a, by_one, load(at));
  const __m128i low32 = _mm_setr_epi32(~0, 0, ~0, 0);
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_one, 0x10));
  a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low32), last, 0x00));
  __m128i t = _mm_clmulepi64_si128(_mm_and_si128(a, low32), barrett, 0x10);
  t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), barrett, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(a, t), 1));
}

}  // namespace

uint32_t Crc32(uint32_t crc, std::span<const std::byte> bytes) {
  static const bool fast = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  uint32_t state = ~crc;
  const std::byte* at = bytes.data();
  size_t size = bytes.size();
  if (fast && size >= 64) {
    const size_t whole = size & ~size_t{15};
    state = ByMultiplication(state, at, whole);
    at += whole;
    size -= whole;
  }
  return ~ByTable(state, at, size);
}

}  // namespace pthview
