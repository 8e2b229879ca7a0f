#include "lib/base/distant_source.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kBlock = DistantSource::kBlock;
using Range = std::pair<uint64_t, uint64_t>;  // first block, blocks

// Byte i of the file.
std::byte At(uint64_t i) { return static_cast<std::byte>((i * 2654435761) >> 13); }

struct Log {
  std::vector<Range> ranges;
  bool broken = false;
};

class FakeReader : public RangeReader {
 public:
  FakeReader(Log* log, uint64_t size) : log_(log), size_(size) {}
  Status Fetch(uint64_t offset, std::span<std::byte> out) override {
    EXPECT_FALSE(out.empty());
    EXPECT_EQ(offset % kBlock, 0U);
    EXPECT_LE(offset + out.size(), size_);
    EXPECT_LE(out.size(), DistantSource::kLargestFetch);
    if (log_->broken) return Error{ErrorCode::kIo, "broken"};
    log_->ranges.emplace_back(offset / kBlock, (out.size() + kBlock - 1) / kBlock);
    for (size_t i = 0; i < out.size(); ++i) out[i] = At(offset + i);
    return Ok();
  }

 private:
  Log* log_;
  uint64_t size_;
};

struct File {
  explicit File(uint64_t size, uint64_t head_bytes = 4 * kBlock, uint64_t cache_bytes = uint64_t{64} << 20)
      : cache(std::make_shared<BlockCache>(cache_bytes)) {
    std::vector<std::byte> head(std::min(size, head_bytes));
    for (size_t i = 0; i < head.size(); ++i) head[i] = At(i);
    source =
        std::make_unique<DistantSource>("far", size, std::move(head), std::make_unique<FakeReader>(&log, size), cache);
  }

  // Whether exactly the bytes of the file come.
  bool Reads(uint64_t offset, uint64_t length) {
    auto bytes = source->Read(offset, length);
    if (!bytes) return false;
    for (uint64_t i = 0; i < length; ++i) {
      if ((*bytes)[i] != At(offset + i)) return false;
    }
    return true;
  }

  Log log;
  std::shared_ptr<BlockCache> cache;
  std::unique_ptr<DistantSource> source;
};

TEST(DistantSource, TheHeadIsThere) {
  File file(100 * kBlock);
  EXPECT_TRUE(file.Reads(0, 4 * kBlock));
  EXPECT_TRUE(file.Reads(4 * kBlock, 0));
  EXPECT_THAT(file.log.ranges, ElementsAre());
  EXPECT_EQ(file.source->descriptor(), -1);
  EXPECT_EQ(file.source->real_path(), "");
}

TEST(DistantSource, ScatteredReadsFetchTheirBlocksOnce) {
  File file(1000 * kBlock);
  EXPECT_TRUE(file.Reads(500 * kBlock + 7, 100));
  EXPECT_TRUE(file.Reads(500 * kBlock, kBlock));
  EXPECT_TRUE(file.Reads(301 * kBlock - 5, 10));
  EXPECT_TRUE(file.Reads(300 * kBlock, 2 * kBlock));
  EXPECT_THAT(file.log.ranges, ElementsAre(Range(500, 1), Range(300, 2)));
}

TEST(DistantSource, ReadingOnFetchesMoreAndMore) {
  File file(3000 * kBlock);
  for (uint64_t block = 4; block < 800; ++block) ASSERT_TRUE(file.Reads(block * kBlock, kBlock));
  EXPECT_THAT(file.log.ranges, ElementsAre(Range(4, 8), Range(12, 16), Range(28, 32), Range(60, 64), Range(124, 128),
                                           Range(252, 256), Range(508, 256), Range(764, 256)));
}

TEST(DistantSource, StreamsSideBySideEachGrow) {
  File file(3000 * kBlock);
  for (uint64_t i = 0; i < 3; ++i) {
    for (uint64_t start : {100, 1000, 2000}) ASSERT_TRUE(file.Reads((start + i) * kBlock, kBlock));
  }
  EXPECT_THAT(file.log.ranges, ElementsAre(Range(100, 1), Range(1000, 1), Range(2000, 1), Range(101, 2), Range(1001, 2),
                                           Range(2001, 2)));
}

TEST(DistantSource, WhatAnotherStreamFetchedIsNotFetchedAgain) {
  File file(3000 * kBlock);
  EXPECT_TRUE(file.Reads(110 * kBlock, 4 * kBlock));
  EXPECT_TRUE(file.Reads(100 * kBlock, 6 * kBlock));
  EXPECT_TRUE(file.Reads(106 * kBlock, kBlock));       // would go on for 12
  EXPECT_TRUE(file.Reads(108 * kBlock, 10 * kBlock));  // on both sides of what is there
  EXPECT_THAT(file.log.ranges, ElementsAre(Range(110, 4), Range(100, 6), Range(106, 4), Range(114, 8)));
}

