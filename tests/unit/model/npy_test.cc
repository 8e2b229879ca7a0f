#include "lib/model/npy.h"

#include <cstring>

#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using pthview::testing::ModelFixture;

std::string ValuesOf(const ModelFixture& fixture, Index index) {
  std::string bytes;
  Status status =
      WriteNpyValues(fixture.model, fixture.model.tensors[index], [&](std::span<const std::byte> block) -> Status {
        bytes.append(reinterpret_cast<const char*>(block.data()), block.size());
        return Ok();
      });
  EXPECT_TRUE(status);
  return bytes;
}

TEST(Npy, HeaderIsNumPysAndAMultipleOf64) {
  ModelFixture fixture;
  Index index = fixture.AddValues<float>({2, 3}, DType::kFloat32, {1, 2, 3, 4, 5, 6});
  Result<NpyFile> file = DescribeNpy(fixture.model.tensors[index]);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->header.size() % 64, 0);
  EXPECT_EQ(file->header.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  size_t length = static_cast<uint8_t>(file->header[8]) + 256 * static_cast<uint8_t>(file->header[9]);
  EXPECT_EQ(length + 10, file->header.size());
  EXPECT_EQ(file->header.back(), '\n');
  EXPECT_NE(file->header.find("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), std::string::npos);
  EXPECT_EQ(file->nbytes, 24);
  std::string values = ValuesOf(fixture, index);
  ASSERT_EQ(values.size(), 24);
  float last = 0;
  std::memcpy(&last, values.data() + 20, 4);
  EXPECT_EQ(last, 6);
}

TEST(Npy, ShapesOfOneAndNoDimension) {
  ModelFixture fixture;
  Index one = fixture.AddValues<int64_t>({2}, DType::kInt64, {1, 2});
  Index none = fixture.AddValues<int64_t>({}, DType::kInt64, {1});
  EXPECT_NE(DescribeNpy(fixture.model.tensors[one])->header.find("'shape': (2,), "), std::string::npos);
  EXPECT_NE(DescribeNpy(fixture.model.tensors[none])->header.find("'shape': (), "), std::string::npos);
}

TEST(Npy, BFloat16BecomesFloat32WithoutLoss) {
  ModelFixture fixture;
  Index index = fixture.AddValues<uint16_t>({2}, DType::kBFloat16, {0x3F80, 0xC020});
  Result<NpyFile> file = DescribeNpy(fixture.model.tensors[index]);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->widened);
  std::string values = ValuesOf(fixture, index);
  ASSERT_EQ(values.size(), file->nbytes);
  float numbers[2];
  std::memcpy(numbers, values.data(), 8);
  EXPECT_EQ(numbers[0], 1.0F);
  EXPECT_EQ(numbers[1], -2.5F);
}

TEST(Npy, WhatNumPyDoesNotHaveIsRefused) {
  ModelFixture fixture;
  Index index = fixture.AddValues<uint8_t>({4}, DType::kQUInt8, {1, 2, 3, 4});
  EXPECT_FALSE(DescribeNpy(fixture.model.tensors[index]));
}

}  // namespace
}  // namespace pthview
