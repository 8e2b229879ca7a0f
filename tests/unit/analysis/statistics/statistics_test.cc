#include "lib/analysis/statistics/statistics.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using ::testing::ElementsAre;
using testing::ModelFixture;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Statistics Of(const ModelFixture& fixture, Index tensor) {
  Result<Statistics> result = ComputeStatistics(fixture.model, fixture.model.tensors[tensor]);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *result : Statistics{};
}

template <typename T>
Statistics OfValues(DType dtype, const std::vector<T>& values) {
  ModelFixture fixture;
  return Of(fixture, fixture.AddValues({static_cast<int64_t>(values.size())}, dtype, values));
}

void ExpectMoments(const Statistics& s, double min, double max, double mean, double std) {
  EXPECT_DOUBLE_EQ(s.min, min);
  EXPECT_DOUBLE_EQ(s.max, max);
  EXPECT_DOUBLE_EQ(s.mean, mean);
  EXPECT_DOUBLE_EQ(s.std, std);
}

TEST(Statistics, OfFloats) {
  // Deviations from the mean 1: -1 1 -3 1 2 0 0. Seven values: a length that no vector divides.
  Statistics s = OfValues<float>(DType::kFloat32, {0, 2, -2, 2, 3, 1, 1});
  EXPECT_EQ(s.count, 7);
  EXPECT_EQ(s.finite, 7);
  EXPECT_EQ(s.zeros, 1);
  ExpectMoments(s, -2, 3, 1, std::sqrt(16.0 / 7));
}

TEST(Statistics, CountsNonFiniteApart) {
  Statistics s = OfValues<float>(DType::kFloat32, {kNan, 1, kInf, -0.0F, 5, -kInf, kNan, 0, -2});
  EXPECT_EQ(s.count, 9);
  EXPECT_EQ(s.finite, 5);
  EXPECT_EQ(s.nans, 2);
  EXPECT_EQ(s.infinities, 2);
  EXPECT_EQ(s.zeros, 2);
  ExpectMoments(s, -2, 5, 0.8, std::sqrt((0.04 + 0.64 + 17.64 + 0.64 + 7.84) / 5));
}

TEST(Statistics, NonFiniteInTheTailOfABlockIsSeen) {
  for (size_t at : {0, 3, 4, 5, 6}) {
    std::vector<double> values(7, 1.0);
    values[at] = kNan;
    Statistics s = OfValues(DType::kFloat64, values);
    EXPECT_EQ(s.nans, 1) << at;
    ExpectMoments(s, 1, 1, 1, 0);
  }
}

TEST(Statistics, WithoutFiniteValuesAreNaN) {
  for (const std::vector<float>& values : {std::vector<float>{kNan, kInf}, std::vector<float>{}}) {
    Statistics s = OfValues(DType::kFloat32, values);
    EXPECT_EQ(s.finite, 0);
    EXPECT_TRUE(std::isnan(s.min) && std::isnan(s.max) && std::isnan(s.mean) && std::isnan(s.std));
  }
}