TEST(DistantSource, TheEndComesInOne) {
  File file(1000 * kBlock + 5);
  EXPECT_TRUE(file.Reads(1000 * kBlock + 2, 3));
  EXPECT_TRUE(file.Reads(993 * kBlock, 7 * kBlock + 5));
  EXPECT_THAT(file.log.ranges, ElementsAre(Range(993, 8)));
  File small(6 * kBlock);
  EXPECT_TRUE(small.Reads(6 * kBlock - 1, 1));
  EXPECT_THAT(small.log.ranges, ElementsAre(Range(4, 2))) << "the head is not fetched again";
}

TEST(DistantSource, LargeReadsAreCutIntoPieces) {
  File file(3000 * kBlock, 4 * kBlock, /*cache_bytes=*/kBlock);
  EXPECT_TRUE(file.Reads(5, 1000 * kBlock));
  EXPECT_EQ(file.cache->bytes(), kBlock);
  uint64_t blocks = 0;
  for (const Range& range : file.log.ranges) blocks += range.second;
  EXPECT_LE(blocks, 1000 + 256);
}

TEST(DistantSource, ErrorsAndEndsAreReported) {
  File file(100 * kBlock);
  auto past = file.source->Read(100 * kBlock - 1, 2);
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().code, ErrorCode::kTruncated);
  EXPECT_THAT(file.log.ranges, ElementsAre());
  file.log.broken = true;
  auto broken = file.source->Read(50 * kBlock, 1);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kIo);
  file.log.broken = false;
  EXPECT_TRUE(file.Reads(50 * kBlock, 1)) << "an error is not remembered";
}

TEST(DistantSource, ThreadsShareIt) {
  File file(2000 * kBlock);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> right{0};
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 50; ++i) right += file.Reads((i * 37 + t) % 1990 * kBlock + 11, 2 * kBlock) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

uint64_t ValueAt(uint64_t at, uint32_t length) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < length; ++i) value |= static_cast<uint64_t>(At(at + i)) << (8 * i);
  return value;
}

TEST(DistantSource, AssumptionsAreComparedWhenTheirDataIsRead) {
  File file(1000 * kBlock);
  const auto assume = [&](uint64_t block, uint64_t off_by) {
    const uint64_t at = block * kBlock - 8;
    return std::vector<Assumption>{{block * kBlock, (block + 1) * kBlock, at, ValueAt(at, 4), 4},
                                   {block * kBlock, (block + 1) * kBlock, at + 4, ValueAt(at + 4, 2) + off_by, 2}};
  };
  file.source->Assume(assume(700, 1));
  file.source->Assume(assume(500, 0));
  EXPECT_THAT(file.log.ranges, ElementsAre()) << "nothing is fetched before it is needed";
  EXPECT_TRUE(file.Reads(501 * kBlock - 1, 2));
  EXPECT_TRUE(file.Reads(690 * kBlock, 10 * kBlock)) << "up to the data that the wrong one is about";
  EXPECT_TRUE(file.Reads(701 * kBlock, 1)) << "and behind it";
  for (Range range : {Range(700 * kBlock, 1), Range(701 * kBlock - 1, 1), Range(600 * kBlock, 200 * kBlock)}) {
    auto bytes = file.source->Read(range.first, range.second);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(bytes.error().offset, 700 * kBlock - 4);
  }
}

TEST(DistantSource, OnlyLargeDistantFilesAreWorthAssumingAbout) {
  File large(1000 * kBlock);
  File small(10 * kBlock);
  auto memory = OpenMemory("near", std::vector<std::byte>(4 << 20));
  EXPECT_EQ(WorthAssuming(*large.source), large.source.get());
  EXPECT_EQ(WorthAssuming(*small.source), nullptr);
  EXPECT_EQ(WorthAssuming(*memory), nullptr);
  EXPECT_TRUE(IsWholeFile(*small.source));
  EXPECT_FALSE(IsWholeFile(*memory));
}

TEST(BlockCache, DropsWhatWasNotUsedForLongest) {
  BlockCache cache(100);
  const std::vector<std::byte> bytes(40, std::byte{7});
  const uint64_t a = cache.NewFile();
  const uint64_t b = cache.NewFile();
  EXPECT_NE(a, b);
  cache.Put(a, 0, bytes);
  cache.Put(b, 0, bytes);
  std::byte out[8] = {};
  EXPECT_TRUE(cache.Copy(a, 0, 32, out));
  EXPECT_EQ(out[7], std::byte{7});
  EXPECT_FALSE(cache.Copy(a, 0, 33, out)) << "a block of 40 bytes";
  cache.Put(a, 1, bytes);
  EXPECT_TRUE(cache.Has(a, 0));
  EXPECT_FALSE(cache.Has(b, 0));
  EXPECT_EQ(cache.bytes(), 80U);
  cache.Put(a, 1, bytes);
  EXPECT_EQ(cache.bytes(), 80U);
  cache.DropFile(a);
  EXPECT_EQ(cache.bytes(), 0U);
}

}  // namespace
}  // namespace pthview
