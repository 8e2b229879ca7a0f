#include "lib/container/unpacked_source.h"

#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/container/gzip.h"
#include "lib/container/slice_source.h"
#include "tests/unit/container/pack.h"

namespace pthview {
namespace {

using testing::HasSubstr;

constexpr size_t kMega = size_t{1} << 20;

std::string TextAt(const ByteSource& source, uint64_t offset, size_t count) {
  auto bytes = source.Read(offset, count);
  if (!bytes) return ToString(bytes.error());
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

// A source that counts the bytes that are read of it.
class Counted : public ByteSource {
 public:
  explicit Counted(const std::string& bytes) : source_(SourceOf(bytes)) {}
  uint64_t size() const override { return source_->size(); }
  const std::string& name() const override { return source_->name(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    read_ += out.size();
    return source_->ReadAt(offset, out);
  }
  uint64_t read() const { return read_; }

 private:
  std::unique_ptr<ByteSource> source_;
  mutable std::atomic<uint64_t> read_{0};
};

using Open = Result<std::unique_ptr<ByteSource>> (*)(std::shared_ptr<const ByteSource>, std::string);

struct Kind {
  const char* name;
  Open open;
  std::string packed;
};

// 80 MB: more than is kept.
const std::string& Large() {
  static const std::string large = [] {
    std::string bytes = Runs(5 * kMega, 1, 200);
    std::string out;
    for (int i = 0; i < 16; ++i) {
      std::rotate(bytes.begin(), bytes.begin() + 70'001, bytes.end());
      out += bytes;
    }
    return out;
  }();
  return large;
}

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"gzip", OpenUnpackedGzip, Deflate(Large().substr(0, 30 * kMega)) + Deflate(Large().substr(30 * kMega))},
      {"xz", OpenUnpackedXz, Xz(Large(), 7 * kMega)},
      {"record",
       [](std::shared_ptr<const ByteSource> packed, std::string name) -> Result<std::unique_ptr<ByteSource>> {
         const uint64_t length = packed->size();
         return OpenUnpackedRecord(std::move(packed), 0, length, Large().size(), std::move(name));
       },
       Deflate(Large(), {.window_bits = -MAX_WBITS})},
  };
  return kinds;
}

TEST(UnpackedSource, GivesAnyPartInAnyOrder) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    auto source = kind.open(SourceOf(kind.packed), "name");
    ASSERT_TRUE(source) << ToString(source.error());
    EXPECT_EQ((*source)->name(), "name");
    ASSERT_EQ((*source)->size(), Large().size());
    std::mt19937 random(7);
    for (int i = 0; i < 15; ++i) {
      const size_t offset = random() % Large().size();
      const size_t count = std::min<size_t>(random() % (3 * kMega), Large().size() - offset);
      ASSERT_TRUE(TextAt(**source, offset, count) == Large().substr(offset, count)) << offset << " " << count;
    }
    EXPECT_TRUE(TextAt(**source, 0, Large().size()) == Large());
    for (size_t offset = Large().size(); offset > 9 * kMega; offset -= 9 * kMega) {
      ASSERT_TRUE(TextAt(**source, offset - 1000, 1000) == Large().substr(offset - 1000, 1000));
    }
  }
}

TEST(UnpackedSource, EndsWhereItEnds) {
  for (const Kind& kind : Kinds()) {
    auto source = kind.open(SourceOf(kind.packed), "name");
    std::byte byte[2];
    EXPECT_TRUE((*source)->ReadAt(Large().size(), std::span(byte, 0)));
    for (uint64_t offset : {uint64_t{Large().size() - 1}, uint64_t{Large().size() + 1}, UINT64_MAX}) {
      Status status = (*source)->ReadAt(offset, byte);
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error().code, ErrorCode::kTruncated);
    }
  }
}

TEST(UnpackedSource, SmallOnesAreUnpackedOnce) {
  const std::string bytes = Large().substr(0, 20 * kMega);
  for (const Kind& kind : {Kind{"gzip", OpenUnpackedGzip, Deflate(bytes)}, Kind{"xz", OpenUnpackedXz, Xz(bytes)}}) {
    SCOPED_TRACE(kind.name);
    auto packed = std::make_shared<Counted>(kind.packed);
    auto source = kind.open(packed, "name");
    ASSERT_TRUE(source);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(TextAt(**source, 0, bytes.size()) == bytes);
    EXPECT_TRUE(TextAt(**source, 100, 1000) == bytes.substr(100, 1000));
    EXPECT_LT(packed->read(), kind.packed.size() * 11 / 10 + 200'000);  // the ends are looked at before
  }
}

TEST(UnpackedSource, LargeOnesAreNotUnpackedFromTheStart) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    auto packed = std::make_shared<Counted>(kind.packed);
    auto source = kind.open(packed, "name");
    EXPECT_TRUE(TextAt(**source, 0, Large().size()) == Large());
    const uint64_t before = packed->read();
    EXPECT_TRUE(TextAt(**source, 3 * kMega, 100) == Large().substr(3 * kMega, 100));
    EXPECT_GT(packed->read(), before);  // it was not kept
    EXPECT_LT(packed->read() - before, kind.packed.size() / 6);
    const uint64_t middle = packed->read();
    EXPECT_TRUE(TextAt(**source, 4 * kMega, 3 * kMega) == Large().substr(4 * kMega, 3 * kMega));
    EXPECT_LT(packed->read() - middle, kind.packed.size() / 16);  // it goes on
  }
}

