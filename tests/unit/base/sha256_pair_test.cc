#include "lib/base/sha256_pair.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lib/base/sha256.h"

namespace pthview {
namespace {

std::vector<std::byte> Noise(size_t size, uint32_t seed) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>((seed = seed * 1664525 + 1013904223) >> 24);
  return bytes;
}

std::string ByOpenssl(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

TEST(Sha256Stream, IsThatOfOpensslAtEveryLength) {
  const auto bytes = Noise(1000, 1);
  for (size_t length = 0; length < 300; ++length) {
    Sha256Stream stream;
    stream.Update(std::span(bytes).first(length / 3));
    stream.Update(std::span(bytes).subspan(length / 3, length - length / 3));
    EXPECT_EQ(stream.Finish(), ByOpenssl(std::span(bytes).first(length))) << length;
  }
}

TEST(Sha256Stream, TwoStreamsDoNotMix) {
  const auto a = Noise(5000, 1);
  const auto b = Noise(5000, 2);
  for (size_t of_a : {0, 1, 63, 64, 65, 128, 1000, 4999}) {
    for (size_t of_b : {0, 1, 64, 100, 2048, 5000}) {
      Sha256Stream one;
      Sha256Stream two;
      Sha256Stream::UpdateBoth(one, std::span(a).first(of_a), two, std::span(b).first(of_b));
      Sha256Stream::UpdateBoth(one, std::span(a).subspan(of_a), two, std::span(b).subspan(of_b));
      EXPECT_EQ(one.Finish(), ByOpenssl(a));
      EXPECT_EQ(two.Finish(), ByOpenssl(b));
    }
  }
}

TEST(HashAll, HashesEveryJob) {
  const auto bytes = Noise(20000, 3);
  std::vector<HashJob> jobs(7);
  std::vector<std::vector<std::byte>> whole(jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i) {
    for (size_t piece = 0; piece < i; ++piece) {
      const auto part = std::span(bytes).subspan(piece * 900 + i, 700 * piece % 2000);
      jobs[i].pieces.push_back(part);
      whole[i].insert(whole[i].end(), part.begin(), part.end());
    }
  }
  HashAll(jobs);
  for (size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i].sha256, ByOpenssl(whole[i])) << i;
  HashAll({});
}

}  // namespace
}  // namespace pthview
