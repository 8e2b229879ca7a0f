#include "lib/base/sha256_pair.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <cpuid.h>
#include <immintrin.h>

namespace pthview {
namespace {

constexpr size_t kBlock = 64;

alignas(16) constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define PTHVIEW_SHA __attribute__((target("sha,sse4.1,ssse3")))

// `blocks` blocks of each of N streams, side by side.
// Source: Intel, "Intel SHA Extensions", 2013: the order of the instructions in four rounds.
template <int N>
PTHVIEW_SHA void ByInstructions(uint32_t* const* states, const std::byte* const* at, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abef[N];
  __m128i cdgh[N];
#pragma GCC unroll 2
  for (int n = 0; n < N; ++n) {
    const __m128i low = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(states[n])), 0xB1);
    const __m128i high = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(states[n] + 4)), 0x1B);
    abef[n] = _mm_alignr_epi8(low, high, 8);
    cdgh[n] = _mm_blend_epi16(high, low, 0xF0);
  }
  for (size_t block = 0; block < blocks; ++block) {
    __m128i m[N][4];
    __m128i abef_before[N];
    __m128i cdgh_before[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) {
      abef_before[n] = abef[n];
      cdgh_before[n] = cdgh[n];
      const auto* from = reinterpret_cast<const __m128i*>(at[n] + block * kBlock);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) m[n][i] = _mm_shuffle_epi8(_mm_loadu_si128(from + i), swap);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kRound + 4 * i));
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) {
        __m128i words = _mm_add_epi32(m[n][i % 4], constants);
        cdgh[n] = _mm_sha256rnds2_epu32(cdgh[n], abef[n], words);
        if (i >= 3 && i < 15) {
          const __m128i before = _mm_alignr_epi8(m[n][i % 4], m[n][(i + 3) % 4], 4);
          m[n][(i + 1) % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(m[n][(i + 1) % 4], before), m[n][i % 4]);
        }
        words = _mm_shuffle_epi32(words, 0x0E);
        abef[n] = _mm_sha256rnds2_epu32(abef[n], cdgh[n], words);
        if (i >= 1 && i < 13) m[n][(i + 3) % 4] = _mm_sha256msg1_epu32(m[n][(i + 3) % 4], m[n][i % 4]);
      }
    }
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) {
      abef[n] = _mm_add_epi32(abef[n], abef_before[n]);
      cdgh[n] = _mm_add_epi32(cdgh[n], cdgh_before[n]);
    }
  }
#pragma GCC unroll 2
  for (int n = 0; n < N; ++n) {
    const __m128i feba = _mm_shuffle_epi32(abef[n], 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(cdgh[n], 0xB1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(states[n]), _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(states[n] + 4), _mm_alignr_epi8(dchg, feba, 8));
  }
}

void ByHand(uint32_t* state, const std::byte* at, size_t blocks) {
  for (; blocks > 0; --blocks, at += kBlock) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i) {
      uint32_t word;
      std::memcpy(&word, at + 4 * i, 4);
      w[i] = __builtin_bswap32(word);
    }
    for (int i = 16; i < 64; ++i) {
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    std::copy_n(state, 8, v);
    for (int i = 0; i < 64; ++i) {
      const uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
      const uint32_t one = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + kRound[i] + w[i];
      const uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
      const uint32_t two = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      std::copy_backward(v, v + 7, v + 8);
      v[4] += one;
      v[0] = one + two;
    }
    for (int i = 0; i < 8; ++i) state[i] += v[i];
  }
}

void Compress(uint32_t* state, const std::byte* at, size_t blocks) {
  if (HasShaInstructions()) {
    ByInstructions<1>(&state, &at, blocks);
  } else {
    ByHand(state, at, blocks);
  }
}

}  // namespace

bool HasShaInstructions() {
  static const bool has = [] {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1U << 29)) != 0 &&
           __builtin_cpu_supports("sse4.1") != 0;
  }();
  return has;
}