TEST(UnpackedSource, IsReadBySeveralThreads) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    auto source = kind.open(SourceOf(kind.packed), "name");
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (size_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (size_t i = 0; i < 6; ++i) {
          const size_t offset = (thread * 20 + i * 3) % 77 * kMega + 333;
          if (TextAt(**source, offset, 2 * kMega) != Large().substr(offset, 2 * kMega)) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST(UnpackedSource, TellsWhatIsWrongWithTheData) {
  std::string packed = Deflate(Runs(kMega));
  auto cut = OpenUnpackedGzip(SourceOf(packed.substr(0, packed.size() / 2)), "name");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(cut.error().offset, packed.size() / 2);
  packed[packed.size() - 5] ^= 1;
  EXPECT_EQ(OpenUnpackedGzip(SourceOf(packed), "name").error().code, ErrorCode::kCorrupt);

  packed = Xz(Runs(3 * kMega), kMega);
  packed[packed.size() / 2] ^= 1;
  auto broken = OpenUnpackedXz(SourceOf(packed), "name");
  ASSERT_TRUE(broken);
  EXPECT_EQ(TextAt(**broken, 0, 10), Runs(3 * kMega).substr(0, 10));
  EXPECT_THAT(TextAt(**broken, 3 * kMega / 2, 10),
              testing::MatchesRegex("name: .*broken .at byte [0-9]+ of the packed data."));
  EXPECT_EQ(TextAt(**broken, 5 * kMega / 2, 10), Runs(3 * kMega).substr(5 * kMega / 2, 10));
}

TEST(UnpackedSource, TheSoundPartEndsWhereSomethingIsWrong) {
  const auto record = [](std::shared_ptr<const ByteSource> packed, std::string name) {
    return OpenSoundDeflate(std::move(packed), DeflateFormat::kRaw, std::move(name));
  };
  const auto gzip = [](std::shared_ptr<const ByteSource> packed, std::string name) {
    return OpenSoundDeflate(std::move(packed), DeflateFormat::kGzip, std::move(name));
  };
  struct Case {
    const char* name;
    UnpackedPart (*open)(std::shared_ptr<const ByteSource>, std::string);
    std::string packed;
    uint64_t least;
    ErrorCode error;
  };
  const uint64_t all = Large().size();
  const std::string raw = Deflate(Large(), {.window_bits = -MAX_WBITS});
  std::string wrong_sum = Deflate(Large());
  wrong_sum[wrong_sum.size() - 5] ^= 1;
  std::string wrong_block = Xz(Large(), 7 * kMega);
  wrong_block[wrong_block.size() - 5000] ^= 1;
  for (const Case& c : {Case{"cut record", record, raw.substr(0, raw.size() - 9), all - 100'000, ErrorCode::kTruncated},
                        Case{"gzip whose sum is wrong", gzip, wrong_sum, all, ErrorCode::kCorrupt},
                        Case{"xz with a wrong block", OpenSoundXz, wrong_block, 77 * kMega, ErrorCode::kCorrupt}}) {
    SCOPED_TRACE(c.name);
    UnpackedPart part = c.open(SourceOf(c.packed), "name");
    ASSERT_TRUE(part.error);
    EXPECT_EQ(part.error->code, c.error) << ToString(*part.error);
    ASSERT_GE(part.source->size(), c.least);
    ASSERT_LE(part.source->size(), all);
    const uint64_t last = c.least - 10;  // what follows in a broken block is not what it was
    for (const uint64_t at : {uint64_t{0}, 40 * kMega + 1, last}) {
      EXPECT_EQ(TextAt(*part.source, at, 10), Large().substr(at, 10)) << at;
    }
    // So much that it is no longer kept.
    for (uint64_t at = 0; at < 70 * kMega; at += kMega) TextAt(*part.source, at, 1);
    EXPECT_EQ(TextAt(*part.source, last, 10), Large().substr(last, 10));
  }
  EXPECT_EQ(OpenSoundXz(SourceOf("no xz"), "name").source, nullptr);
  UnpackedPart whole = record(SourceOf(raw), "name");
  EXPECT_FALSE(whole.error);
  EXPECT_EQ(whole.source->size(), all);
}

TEST(UnpackedSource, BombsAreNotUnpacked) {
  const std::string zeros(270 * kMega, '\0');
  for (const Kind& kind :
       {Kind{"gzip", OpenUnpackedGzip, Deflate(zeros, {.level = 9})}, Kind{"xz", OpenUnpackedXz, Xz(zeros)}}) {
    SCOPED_TRACE(kind.name);
    auto source = kind.open(SourceOf(kind.packed), "name");
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, ErrorCode::kLimit);
    const uint64_t limit = 256 * kMega + 32 * kind.packed.size();
    EXPECT_THAT(source.error().message, HasSubstr(std::to_string(limit) + " bytes that are allowed"));
    EXPECT_THAT(source.error().hint, HasSubstr("open what comes out"));
  }
}

TEST(UnpackedSource, WhatIsInsideSharesTheAllowanceOfTheFileAround) {
  const std::string zeros(140 * kMega, '\0');
  const std::string inner = Deflate(zeros, {.level = 9});  // 140 kB
  auto outer = OpenUnpackedGzip(SourceOf(Deflate(inner + inner)), "outer");
  ASSERT_TRUE(outer);
  std::shared_ptr<const ByteSource> file = std::move(*outer);
  const auto member = [&](uint64_t at) { return OpenSlice(file, at, inner.size(), "member"); };
  auto first = OpenUnpackedGzip(member(0), "inner");
  ASSERT_TRUE(first) << ToString(first.error());
  EXPECT_EQ((*first)->size(), zeros.size());
  auto second = OpenUnpackedGzip(member(inner.size()), "inner");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kLimit);
}

// A stream of blocks with nothing in them takes as long as one of the same size with something in them.
TEST(UnpackedSource, WhatComesToNothingIsNotGoneThroughWhenItIsPackedTwice) {
  std::string inner = Deflate("");
  const std::string end = inner.substr(10);
  inner.resize(10);                                                          // the header
  for (size_t i = 0; i < 2 * kMega; ++i) inner.append("\0\0\0\xff\xff", 5);  // stored blocks of no bytes
  inner += end;
  EXPECT_TRUE(OpenUnpackedGzip(SourceOf(inner), "once"));
  for (const auto& [packed, open] :
       {std::pair(Deflate(inner), Open{OpenUnpackedGzip}), {Xz(inner), Open{OpenUnpackedXz}}}) {
    auto outer = open(SourceOf(packed), "outer");
    ASSERT_TRUE(outer);
    auto twice = OpenUnpackedGzip(std::move(*outer), "inner");
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, ErrorCode::kLimit);
    EXPECT_THAT(twice.error().message, HasSubstr(std::to_string(8 * kMega + 8 * packed.size()) + " bytes"));
  }
}

