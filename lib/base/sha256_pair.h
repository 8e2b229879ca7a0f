// SHA-256 of two streams at once on one core. The processor's instructions for it wait for each other within a stream;
// a second stream fills the gaps, and takes hardly any time of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pthview {

// One stream; FIPS 180-4. Where the processor has no instructions for it, slower than Sha256.
class Sha256Stream {
 public:
  void Update(std::span<const std::byte> bytes);
  // Lower-case hex; the stream is done after that.
  std::string Finish();

  // a.Update(of_a) and b.Update(of_b). The streams differ.
  static void UpdateBoth(Sha256Stream& a, std::span<const std::byte> of_a, Sha256Stream& b,
                         std::span<const std::byte> of_b);

 private:
  // Takes what completes a started block, then gives the whole blocks that `bytes` begins with.
  std::span<const std::byte> Blocks(std::span<const std::byte>& bytes);
  void Keep(std::span<const std::byte> rest);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> started_;
  size_t filled_ = 0;  // of started_
  uint64_t length_ = 0;
};

// Something to hash: pieces in a row.
struct HashJob {
  std::vector<std::span<const std::byte>> pieces;
  std::string sha256;  // the answer
};

// All of them, two at a time.
void HashAll(std::span<HashJob> jobs);

// Whether the processor has the instructions: else Sha256 is the faster.
bool HasShaInstructions();

}  // namespace pthview
