#include "lib/container/packed_xz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container/pack.h"

namespace pthview {
namespace {

void ExpectPartsOf(const std::string& packed, const std::string& bytes, uint64_t block) {
  auto source = SourceOf(packed);
  auto data = PackedXz::Open(*source);
  ASSERT_TRUE(data) << ToString(data.error());
  ASSERT_EQ((*data)->size(), bytes.size());
  EXPECT_TRUE(PartOf(**data, 0, bytes.size() + 1) == bytes);
  for (uint64_t offset = 0; offset < bytes.size(); offset += bytes.size() / 23 + 1) {
    EXPECT_LE((*data)->StartBefore(offset), offset);
    EXPECT_LT(offset - (*data)->StartBefore(offset), block);
    EXPECT_TRUE(PartOf(**data, offset, 70'000) == bytes.substr(offset, 70'000)) << offset;
  }
}

std::string CodeOf(const std::string& packed) {
  auto source = SourceOf(packed);
  auto data = PackedXz::Open(*source);
  if (!data) return std::string("open: ") + ErrorCodeName(data.error().code);
  return PartOf(**data, 0, static_cast<size_t>((*data)->size()));
}

TEST(PackedXz, IsEnteredAtItsBlocks) {
  const std::string bytes = Runs(1'000'000);
  ExpectPartsOf(Xz(bytes), bytes, bytes.size());
  ExpectPartsOf(Xz(bytes, 50'000), bytes, 50'000);
  for (lzma_check check : {LZMA_CHECK_NONE, LZMA_CHECK_CRC32, LZMA_CHECK_SHA256}) {
    ExpectPartsOf(Xz(bytes, 300'000, 0, check), bytes, 300'000);
  }
}

TEST(PackedXz, SeveralStreamsAndPaddingAreOne) {
  const std::string bytes = Runs(600'000);
  const std::string packed = Xz(bytes.substr(0, 200'000), 60'000) + std::string(8, '\0') + Xz("") +
                             Xz(bytes.substr(200'000), 90'000, 1, LZMA_CHECK_CRC32) + std::string(4, '\0');
  ExpectPartsOf(packed, bytes, 90'000);
}

TEST(PackedXz, NothingAtAll) { EXPECT_EQ(CodeOf(Xz("")), ""); }

TEST(PackedXz, WhereverItIsCutItSaysSo) {
  const std::string packed = Xz(Runs(3000), 1000);
  for (size_t length = 0; length < packed.size(); ++length) {
    EXPECT_EQ(CodeOf(packed.substr(0, length)), "open: truncated") << length;
  }
  EXPECT_THAT(CodeOf(packed.substr(0, 100) + "YZ"), testing::StartsWith("open: "));
}

TEST(PackedXz, EveryWrongByteIsFound) {
  const std::string bytes = Runs(3000);
  const std::string packed = Xz(bytes, 1000);
  for (size_t at = 0; at < packed.size(); ++at) {
    std::string wrong = packed;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x10);
    EXPECT_THAT(CodeOf(wrong), testing::ContainsRegex("^(open|error): (corrupt|truncated|unsupported|limit)$")) << at;
  }
}

TEST(PackedXz, ErrorsComeWithTheBlockThatIsReached) {
  const std::string bytes = Runs(300'000);
  std::string packed = Xz(bytes, 100'000);
  packed[packed.size() / 2] ^= 1;  // in the second block
  auto source = SourceOf(packed);
  auto data = PackedXz::Open(*source);
  ASSERT_TRUE(data);
  EXPECT_TRUE(PartOf(**data, 0, 100'000) == bytes.substr(0, 100'000));
  EXPECT_EQ(PartOf(**data, 100'000, 100'000), "error: corrupt");
  EXPECT_TRUE(PartOf(**data, 200'000, 100'000) == bytes.substr(200'000));
  auto pass = (*data)->Start(100'000);
  std::vector<std::byte> out(100'000);
  size_t written = 0;
  auto offset = (*pass)->Next(out, &written).error().offset;
  ASSERT_TRUE(offset);
  EXPECT_GT(*offset, packed.size() / 3);
  EXPECT_LT(*offset, packed.size() * 3 / 4);
}

TEST(PackedXz, DictionariesAreBounded) {
  lzma_options_lzma options;
  lzma_lzma_preset(&options, 0);
  options.dict_size = uint32_t{256} << 20;
  lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  std::string out(4096, '\0');
  size_t size = 0;
  ASSERT_EQ(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const uint8_t*>("data"), 4,
                                      reinterpret_cast<uint8_t*>(out.data()), &size, out.size()),
            LZMA_OK);
  EXPECT_EQ(CodeOf(out.substr(0, size)), "error: limit");
}

TEST(PackedXz, PassesSayWhatTheyHold) {
  const auto memory = [](uint32_t preset) {
    auto source = SourceOf(Xz(Runs(1000), 0, preset));
    auto data = PackedXz::Open(*source);
    auto pass = (*data)->Start(0);
    std::vector<std::byte> out(10);
    size_t written = 0;
    EXPECT_TRUE((*pass)->Next(out, &written));
    return (*pass)->memory();
  };
  EXPECT_GT(memory(9), uint64_t{64} << 20);  // the dictionary
  EXPECT_LT(memory(6), uint64_t{16} << 20);
}

// liblzma takes time that grows with the square of their number.
TEST(PackedXz, ThousandsOfStreamsWithNothingInThemAreRefused) {
  const std::string empty = Xz("");
  const auto streams = [&](size_t count) {
    std::string packed;
    packed.reserve(count * empty.size());
    while (count-- != 0) packed += empty;
    return SourceOf(packed);
  };
  auto few = streams(2000);
  EXPECT_TRUE(PackedXz::Open(*few));
  auto many = streams(300'000);
  auto data = PackedXz::Open(*many);
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, ErrorCode::kLimit);
  EXPECT_THAT(data.error().message, testing::HasSubstr(std::to_string((1 << 20) + many->size() / 64)));
  EXPECT_THAT(data.error().hint, testing::HasSubstr("unxz"));
}

}  // namespace
}  // namespace pthview