std::span<const std::byte> Sha256Stream::Blocks(std::span<const std::byte>& bytes) {
  length_ += bytes.size();
  if (filled_ > 0) {
    const size_t take = std::min(kBlock - filled_, bytes.size());
    std::copy_n(bytes.begin(), take, started_.begin() + static_cast<ptrdiff_t>(filled_));
    filled_ += take;
    bytes = bytes.subspan(take);
    if (filled_ == kBlock) {
      Compress(state_.data(), started_.data(), 1);
      filled_ = 0;
    }
  }
  const auto whole = bytes.first(bytes.size() / kBlock * kBlock);
  bytes = bytes.subspan(whole.size());
  return whole;
}

void Sha256Stream::Keep(std::span<const std::byte> rest) {
  std::copy(rest.begin(), rest.end(), started_.begin() + static_cast<ptrdiff_t>(filled_));
  filled_ += rest.size();
}

void Sha256Stream::Update(std::span<const std::byte> bytes) {
  const auto whole = Blocks(bytes);
  Compress(state_.data(), whole.data(), whole.size() / kBlock);
  Keep(bytes);
}

void Sha256Stream::UpdateBoth(Sha256Stream& a, std::span<const std::byte> of_a, Sha256Stream& b,
                              std::span<const std::byte> of_b) {
  const auto whole_a = a.Blocks(of_a);
  const auto whole_b = b.Blocks(of_b);
  const size_t both = HasShaInstructions() ? std::min(whole_a.size(), whole_b.size()) / kBlock : 0;
  if (both > 0) {
    uint32_t* const states[] = {a.state_.data(), b.state_.data()};
    const std::byte* const at[] = {whole_a.data(), whole_b.data()};
    ByInstructions<2>(states, at, both);
  }
  Compress(a.state_.data(), whole_a.data() + both * kBlock, whole_a.size() / kBlock - both);
  Compress(b.state_.data(), whole_b.data() + both * kBlock, whole_b.size() / kBlock - both);
  a.Keep(of_a);
  b.Keep(of_b);
}

std::string Sha256Stream::Finish() {
  const uint64_t bits = length_ * 8;
  std::array<std::byte, 2 * kBlock> end{};
  std::copy_n(started_.begin(), filled_, end.begin());
  end[filled_] = std::byte{0x80};
  const size_t size = filled_ < kBlock - 8 ? kBlock : 2 * kBlock;
  for (size_t i = 0; i < 8; ++i) end[size - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
  Compress(state_.data(), end.data(), size / kBlock);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) text += kHex[(word >> shift) & 15];
  }
  return text;
}

void HashAll(std::span<HashJob> jobs) {
  struct Lane {
    HashJob* job = nullptr;
    Sha256Stream stream;
    size_t piece = 0;
    std::span<const std::byte> rest;
  } lanes[2];
  size_t next = 0;
  // Gives a lane bytes to do; false when there is nothing left.
  auto feed = [&](Lane& lane) {
    for (;;) {
      if (!lane.rest.empty()) return true;
      if (lane.job != nullptr && lane.piece < lane.job->pieces.size()) {
        lane.rest = lane.job->pieces[lane.piece++];
        continue;
      }
      if (lane.job != nullptr) lane.job->sha256 = lane.stream.Finish();
      if (next == jobs.size()) {
        lane.job = nullptr;
        return false;
      }
      lane = Lane();
      lane.job = &jobs[next++];
    }
  };
  auto take = [](Lane& lane, size_t size) {
    const auto taken = lane.rest.first(size);
    lane.rest = lane.rest.subspan(size);
    return taken;
  };
  for (;;) {
    const bool first = feed(lanes[0]);
    const bool second = feed(lanes[1]);
    if (!first && !second) return;
    if (first && second) {
      const size_t size = std::min(lanes[0].rest.size(), lanes[1].rest.size());
      const auto of_first = take(lanes[0], size);
      Sha256Stream::UpdateBoth(lanes[0].stream, of_first, lanes[1].stream, take(lanes[1], size));
    } else {
      Lane& lane = lanes[first ? 0 : 1];
      lane.stream.Update(take(lane, lane.rest.size()));
    }
  }
}

}  // namespace pthview