// The textbook formula (mean of squares minus square of the mean) gives 0 or NaN here.
TEST(Statistics, KeepSmallVarianceAroundALargeMean) {
  std::vector<double> values;
  values.reserve(100'000);
  for (int i = 0; i < 100'000; ++i) values.push_back(1e9 + (i % 2 == 0 ? 0.001 : -0.001));
  Statistics s = OfValues(DType::kFloat64, values);
  EXPECT_DOUBLE_EQ(s.mean, 1e9);
  EXPECT_NEAR(s.std, 0.001, 1e-7);
}

TEST(Statistics, OfHugeDoublesDoNotOverflow) {
  Statistics s = OfValues<double>(DType::kFloat64, {1e308, -1e308, 1e308, -1e308});
  ExpectMoments(s, -1e308, 1e308, 0, 1e308);
}

TEST(Statistics, OverSeveralChunksCountEveryValueOnce) {
  const int64_t n = (int64_t{1} << 22) * 2 + 12345;
  std::vector<float> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0.0F);
  Statistics s = OfValues(DType::kFloat32, values);
  EXPECT_EQ(s.count, n);
  EXPECT_EQ(s.zeros, 1);
  EXPECT_EQ(s.max, static_cast<double>(n - 1));
  EXPECT_NEAR(s.mean, static_cast<double>(n - 1) / 2, 1e-6);
  EXPECT_NEAR(s.std, std::sqrt((static_cast<double>(n) * static_cast<double>(n) - 1) / 12), 1e-3);
}

TEST(Statistics, OfIntegersAndBools) {
  ExpectMoments(OfValues<int16_t>(DType::kInt16, {-300, 300}), -300, 300, 0, 300);
  ExpectMoments(OfValues<uint64_t>(DType::kUint64, {UINT64_MAX}), 0x1p64, 0x1p64, 0x1p64, 0);
  Statistics s = OfValues<uint8_t>(DType::kBool, {1, 0, 0, 1});
  EXPECT_EQ(s.zeros, 2);
  ExpectMoments(s, 0, 1, 0.5, 0.5);
}

TEST(Statistics, OfHalves) {
  // float16: 1, -2, smallest subnormal, largest, inf, nan. bfloat16: 1, -2, inf.
  Statistics half = OfValues<uint16_t>(DType::kFloat16, {0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x7e01});
  EXPECT_EQ(half.infinities, 1);
  EXPECT_EQ(half.nans, 1);
  EXPECT_EQ(half.max, 65504);
  EXPECT_EQ(half.min, -2);
  EXPECT_DOUBLE_EQ(half.mean, (1 - 2 + 0x1p-24 + 65504) / 4);
  Statistics brain = OfValues<uint16_t>(DType::kBFloat16, {0x3f80, 0xc000, 0xff80});
  EXPECT_EQ(brain.infinities, 1);
  ExpectMoments(brain, -2, 1, -0.5, 1.5);
}

TEST(Statistics, OfComplexAreOfAbsoluteValues) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({2}, DType::kComplex64, {3, 4, 0, -1});  // 3+4j, -1j
  ExpectMoments(Of(fixture, t), 1, 5, 3, 2);
}

TEST(Statistics, OfFloat4PairsCountBothValues) {
  Statistics s = OfValues<uint8_t>(DType::kFloat4E2M1FNx2, {0x21, 0x07});  // 0.5, 1; 6, 0
  EXPECT_EQ(s.count, 4);
  EXPECT_EQ(s.zeros, 1);
  EXPECT_EQ(s.max, 6);
  EXPECT_DOUBLE_EQ(s.mean, 7.5 / 4);
}

TEST(Statistics, OfQuantizedTensorsAreOfTheirValues) {
  ModelFixture fixture;
  Index t = fixture.AddValues<uint8_t>({3}, DType::kQUInt8, {10, 12, 6});
  fixture.model.quantizations.push_back({.scale = 0.5, .zero_point = 10});
  fixture.model.tensors[t].quantization = 0;
  Statistics s = Of(fixture, t);
  EXPECT_EQ(s.zeros, 1);
  ExpectMoments(s, -2, 1, -1.0 / 3, std::sqrt((1.0 / 9 + 16.0 / 9 + 25.0 / 9) / 3));
}

TEST(Statistics, OfPackedCodes) {
  ModelFixture fixture;
  Index t = fixture.AddValues<uint8_t>({3}, DType::kQUInt4x2, {0x21, 0x0f});  // codes 1, 2, 15
  fixture.model.quantizations.push_back({.scale = 2, .zero_point = 1});
  fixture.model.tensors[t].quantization = 0;
  ExpectMoments(Of(fixture, t), 0, 28, 10, std::sqrt((100.0 + 64 + 324) / 3));
}

