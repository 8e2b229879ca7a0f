// What the machine can do: loops with nothing around them, for the figures of statistics to stand beside.
//
//   bare_loops moments f32|bf16|f16 FILE OFFSET BYTES     sums of four powers, minimum, maximum, zeros
//   bare_loops memcmp FILE OFFSET BYTES FILE OFFSET   equal or not
//   bare_loops read FILE OFFSET BYTES                 nothing but the reading
//
// Each on all cores, in pieces read with pread into a buffer that fits the second-level cache. Compiled by stats.py
// with -O3 -march=native -ffast-math: the compiler may do what it likes.
#include <fcntl.h>
#include <immintrin.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr uint64_t kPiece = 1 << 24;
constexpr size_t kBuffer = 1 << 18;

struct Sums {
  double sum = 0, squares = 0, cubes = 0, fourths = 0;
  float min = 1e38F, max = -1e38F;
  int64_t zeros = 0;
};

void AddFloats(const float* x, size_t count, Sums* sums) {
  double sum = 0, squares = 0, cubes = 0, fourths = 0;
  float low = sums->min, high = sums->max;
  int64_t zeros = 0;
  for (size_t i = 0; i < count; ++i) {
    double v = x[i];
    sum += v;
    squares += v * v;
    cubes += v * v * v;
    fourths += v * v * v * v;
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    zeros += x[i] == 0;
  }
  sums->sum += sum;
  sums->squares += squares;
  sums->cubes += cubes;
  sums->fourths += fourths;
  sums->min = low;
  sums->max = high;
  sums->zeros += zeros;
}

void AddBrains(const uint16_t* x, size_t count, Sums* sums) {
  float wide[2048];
  for (size_t at = 0; at < count; at += 2048) {
    size_t n = std::min<size_t>(2048, count - at);
    for (size_t i = 0; i < n; ++i) {
      uint32_t bits = static_cast<uint32_t>(x[at + i]) << 16;
      std::memcpy(&wide[i], &bits, 4);
    }
    AddFloats(wide, n, sums);
  }
}

void AddHalves(const uint16_t* x, size_t count, Sums* sums) {
  float wide[2048];
  for (size_t at = 0; at < count; at += 2048) {
    size_t n = std::min<size_t>(2048, count - at);
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8) {
      __m128i halves;
      std::memcpy(&halves, x + at + i, sizeof(halves));
      _mm256_storeu_ps(&wide[i], _mm256_cvtph_ps(halves));
    }
#endif
    for (; i < n; ++i) {
      _Float16 half;
      std::memcpy(&half, x + at + i, sizeof(half));
      wide[i] = static_cast<float>(half);
    }
    AddFloats(wide, n, sums);
  }
}

void Read(int fd, char* to, size_t bytes, uint64_t at) {
  if (pread(fd, to, bytes, static_cast<off_t>(at)) != static_cast<ssize_t>(bytes)) {
    std::perror("pread");
    std::exit(1);
  }
}

void OnAllCores(uint64_t bytes, const std::function<void(uint64_t at, uint64_t end)>& work) {
  std::atomic<uint64_t> next{0};
  auto run = [&] {
    for (uint64_t at = next.fetch_add(kPiece); at < bytes; at = next.fetch_add(kPiece)) {
      work(at, std::min(at + kPiece, bytes));
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int count, char** words) {
  std::string what = count > 1 ? words[1] : "";
  const bool moments = what == "moments" && count == 6;
  const bool compare = what == "memcmp" && count == 7;
  if (!moments && !compare && !(what == "read" && count == 5)) return 2;
  char** file = words + (moments ? 3 : 2);
  int fd = open(file[0], O_RDONLY);
  uint64_t offset = std::strtoull(file[1], nullptr, 10);
  uint64_t bytes = std::strtoull(file[2], nullptr, 10);
  int other = compare ? open(file[3], O_RDONLY) : -1;
  uint64_t other_offset = compare ? std::strtoull(file[4], nullptr, 10) : 0;
  const bool brains = moments && std::string(words[2]) == "bf16";
  const bool halves = moments && std::string(words[2]) == "f16";
  std::atomic<int64_t> total{0};
  OnAllCores(bytes, [&](uint64_t at, uint64_t end) {
    std::vector<char> left(kBuffer);
    std::vector<char> right(compare ? kBuffer : 0);
    Sums sums;
    bool equal = true;
    for (; at < end; at += kBuffer) {
      size_t n = std::min<uint64_t>(kBuffer, end - at);
      Read(fd, left.data(), n, offset + at);
      if (compare) {
        Read(other, right.data(), n, other_offset + at);
        equal = equal && std::memcmp(left.data(), right.data(), n) == 0;
      } else if (brains) {
        AddBrains(reinterpret_cast<const uint16_t*>(left.data()), n / 2, &sums);
      } else if (halves) {
        AddHalves(reinterpret_cast<const uint16_t*>(left.data()), n / 2, &sums);
      } else if (moments) {
        AddFloats(reinterpret_cast<const float*>(left.data()), n / 4, &sums);
      }
    }
    total += sums.zeros + (sums.sum + sums.squares + sums.cubes + sums.fourths + sums.min + sums.max > 0) + equal;
  });
  std::printf("%lld\n", static_cast<long long>(total.load()));
  return 0;
}