TEST(UnpackedSource, RecordsInWhatIsPackedAreCountedToo) {
  const std::string bytes = Runs(kMega);
  const std::string record = Deflate(bytes, {.window_bits = -MAX_WBITS});
  auto outer = OpenUnpackedGzip(SourceOf(Deflate(record)), "outer");
  ASSERT_TRUE(outer);
  std::shared_ptr<const ByteSource> file = std::move(*outer);
  std::string message;
  for (int i = 0; i < 100 && message.empty(); ++i) {
    auto source = OpenUnpackedRecord(file, 0, record.size(), bytes.size(), "record");
    const std::string first = TextAt(*source, 0, 10);
    if (first != bytes.substr(0, 10)) message = first;
  }
  EXPECT_THAT(message, HasSubstr("(8 times its size and 8 MB)"));
  EXPECT_THAT(ToString(Inflate(*file, 0, record.size(), {.limit = 2 * kMega}).error()), HasSubstr("8 times its size"));
}

TEST(UnpackedSource, UnpackingOverAndOverEnds) {
  const std::string packed = Deflate(std::string(80 * kMega, '\0'), {.window_bits = -MAX_WBITS, .level = 9});
  auto source = OpenUnpackedRecord(SourceOf(packed), 0, packed.size(), 80 * kMega, "name");
  Status status = Ok();
  uint64_t blocks = 0;
  std::byte byte{};
  // A byte of each block in turn: none is kept until it is wanted again.
  while (status && blocks < 2000) status = source->ReadAt(blocks++ % 80 * kMega, std::span(&byte, 1));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kLimit);
  EXPECT_THAT(status.error().message,
              HasSubstr(std::to_string((4 * 80 + 256) * kMega + 64 * packed.size()) + " bytes that are allowed"));
  EXPECT_GE(blocks, 4u * 80 + 256);
}

}  // namespace
}  // namespace pthview
