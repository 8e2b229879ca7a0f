#include "tools/cli/value_text.h"

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

std::string Text(const Model& model, const Tensor& tensor, std::string_view slice = "") {
  auto window = SliceTensor(tensor, slice);
  if (!window) return window.error().message;
  window->Bind();
  auto text = ValuesText(model, *window);
  return text ? *text : text.error().message;
}

std::vector<float> CountTo(int n) {
  std::vector<float> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0.0F);
  return values;
}

TEST(ValueText, LaysOutDimensionsAsNumPyDoes) {
  ModelFixture f;
  auto text = [&](std::vector<int64_t> shape, int n) {
    return Text(f.model, f.model.tensors[f.AddValues<float>(std::move(shape), DType::kFloat32, CountTo(n))]);
  };
  EXPECT_EQ(text({}, 1), "0.0");
  EXPECT_EQ(text({3}, 3), "[0.0 1.0 2.0]");
  EXPECT_EQ(text({2, 2}, 4), "[[0.0 1.0]\n [2.0 3.0]]");
  EXPECT_EQ(text({2, 1, 2}, 4), "[[[0.0 1.0]]\n\n [[2.0 3.0]]]");
  EXPECT_EQ(text({0, 3}, 0), "[]");
  EXPECT_EQ(text({11}, 11), "[ 0.0  1.0  2.0  3.0  4.0  5.0  6.0  7.0  8.0  9.0 10.0]") << "one width for all";
}

TEST(ValueText, ShortensLongDimensionsInTheMiddle) {
  ModelFixture f;
  Index row = f.AddValues<float>({1001}, DType::kFloat32, CountTo(1001));
  EXPECT_EQ(Text(f.model, f.model.tensors[row]), "[   0.0    1.0    2.0 ...  998.0  999.0 1000.0]");
  Index narrow = f.AddValues<float>({600, 2}, DType::kFloat32, CountTo(1200));
  std::string text = Text(f.model, f.model.tensors[narrow]);
  EXPECT_TRUE(text.starts_with("[[   0.0    1.0]\n [   2.0    3.0]\n [   4.0    5.0]\n ...\n [1194.0")) << text;
}

TEST(ValueText, AThousandValuesAreShownInFullAndWrapped) {
  ModelFixture f;
  std::string text = Text(f.model, f.model.tensors[f.AddValues<float>({1000}, DType::kFloat32, CountTo(1000))]);
  EXPECT_EQ(text.find("..."), std::string::npos);
  size_t longest = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  EXPECT_LE(longest, 101U);
}

TEST(ValueText, MoreThanEightDimensionsAreShownFlat) {
  ModelFixture f;
  Index nine = f.AddValues<float>({1, 1, 1, 1, 1, 1, 1, 1, 30}, DType::kFloat32, CountTo(30));
  std::string text = Text(f.model, f.model.tensors[nine]);
  EXPECT_TRUE(text.starts_with("0.0 1.0 2.0 ")) << text;
  EXPECT_TRUE(text.ends_with("19.0 ...")) << text;
}

TEST(ValueText, NumbersThatAreNone) {
  ModelFixture f;
  float infinity = std::numeric_limits<float>::infinity();
  Index odd = f.AddValues<float>({3}, DType::kFloat32, {std::nanf(""), infinity, -0.0F});
  EXPECT_EQ(Text(f.model, f.model.tensors[odd]), "[ nan  inf -0.0]");
}

TEST(ValueText, QuantizedTensorsShowWhatTheyStandFor) {
  ModelFixture f;
  Index codes = f.AddValues<int8_t>({2, 3}, DType::kQInt8, {-1, 0, 1, -2, 0, 2});
  Tensor& tensor = f.model.tensors[codes];
  tensor.quantization = 0;
  f.model.quantizations.push_back({.scale = 0.5, .zero_point = 1});
  EXPECT_EQ(Text(f.model, tensor), "[[-1.0 -0.5  0.0]\n [-1.5 -0.5  0.5]]");

  Quantization channels{.per_channel = true, .axis = 1};
  channels.scales = f.AddComponent<double>(DType::kFloat64, {1, 10, 100});
  channels.zero_points = f.AddComponent<int64_t>(DType::kInt64, {0, 0, 1});
  f.model.quantizations[0] = channels;
  EXPECT_EQ(Text(f.model, tensor), "[[ -1.0   0.0   0.0]\n [ -2.0   0.0 100.0]]") << "scales along the columns";
  EXPECT_EQ(Text(f.model, tensor, "1,2"), "100.0") << "a fixed column keeps its scale";
  EXPECT_EQ(Text(f.model, tensor, ":,1:"), "[[  0.0   0.0]\n [  0.0 100.0]]");
  f.model.quantizations[0].axis = 0;
  f.model.quantizations[0].scales = f.AddComponent<double>(DType::kFloat64, {1, 10});
  f.model.quantizations[0].zero_points = f.AddComponent<int64_t>(DType::kInt64, {0, 0});
  EXPECT_EQ(Text(f.model, tensor, "1"), "[-20.0   0.0  20.0]");
}

TEST(FlatValues, StopsAtTheLimitAndKeepsChannels) {
  ModelFixture f;
  Index codes = f.AddValues<int8_t>({2, 2, 2}, DType::kQInt8, {1, 1, 1, 1, 1, 1, 1, 1});
  Quantization channels{.per_channel = true, .axis = 1};
  channels.scales = f.AddComponent<double>(DType::kFloat64, {1, 3});
  channels.zero_points = f.AddComponent<int64_t>(DType::kInt64, {0, 0});
  f.model.quantizations.push_back(channels);
  f.model.tensors[codes].quantization = 0;
  auto window = SliceTensor(f.model.tensors[codes], "");
  ASSERT_TRUE(window);
  window->Bind();
  auto values = FlatValues(f.model, *window, 6);
  ASSERT_TRUE(values);
  EXPECT_THAT(*values, ElementsAre("1.0", "1.0", "3.0", "3.0", "1.0", "1.0"));
}

}  // namespace
}  // namespace pthview
