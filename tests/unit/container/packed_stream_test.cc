// bzip2, zstd, zlib and lzma: what comes out, also where one begins in the middle, and data that is cut or lies.
#include "lib/container/packed_stream.h"

#include <bzlib.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "lib/container/unpacked_source.h"
#include "tests/unit/container/pack.h"

namespace pthview {
namespace {

std::string Packed(StreamFormat format, std::string data) {
  std::string out(data.size() + data.size() / 50 + 4096, '\0');
  switch (format) {
    case StreamFormat::kBzip2: {
      auto size = static_cast<unsigned>(out.size());
      EXPECT_EQ(BZ2_bzBuffToBuffCompress(out.data(), &size, data.data(), static_cast<unsigned>(data.size()), 1, 0, 0),
                BZ_OK);
      out.resize(size);
      break;
    }
    case StreamFormat::kZstd: out.resize(ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 1)); break;
    case StreamFormat::kZlib: {
      uLongf size = out.size();
      EXPECT_EQ(compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(data.data()),
                          data.size(), 1),
                Z_OK);
      out.resize(size);
      break;
    }
    case StreamFormat::kLzma: {
      lzma_options_lzma options;
      lzma_lzma_preset(&options, 1);
      lzma_stream stream = LZMA_STREAM_INIT;
      EXPECT_EQ(lzma_alone_encoder(&stream, &options), LZMA_OK);
      stream.next_in = reinterpret_cast<const uint8_t*>(data.data());
      stream.avail_in = data.size();
      stream.next_out = reinterpret_cast<uint8_t*>(out.data());
      stream.avail_out = out.size();
      EXPECT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
      out.resize(out.size() - stream.avail_out);
      lzma_end(&stream);
      break;
    }
  }
  return out;
}

Result<std::unique_ptr<ByteSource>> Unpacked(StreamFormat format, std::string_view packed) {
  return OpenUnpackedStream(SourceOf(packed), format, "test");
}

std::string TextAt(const ByteSource& source, uint64_t offset, uint64_t length) {
  auto bytes = source.Read(offset, length);
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : bytes.error().message;
}

class PackedStreams : public testing::TestWithParam<StreamFormat> {};
INSTANTIATE_TEST_SUITE_P(All, PackedStreams,
                         testing::Values(StreamFormat::kBzip2, StreamFormat::kZstd, StreamFormat::kZlib,
                                         StreamFormat::kLzma),
                         [](const auto& info) { return std::string(StreamName(info.param)); });

TEST_P(PackedStreams, GivesWhatWasPacked) {
  const std::string data = Runs(3 << 20);
  const std::string packed = Packed(GetParam(), data);
  EXPECT_TRUE(LooksLikeStream(GetParam(), std::as_bytes(std::span(packed)).first(4096)));
  auto source = Unpacked(GetParam(), packed);
  ASSERT_TRUE(source) << source.error().message;
  ASSERT_EQ((*source)->size(), data.size());
  for (uint64_t offset : {uint64_t{2} << 20, uint64_t{0}, uint64_t{5}, uint64_t{data.size() - 7}}) {
    EXPECT_EQ(TextAt(**source, offset, 7), data.substr(offset, 7)) << offset;
  }
}

TEST_P(PackedStreams, EmptyAndSmallData) {
  for (const std::string& data : {std::string(), std::string("x"), std::string(1 << 20, 'a')}) {
    auto source = Unpacked(GetParam(), Packed(GetParam(), data));
    ASSERT_TRUE(source) << source.error().message;
    ASSERT_EQ((*source)->size(), data.size());
    EXPECT_EQ(TextAt(**source, 0, data.size()), data);
  }
}

TEST_P(PackedStreams, CutDataIsAnErrorWithItsPlace) {
  const std::string packed = Packed(GetParam(), Runs(100'000));
  for (size_t size : {packed.size() - 1, packed.size() / 2, size_t{20}}) {
    auto source = Unpacked(GetParam(), packed.substr(0, size));
    ASSERT_FALSE(source) << size;
    EXPECT_EQ(source.error().code, ErrorCode::kTruncated) << source.error().message;
  }
}

TEST_P(PackedStreams, AnyWrongByteEnds) {
  const std::string data = Runs(20'000);
  const std::string packed = Packed(GetParam(), data);
  for (size_t i = 0; i < packed.size(); i += 97) {
    std::string wrong = packed;
    wrong[i] = static_cast<char>(wrong[i] ^ 0x41);
    auto source = Unpacked(GetParam(), wrong);  // not all of them have a checksum
    if (source) EXPECT_LE((*source)->size(), data.size() * 2);
  }
}

TEST_P(PackedStreams, ABombIsLimited) {
  std::string bomb;
  if (GetParam() != StreamFormat::kBzip2 && GetParam() != StreamFormat::kZstd) return;  // the others have no rows
  const std::string member = Packed(GetParam(), std::string(size_t{20} << 20, '\0'));
  for (int i = 0; i < 20; ++i) bomb += member;
  auto source = Unpacked(GetParam(), bomb);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ErrorCode::kLimit) << source.error().message;
}

TEST(PackedStream, FramesInARowAreOneFileAndCanBeEntered) {
  for (StreamFormat format : {StreamFormat::kBzip2, StreamFormat::kZstd}) {
    std::string data;
    std::string packed;
    for (uint32_t i = 0; i < 3; ++i) {
      const std::string part = Runs(5 << 20, i);
      data += part;
      packed += Packed(format, part);
    }
    packed += "bytes behind the end";
    const auto bytes = SourceOf(packed);
    PackedStream stream(*bytes, format);
    auto pass = stream.Start(0);
    ASSERT_TRUE(pass);
    std::vector<std::byte> out(data.size() + 1);
    size_t written = 0;
    ASSERT_TRUE((*pass)->Next(out, &written));
    EXPECT_EQ(written, data.size());
    EXPECT_EQ(stream.size(), data.size());
    EXPECT_EQ(stream.StartBefore(data.size() - 1), uint64_t{10} << 20);
    auto late = stream.Start(data.size() - 1);
    ASSERT_TRUE(late);
    ASSERT_TRUE((*late)->Next(std::span(out).first(9), &written));
    EXPECT_EQ(std::string(reinterpret_cast<char*>(out.data()), 9), data.substr(10 << 20, 9));
  }
}

TEST(PackedStream, TextIsNoneOfThem) {
  for (std::string_view text : {"x^2 + y^2 = z^2, and so on", "x\x9c no more than the first two bytes of zlib",
                                "BZhello", "]\0\0\x80\0 is not enough for lzma, nor is this"}) {
    for (StreamFormat format : {StreamFormat::kBzip2, StreamFormat::kZstd, StreamFormat::kZlib, StreamFormat::kLzma}) {
      EXPECT_FALSE(LooksLikeStream(format, std::as_bytes(std::span(text)))) << text;
    }
  }
}

}  // namespace
}  // namespace pthview
