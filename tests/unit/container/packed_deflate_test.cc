#include "lib/container/packed_deflate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container/pack.h"

namespace pthview {
namespace {

constexpr uint64_t kSpacing = 64 << 10;

// Every border that a first pass notes gives the same bytes as the pass itself.
void ExpectPartsOf(const std::string& packed, const std::string& bytes, DeflateFormat format) {
  auto source = SourceOf(packed);
  PackedDeflate data(*source, 0, packed.size(), format, std::nullopt, kSpacing);
  EXPECT_TRUE(PartOf(data, 0, bytes.size() + 1) == bytes);
  EXPECT_EQ(data.size(), bytes.size());
  EXPECT_GT(data.points(), bytes.size() / kSpacing / 4);
  for (uint64_t offset = 0; offset < bytes.size(); offset += bytes.size() / 37 + 1) {
    EXPECT_LE(data.StartBefore(offset), offset);
    EXPECT_LE(offset - data.StartBefore(offset), 4 * kSpacing);
    EXPECT_TRUE(PartOf(data, offset, 70'000) == bytes.substr(offset, 70'000)) << offset;
  }
  // To the end, over whatever stands behind.
  EXPECT_TRUE(PartOf(data, bytes.size() - 200'000, 300'000) == bytes.substr(bytes.size() - 200'000));
}

TEST(PackedDeflate, IsEnteredInItsMiddle) {
  const std::string bytes = Runs(2'000'000);
  for (int level : {1, 6, 9}) ExpectPartsOf(Deflate(bytes, {.level = level}), bytes, DeflateFormat::kGzip);
  ExpectPartsOf(Deflate(bytes, {.window_bits = -MAX_WBITS}), bytes, DeflateFormat::kRaw);
}

TEST(PackedDeflate, StoredBlocksAndFlushes) {
  const std::string bytes = Runs(2'000'000);
  ExpectPartsOf(Deflate(bytes, {.level = 0}), bytes, DeflateFormat::kGzip);
  for (int flush : {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_PARTIAL_FLUSH, Z_BLOCK}) {
    ExpectPartsOf(Deflate(bytes, {.flush_each = 10'007, .flush = flush}), bytes, DeflateFormat::kGzip);
  }
}

TEST(PackedDeflate, SeveralMembersAreOne) {
  std::string packed, bytes;
  for (uint32_t i = 0; i < 9; ++i) {
    const std::string part = Runs(i == 4 ? 0 : 150'000 + i * 7919, i);
    packed += Deflate(part);
    bytes += part;
  }
  ExpectPartsOf(packed, bytes, DeflateFormat::kGzip);
  ExpectPartsOf(packed + std::string(512, '\0'), bytes, DeflateFormat::kGzip);
  ExpectPartsOf(packed + "\x1f junk", bytes, DeflateFormat::kGzip);
}

TEST(PackedDeflate, NothingAtAll) {
  const std::string packed = Deflate("");
  auto source = SourceOf(packed);
  PackedDeflate data(*source, 0, packed.size(), DeflateFormat::kGzip, std::nullopt);
  EXPECT_EQ(PartOf(data, 0, 10), "");
  EXPECT_EQ(data.size(), 0);
}

TEST(PackedDeflate, WhereverItIsCutItSaysSo) {
  const std::string bytes = Runs(3000);
  const std::string packed = Deflate(bytes.substr(0, 1000)) + Deflate(bytes.substr(1000), {.flush_each = 500});
  const size_t first = Deflate(bytes.substr(0, 1000)).size();
  for (size_t length = 0; length < packed.size(); ++length) {
    if (length == first || length == first + 1) continue;  // whole, or with a byte of junk
    auto source = SourceOf(packed.substr(0, length));
    PackedDeflate data(*source, 0, length, DeflateFormat::kGzip, std::nullopt);
    auto pass = data.Start(0);
    ASSERT_TRUE(pass);
    std::vector<std::byte> out(4000);
    size_t written = 0;
    Status status = (*pass)->Next(out, &written);
    ASSERT_FALSE(status) << length;
    EXPECT_EQ(status.error().code, ErrorCode::kTruncated) << length;
    EXPECT_EQ(status.error().offset, length);
    EXPECT_EQ(std::string_view(reinterpret_cast<char*>(out.data()), written), bytes.substr(0, written));
  }
}

TEST(PackedDeflate, ComparesChecksumsOfEveryMember) {
  const std::string member = Deflate(Runs(3000));
  std::string packed = member + member;
  for (size_t behind : {size_t{5}, member.size() + 5}) {  // into the CRC of one, then of the other
    std::string wrong = packed;
    wrong[wrong.size() - behind] ^= 1;
    auto source = SourceOf(wrong);
    PackedDeflate data(*source, 0, wrong.size(), DeflateFormat::kGzip, std::nullopt);
    EXPECT_EQ(PartOf(data, 0, 10'000), "error: corrupt");
  }
}

TEST(PackedDeflate, PromisedSizeIsKept) {
  const std::string bytes = Runs(300'000);
  const std::string packed = Deflate(bytes, {.window_bits = -MAX_WBITS});
  auto source = SourceOf("xxx" + packed + "yyy");
  PackedDeflate right(*source, 3, packed.size(), DeflateFormat::kRaw, bytes.size());
  EXPECT_TRUE(PartOf(right, 0, bytes.size()) == bytes);
  for (uint64_t size : {bytes.size() - 1, bytes.size() + 1}) {
    PackedDeflate wrong(*source, 3, packed.size(), DeflateFormat::kRaw, size);
    EXPECT_EQ(PartOf(wrong, 0, 1000), bytes.substr(0, 1000));
    EXPECT_EQ(PartOf(wrong, 0, size), "error: corrupt");
  }
}

TEST(PackedDeflate, KeepsNoMorePointsThanAllowed) {
  const std::string bytes = Runs(1'500'000);
  const std::string packed = Deflate(bytes, {.flush_each = 300});
  auto source = SourceOf(packed);
  PackedDeflate data(*source, 0, packed.size(), DeflateFormat::kGzip, std::nullopt, 1);
  EXPECT_TRUE(PartOf(data, 0, bytes.size()) == bytes);
  EXPECT_LE(data.points(), PackedDeflate::kMostPoints);
  EXPECT_GT(data.points(), PackedDeflate::kMostPoints / 4);
  for (uint64_t offset = 0; offset < bytes.size(); offset += 100'003) {
    EXPECT_LE(offset - data.StartBefore(offset), 20'000);
    EXPECT_TRUE(PartOf(data, offset, 5000) == bytes.substr(offset, 5000)) << offset;
  }
}

}  // namespace
}  // namespace pthview
