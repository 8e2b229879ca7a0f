#include "converters/torch/pickle_writer.h"

#include <cstring>

#include <gtest/gtest.h>

#include "lib/pickle/machine.h"
#include "lib/pickle/print.h"

namespace pthview {
namespace {

// What the machine reads of a pickle of one value.
template <typename Write>
std::string ReadBack(Write write) {
  PickleWriter writer;
  write(writer);
  const std::string text = std::move(writer).Finish();
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  auto tree = pickle::Read(std::move(bytes), {});
  return tree ? pickle::Print(*tree, tree->root, 2000) : tree.error().message;
}

TEST(PickleWriter, Integers) {
  for (int64_t value :
       {int64_t{0}, int64_t{255}, int64_t{256}, int64_t{65535}, int64_t{65536}, int64_t{-1}, int64_t{-128},
        int64_t{-129}, int64_t{INT32_MAX}, int64_t{INT32_MAX} + 1, int64_t{INT32_MIN} - 1, INT64_MAX, INT64_MIN,
        int64_t{1} << 39, -(int64_t{1} << 39), int64_t{0x80000000}}) {
    EXPECT_EQ(ReadBack([&](PickleWriter& w) { w.Int(value); }), std::to_string(value));
  }
}

TEST(PickleWriter, BigIntegers) {
  for (const char* digits :
       {"0", "-1", "128", "-128", "-129", "255", "-256", "9223372036854775808", "-9223372036854775808",
        "-9223372036854775809", "123456789012345678901234567890123456789012345678901234567890"}) {
    EXPECT_EQ(ReadBack([&](PickleWriter& w) { EXPECT_TRUE(w.BigInt(digits)); }), digits);
  }
  PickleWriter writer;
  EXPECT_FALSE(writer.BigInt(std::string(700, '9'))) << "more than 255 bytes";
  EXPECT_FALSE(writer.BigInt("12x"));
}

TEST(PickleWriter, EqualTextsAreOneObject) {
  PickleWriter writer;
  writer.Mark();
  writer.Text("abcdefgh");
  const size_t one = writer.size();
  writer.Text("abcdefgh");
  EXPECT_LE(writer.size() - one, 2U);
}

}  // namespace
}  // namespace pthview