TEST(Statistics, OfChannelsUseEachChannelsScale) {
  ModelFixture fixture;
  // Axis 1 of [2, 2, 2]: channels 0 0 1 1 0 0 1 1.
  Index t = fixture.AddValues<int8_t>({2, 2, 2}, DType::kQInt8, {1, 2, 1, 2, 3, 4, 3, 5});
  Index scales = fixture.AddComponent<double>(DType::kFloat64, {1, 10});
  Index zero_points = fixture.AddComponent<int64_t>(DType::kInt64, {0, 1});
  fixture.model.quantizations.push_back({.per_channel = true, .scales = scales, .zero_points = zero_points, .axis = 1});
  fixture.model.tensors[t].quantization = 0;
  Statistics s = Of(fixture, t);  // 1 2 0 10 3 4 20 40
  EXPECT_EQ(s.zeros, 1);
  EXPECT_EQ(s.min, 0);
  EXPECT_EQ(s.max, 40);
  EXPECT_DOUBLE_EQ(s.mean, 10);

  // Codes repeated along the channels by a stride of 0 still have different values: code 2 is 2 and 10.
  fixture.Restride(t, {1, 2, 2}, {2, 0, 1});
  EXPECT_DOUBLE_EQ(Of(fixture, t).mean, (1 + 2 + 0 + 10) / 4.0);

  fixture.model.quantizations[0].axis = 5;
  Result<Statistics> bad = ComputeStatistics(fixture.model, fixture.model.tensors[t]);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kCorrupt);
}

TEST(Statistics, OfAStridedViewAreOfItsElements) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({6}, DType::kFloat32, {0, 1, 2, 3, 4, 5});
  fixture.Restride(t, {2, 2}, {1, 3});  // 0 3 1 4
  ExpectMoments(Of(fixture, t), 0, 4, 2, std::sqrt((4.0 + 1 + 1 + 4) / 4));
}

// torch.tensor([0., 1., nan]).expand(2**30, 2**30, 3): reading it element by element would take for ever.
TEST(Statistics, CountRepeatedElementsWithoutReadingThemAgain) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({3}, DType::kFloat32, {0, 1, kNan});
  const int64_t repeat = int64_t{1} << 60;
  fixture.Restride(t, {int64_t{1} << 30, int64_t{1} << 30, 3}, {0, 0, 1});
  Statistics s = Of(fixture, t);
  EXPECT_EQ(s.count, 3 * repeat);
  EXPECT_EQ(s.nans, repeat);
  EXPECT_EQ(s.zeros, repeat);
  ExpectMoments(s, 0, 1, 0.5, 0.5);
}

TEST(Statistics, RefuseOverlapsFarBeyondTheStorage) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({4096}, DType::kFloat32, std::vector<float>(4096, 1.0F));
  fixture.Restride(t, {1024, 1024, 1024}, {1, 1, 1});
  Result<Statistics> result = ComputeStatistics(fixture.model, fixture.model.tensors[t]);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kLimit);
}

TEST(Statistics, SayWhyThereAreNone) {
  ModelFixture fixture;
  auto code_of = [&](Index t) {
    Result<Statistics> result = ComputeStatistics(fixture.model, fixture.model.tensors[t]);
    return result ? ErrorCode::kInternal : result.error().code;
  };
  EXPECT_EQ(code_of(fixture.Add("missing", {2})), ErrorCode::kNotFound);
  Index sparse = fixture.AddValues<float>({2}, DType::kFloat32, {1, 2});
  fixture.model.tensors[sparse].layout = Layout::kSparseCoo;
  EXPECT_EQ(code_of(sparse), ErrorCode::kCorrupt);  // it has no indices
  EXPECT_EQ(code_of(fixture.AddValues<uint8_t>({2}, DType::kBits8, {1, 2})), ErrorCode::kUnsupported);
}

std::vector<int64_t> CountsOf(const ModelFixture& fixture, Index t, int bins) {
  const Tensor& tensor = fixture.model.tensors[t];
  Result<Statistics> statistics = ComputeStatistics(fixture.model, tensor);
  if (!statistics) return {};
  Result<Histogram> histogram = ComputeHistogram(fixture.model, tensor, *statistics, {.bins = bins});
  return histogram ? histogram->counts : std::vector<int64_t>{};
}

TEST(Histogram, HasEqualBinsAndAClosedEnd) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({8}, DType::kFloat32, {0, 1, 2, 3, 4, kNan, kInf, 1.5F});
  EXPECT_THAT(CountsOf(fixture, t, 4), ElementsAre(1, 2, 1, 2));
}

TEST(Histogram, OfEqualValuesIsCentred) {
  ModelFixture fixture;
  Index t = fixture.AddValues<double>({2}, DType::kFloat64, {7, 7});
  EXPECT_THAT(CountsOf(fixture, t, 3), ElementsAre(0, 2, 0));
}

