#include "lib/base/text_hash.h"

#include <set>
#include <string>
#include <unordered_set>

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(TextHash, IsTheSameForEqualTextWhereverItStands) {
  const TextHash hash;
  for (size_t size = 0; size <= 40; ++size) {
    const std::string text(size, 'x');
    const std::string padded = "#" + text + "#";
    EXPECT_EQ(hash(text), hash(std::string_view(padded).substr(1, size))) << size;
    EXPECT_EQ(hash(text), TextHash()(text)) << "tables of one run agree";
  }
}

TEST(TextHash, EveryCharacterAndTheLengthCount) {
  const TextHash hash;
  std::set<uint64_t> seen;
  size_t texts = 0;
  for (size_t size = 0; size <= 40; ++size) {
    seen.insert(hash(std::string(size, 'x')));
    ++texts;
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = 'y';
      seen.insert(hash(text));
      ++texts;
    }
  }
  EXPECT_EQ(seen.size(), texts);
}

TEST(TextHash, FoldsWhatItIsToldTo) {
  const TextHash hash;
  const auto lower = [](uint64_t word) { return word | 0x2020202020202020; };
  for (const char* text : {"A", "Ab", "ABC", "ABCD", "ABCDEFG", "ABCDEFGH", "ABCDEFGHIJKLMNOPQ"}) {
    std::string small(text);
    for (char& c : small) c = static_cast<char>(c | 0x20);
    EXPECT_EQ(hash.Of(text, lower), hash.Of(small, lower)) << text;
    EXPECT_NE(hash(text), hash(small)) << text;
  }
}

// Names made to share the low bits of an unseeded hash (their numbers are multiples of the table's size) spread.
TEST(TextHash, SpreadsOverTheLowBits) {
  const TextHash hash;
  std::unordered_set<uint64_t> slots;
  for (int i = 0; i < 4096; ++i) slots.insert(hash("layer." + std::to_string(i * 4096) + ".weight") & 4095);
  EXPECT_GT(slots.size(), 2300u);  // random throws into 4,096 slots hit 2,589 of them
}

}  // namespace
}  // namespace pthview
