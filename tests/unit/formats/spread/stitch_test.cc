#include "lib/formats/spread/stitch.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/formats/spread/pieces.h"

namespace pthview {
namespace {

// The elements of a box of a tensor whose elements are their own row-major number.
std::unique_ptr<ByteSource> BoxBytes(const std::vector<int64_t>& shape, const StitchBox& box) {
  std::vector<std::byte> bytes;
  std::vector<int64_t> at = box.offsets;
  int64_t numel = 1;
  for (int64_t size : box.sizes) numel *= size;
  for (int64_t i = 0; i < numel; ++i) {
    int64_t number = 0;
    for (size_t d = 0; d < shape.size(); ++d) number = number * shape[d] + at[d];
    bytes.push_back(static_cast<std::byte>(number));
    bytes.push_back(static_cast<std::byte>(number >> 8));
    for (size_t d = shape.size(); d-- > 0;) {
      if (++at[d] < box.offsets[d] + box.sizes[d]) break;
      at[d] = box.offsets[d];
    }
  }
  return OpenMemory("box", std::move(bytes));
}

std::vector<StitchBox> Grid(const std::vector<int64_t>& shape, const std::vector<int64_t>& step) {
  std::vector<StitchBox> boxes(1);
  for (size_t d = 0; d < shape.size(); ++d) {
    std::vector<StitchBox> next;
    for (const StitchBox& box : boxes) {
      for (int64_t from = 0; from < shape[d]; from += step[d]) {
        StitchBox one{box.offsets, box.sizes, nullptr};
        one.offsets.push_back(from);
        one.sizes.push_back(std::min(step[d], shape[d] - from));
        next.push_back(std::move(one));
      }
    }
    boxes = std::move(next);
  }
  return boxes;
}

uint64_t steps = 1000;

TEST(Stitch, GivesTheSameBytesWhereverOneReads) {
  for (const auto& [shape, step] : std::vector<std::pair<std::vector<int64_t>, std::vector<int64_t>>>{
           {{10, 4}, {3, 4}}, {{10, 4}, {10, 3}}, {{5, 6, 7}, {2, 4, 3}}, {{7}, {2}}, {{3, 1, 5}, {1, 1, 5}}}) {
    std::vector<StitchBox> boxes = Grid(shape, step);
    for (StitchBox& box : boxes) box.bytes = BoxBytes(shape, box);
    std::reverse(boxes.begin(), boxes.end());
    ASSERT_EQ(CoverFault(shape, boxes, &steps), std::nullopt);
    auto source = Stitch("whole", shape, 2, std::move(boxes));
    std::vector<std::byte> expected;
    for (uint64_t i = 0; i < source->size() / 2; ++i) {
      expected.push_back(static_cast<std::byte>(i));
      expected.push_back(static_cast<std::byte>(i >> 8));
    }
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i) {
      uint64_t from = random() % (source->size() + 1);
      uint64_t length = random() % (source->size() - from + 1);
      auto bytes = source->Read(from, length);
      ASSERT_TRUE(bytes);
      ASSERT_EQ(*bytes, std::vector<std::byte>(expected.begin() + static_cast<long>(from),
                                               expected.begin() + static_cast<long>(from + length)));
    }
    std::byte one;
    EXPECT_FALSE(source->ReadAt(source->size(), {&one, 1}));
  }
}

TEST(Stitch, AScalarIsOneBox) {
  std::vector<StitchBox> boxes;
  boxes.push_back({{}, {}, OpenMemory("box", std::vector<std::byte>(2, std::byte{7}))});
  ASSERT_EQ(CoverFault({}, boxes, &steps), std::nullopt);
  EXPECT_THAT(*Stitch("whole", {}, 2, std::move(boxes))->Read(0, 2), testing::Each(std::byte{7}));
}

TEST(Stitch, SaysWhatIsWrongWithTheBoxes) {
  auto fault = [](std::vector<std::pair<std::vector<int64_t>, std::vector<int64_t>>> rows) {
    std::vector<StitchBox> boxes;
    for (auto& [offsets, sizes] : rows) boxes.push_back({offsets, sizes, nullptr});
    return CoverFault({4, 4}, boxes, &steps).value_or("");
  };
  EXPECT_EQ(fault({{{0, 0}, {2, 4}}, {{2, 0}, {2, 4}}}), "");
  EXPECT_THAT(fault({{{0, 0}, {2, 4}}}), testing::HasSubstr("leave"));
  EXPECT_THAT(fault({{{0, 0}, {3, 4}}, {{2, 0}, {2, 4}}}), testing::HasSubstr("overlap"));
  EXPECT_THAT(fault({{{0, 0}, {2, 4}}, {{1, 0}, {2, 4}}}), testing::HasSubstr("overlap"));  // and a hole
  EXPECT_THAT(fault({{{0, 0}, {2, 4}}, {{3, 0}, {2, 4}}}), testing::HasSubstr("outside"));
  EXPECT_THAT(fault({{{-1, 0}, {2, 4}}, {{2, 0}, {2, 4}}}), testing::HasSubstr("outside"));
  EXPECT_THAT(fault({{{0, INT64_MAX}, {2, 4}}}), testing::HasSubstr("outside"));
  EXPECT_THAT(fault({{{0}, {16}}}), testing::HasSubstr("dimensions"));
  steps = 5;  // of the six pairs of columns
  EXPECT_THAT(fault({{{0, 0}, {4, 1}}, {{0, 1}, {4, 1}}, {{0, 2}, {4, 1}}, {{0, 3}, {4, 1}}}),
              testing::HasSubstr("than can be compared"));
}

TEST(Pieces, AreReadInARow) {
  auto first = OpenMemory("a", {std::byte{0}, std::byte{1}, std::byte{2}});
  auto second = OpenMemory("b", {std::byte{3}, std::byte{4}});
  auto joined = Join("joined", {{first.get(), 1, 2}, {first.get(), 0, 0}, {second.get(), 0, 2}});
  ASSERT_EQ(joined->size(), 4u);
  for (uint64_t from = 0; from < 4; ++from) {
    for (uint64_t length = 0; length <= 4 - from; ++length) {
      auto bytes = joined->Read(from, length);
      ASSERT_TRUE(bytes);
      for (uint64_t i = 0; i < length; ++i) EXPECT_EQ((*bytes)[i], static_cast<std::byte>(from + i + 1));
    }
  }
  EXPECT_FALSE(joined->Read(2, 3));
}

}  // namespace
}  // namespace pthview
