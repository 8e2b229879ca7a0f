// TextHash: a fast hash of names that come from files.
//
// Seeded anew in each run, so that no file can be made whose names all fall into one slot of a table: what is keyed by
// text from a file is hashed with it. Words are mixed by the two halves of a 128-bit product.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

namespace pthview {

class TextHash {
 public:
  TextHash() : seed_(Seed()) {}

  uint64_t operator()(std::string_view text) const {
    return Of(text, [](uint64_t word) { return word; });
  }
  uint64_t operator()(uint64_t number) const { return Mix(number ^ seed_, kOdd); }

  // `word_of` maps each eight characters before they are mixed in (to fold case, say); it must treat every byte alike,
  // wherever it stands in a word.
  template <typename WordOf>
  uint64_t Of(std::string_view text, const WordOf& word_of) const {
    uint64_t hash = Mix(seed_ ^ text.size(), kOdd);
    const char* at = text.data();
    size_t left = text.size();
    for (; left > 8; at += 8, left -= 8) hash = Mix(hash ^ word_of(Load<uint64_t>(at)), kOdd ^ seed_);
    const uint64_t last = left == 8          ? Load<uint64_t>(at)
                          : text.size() >= 8 ? Load<uint64_t>(at + left - 8)
                          : left >= 4        ? Load<uint32_t>(at) | uint64_t{Load<uint32_t>(at + left - 4)} << 32
                                             : Few(at, left);
    return Mix(hash ^ word_of(last), kOdd ^ seed_);
  }

 private:
  static constexpr uint64_t kOdd = 0xa0761d6478bd642f;

  static uint64_t Seed() {
    static const uint64_t seed = [] {
      std::random_device device;
      return uint64_t{device()} << 32 | device();
    }();
    return seed;
  }
  static uint64_t Mix(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  template <typename T>
  static T Load(const char* from) {
    T word;
    std::memcpy(&word, from, sizeof(word));
    return word;
  }
  // 0 to 3 characters.
  static uint64_t Few(const char* at, size_t count) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; ++i) word |= uint64_t{static_cast<uint8_t>(at[i])} << 8 * i;
    return word;
  }

  uint64_t seed_;
};

}  // namespace pthview