TEST(Histogram, CoversTheWholeRangeOfDoubles) {
  ModelFixture fixture;
  Index t = fixture.AddValues<double>({3}, DType::kFloat64, {-1.7e308, 0, 1.7e308});
  EXPECT_THAT(CountsOf(fixture, t, 3), ElementsAre(1, 1, 1));
}

TEST(Histogram, CountsRepeatedElements) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({2}, DType::kFloat32, {0, 1});
  fixture.Restride(t, {5, 2}, {0, 1});
  EXPECT_THAT(CountsOf(fixture, t, 2), ElementsAre(5, 5));
}

TEST(Histogram, ChoosesBinsByFreedmanAndDiaconis) {
  ModelFixture fixture;
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(i);
  Index t = fixture.AddValues({1000}, DType::kFloat64, values);
  const Tensor& tensor = fixture.model.tensors[t];
  StatisticsOptions options{.percentiles = true};
  Result<Statistics> statistics = ComputeStatistics(fixture.model, tensor, options);
  ASSERT_TRUE(statistics);
  EXPECT_DOUBLE_EQ(statistics->percentiles[3], 499.5);
  Result<Histogram> histogram = ComputeHistogram(fixture.model, tensor, *statistics, {});
  ASSERT_TRUE(histogram);
  EXPECT_EQ(histogram->counts.size(), 10U);  // 999 / (2 * 499.5 / 10)
  EXPECT_THAT(histogram->counts, ::testing::Each(100));
}

TEST(Histogram, OfMagnitudesIsByTheirLogarithms) {
  ModelFixture fixture;
  Index t = fixture.AddValues<double>({7}, DType::kFloat64, {0, 1, -10, 100, 1000, -1000, NAN});
  const Tensor& tensor = fixture.model.tensors[t];
  Result<Histogram> histogram = ComputeHistogram(fixture.model, tensor, Of(fixture, t), {.bins = 3, .log = true});
  ASSERT_TRUE(histogram);
  EXPECT_EQ(histogram->low, 0);
  EXPECT_EQ(histogram->high, 3);
  EXPECT_THAT(histogram->counts, ElementsAre(1, 1, 3));
}

TEST(Statistics, KnowWhereTheExtremesStand) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({2, 3}, DType::kFloat32, {5, -1, 2, 7, 7, -1});
  EXPECT_EQ(Of(fixture, t).min_at, 1);
  EXPECT_EQ(Of(fixture, t).max_at, 3);
  fixture.Restride(t, {3, 2}, {1, 3});  // 5 7 -1 7 2 -1
  EXPECT_EQ(Of(fixture, t).min_at, 2);
  EXPECT_EQ(Of(fixture, t).max_at, 1);
  fixture.Restride(t, {4, 3}, {0, 1});  // the row 5 -1 2, four times
  EXPECT_EQ(Of(fixture, t).min_at, 1);
}

TEST(Statistics, OfChannelsAreThoseOfSlices) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({2, 3}, DType::kFloat32, {1, 2, 3, 5, 7, 9});
  const Tensor& tensor = fixture.model.tensors[t];
  auto columns = ComputeChannelStatistics(fixture.model, tensor, -1);
  ASSERT_TRUE(columns);
  ASSERT_EQ(columns->size(), 3U);
  ExpectMoments((*columns)[1], 2, 7, 4.5, 2.5);
  EXPECT_EQ((*columns)[1].max_at, 4);
  auto none = ComputeChannelStatistics(fixture.model, tensor, 2);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUsage);
}

TEST(Statistics, AreCancelled) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({2}, DType::kFloat32, {1, 2});
  std::atomic<bool> cancelled = true;
  Result<Statistics> result = ComputeStatistics(fixture.model, fixture.model.tensors[t], {.cancelled = &cancelled});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInterrupted);
}

TEST(Histogram, RefusesAbsurdBins) {
  ModelFixture fixture;
  Index t = fixture.AddValues<float>({1}, DType::kFloat32, {1});
  for (int bins : {-1, 1 << 20}) {
    Result<Histogram> result =
        ComputeHistogram(fixture.model, fixture.model.tensors[t], Of(fixture, t), {.bins = bins});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace pthview
