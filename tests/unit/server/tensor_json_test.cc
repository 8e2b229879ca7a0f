#include "tools/server/tensor_json.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;
using Json = nlohmann::json;

Json Get(const ModelFixture& fixture, uint64_t index, int64_t values = kMaxValues) {
  Result<std::string> text = TensorJson(fixture.model, index, values);
  EXPECT_TRUE(text) << (text ? "" : text.error().message);
  return text ? Json::parse(*text) : Json();
}

template <typename T>
Json Values(DType dtype, const std::vector<T>& values) {
  ModelFixture fixture;
  Index index = fixture.AddValues({static_cast<int64_t>(values.size())}, dtype, values);
  return Get(fixture, index)["values"];
}

TEST(TensorJson, HasTheDocumentsShape) {
  ModelFixture fixture;
  Index index = fixture.AddValues<float>({2, 3}, DType::kFloat32, {0, 1, 2, 3, 0, -6});
  Json document = Get(fixture, index, 4);
  EXPECT_EQ(document["index"], index);
  EXPECT_EQ(document["path"], "values0");
  EXPECT_EQ(document["dtype"], "float32");
  EXPECT_EQ(document["shape"], Json::parse("[2, 3]"));
  EXPECT_EQ(document["encoding"], "|");
  EXPECT_EQ(document["values"], Json::parse("[0.0, 1.0, 2.0, 3.0]"));
  EXPECT_EQ(document["count"], 6);
  EXPECT_EQ(document["truncated"], true);
  EXPECT_EQ(document["data"], "present");
  EXPECT_TRUE(document["error"].is_null());
  const Json& statistics = document["statistics"];
  EXPECT_EQ(statistics["count"], 6);
  EXPECT_EQ(statistics["min"], -6.0);
  EXPECT_EQ(statistics["max"], 3.0);
  EXPECT_EQ(statistics["mean"], 0.0);
  EXPECT_EQ(statistics["zeros"], 2);
  EXPECT_DOUBLE_EQ(statistics["sparsity"].get<double>(), 2.0 / 6);
  EXPECT_EQ(document["histogram"]["counts"].size(), kHistogramBins);
  int64_t binned = 0;
  for (const Json& count : document["histogram"]["counts"]) binned += count.get<int64_t>();
  EXPECT_EQ(binned, 6);
  EXPECT_FALSE(document["facts"].empty());
}

TEST(TensorJson, SparseTensorsComeDenseWithTheirParts) {
  ModelFixture fixture;
  Index index = fixture.Add("sparse", {2, 2});
  std::vector<Component> components = {{"indices", fixture.AddComponent<int64_t>(DType::kInt64, {0, 1})},
                                       {"values", fixture.AddComponent<float>(DType::kFloat32, {5, 6})}};
  fixture.model.components[components[0].tensor].shape =
      fixture.model.arena.Copy(std::span<const int64_t>(std::vector<int64_t>{1, 2}));
  fixture.model.components[components[0].tensor].strides =
      fixture.model.arena.Copy(std::span<const int64_t>(std::vector<int64_t>{2, 1}));
  fixture.model.components[components[1].tensor].shape =
      fixture.model.arena.Copy(std::span<const int64_t>(std::vector<int64_t>{2}));
  fixture.model.component_rows = components;
  Tensor& tensor = fixture.model.tensors[index];
  tensor.shape = fixture.model.arena.Copy(std::span<const int64_t>(std::vector<int64_t>{2}));
  tensor.numel = 2;
  tensor.layout = Layout::kSparseCoo;
  tensor.data = DataState::kPresent;
  tensor.first_component = 0;
  tensor.component_count = 2;
  Json document = Get(fixture, index);
  EXPECT_EQ(document["values"], Json::parse("[5.0, 6.0]"));
  EXPECT_EQ(document["statistics"]["max"], 6.0);
  ASSERT_EQ(document["parts"].size(), 2U);
  EXPECT_EQ(document["parts"][0]["name"], "indices");
  EXPECT_EQ(document["parts"][0]["values"], Json::parse("[0, 1]"));
  fixture.model.tensors[index].layout = Layout::kWrapper;
  document = Get(fixture, index);
  EXPECT_EQ(document["values"], Json::array());
  EXPECT_FALSE(document["error"].is_null());
  EXPECT_EQ(document["parts"][1]["values"], Json::parse("[5.0, 6.0]"));
}

TEST(TensorJson, ValuesAreCapped) {
  ModelFixture fixture;
  Index index = fixture.AddValues({20000}, DType::kUint8, std::vector<uint8_t>(20000, 1));
  EXPECT_EQ(Get(fixture, index, 1000000)["values"].size(), 10000);
  EXPECT_EQ(Get(fixture, index, -5)["values"].size(), 0);
}

TEST(TensorJson, NumbersThatJsonLacksAreStrings) {
  float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Values<float>(DType::kFloat32, {NAN, inf, -inf, 0.1F}),
            Json::parse(R"(["NaN", "Infinity", "-Infinity", 0.1])"));
  int64_t exact = int64_t{1} << 53;
  EXPECT_EQ(Values<int64_t>(DType::kInt64, {exact, exact + 1, -exact - 1, -3}),
            Json::parse(R"([9007199254740992, "9007199254740993", "-9007199254740993", -3])"));
  EXPECT_EQ(Values<uint64_t>(DType::kUint64, {UINT64_MAX, 1}), Json::parse(R"(["18446744073709551615", 1])"));
}

TEST(TensorJson, OtherTypes) {
  EXPECT_EQ(Values<uint8_t>(DType::kBool, {0, 1}), Json::parse("[false, true]"));
  EXPECT_EQ(Values<int8_t>(DType::kInt8, {-128, 127}), Json::parse("[-128, 127]"));
  EXPECT_EQ(Values<uint16_t>(DType::kFloat16, {0x3C00, 0xC000, 0x7E00}), Json::parse(R"([1.0, -2.0, "NaN"])"));
  EXPECT_EQ(Values<uint16_t>(DType::kBFloat16, {0x3F80}), Json::parse("[1.0]"));
  EXPECT_EQ(Values<uint8_t>(DType::kFloat8E4M3FN, {0x38}), Json::parse("[1.0]"));
  ModelFixture complex;
  Index index = complex.AddValues<float>({1}, DType::kComplex64, {1, -2});
  EXPECT_EQ(Get(complex, index)["values"], Json::parse(R"(["1-2j"])"));
}

TEST(TensorJson, QuantizedValuesAreDequantized) {
  ModelFixture fixture;
  Index index = fixture.AddValues<uint8_t>({3}, DType::kQUInt8, {10, 11, 8});
  fixture.model.quantizations.push_back({.scale = 0.5, .zero_point = 10});
  fixture.model.tensors[index].quantization = 0;
  Json document = Get(fixture, index);
  EXPECT_EQ(document["values"], Json::parse("[0.0, 0.5, -1.0]"));
  EXPECT_EQ(document["statistics"]["max"], 0.5);
}

TEST(TensorJson, QuantizedPerChannel) {
  ModelFixture fixture;
  Index index = fixture.AddValues<int8_t>({2, 2}, DType::kQInt8, {1, 2, 3, 4});
  Index scales = fixture.AddComponent<double>(DType::kFloat64, {1, 10});
  Index zero_points = fixture.AddComponent<int64_t>(DType::kInt64, {0, 1});
  fixture.model.quantizations.push_back({.per_channel = true, .scales = scales, .zero_points = zero_points, .axis = 0});
  fixture.model.tensors[index].quantization = 0;
  EXPECT_EQ(Get(fixture, index)["values"], Json::parse("[1.0, 2.0, 20.0, 30.0]"));
  fixture.model.quantizations[0].axis = 1;
  EXPECT_EQ(Get(fixture, index)["values"], Json::parse("[1.0, 10.0, 3.0, 30.0]"));
}

TEST(TensorJson, StridedViewsAreRowMajor) {
  ModelFixture fixture;
  Index index = fixture.AddValues<int32_t>({2, 3}, DType::kInt32, {0, 1, 2, 3, 4, 5});
  fixture.Restride(index, {3, 2}, {1, 3});
  EXPECT_EQ(Get(fixture, index)["values"], Json::parse("[0, 3, 1, 4, 2, 5]"));
}

TEST(TensorJson, SaysWhyThereAreNoValues) {
  ModelFixture fixture;
  Index index = fixture.Add("gone", {4});
  for (DataState state : {DataState::kMissing, DataState::kOutOfBounds, DataState::kMeta}) {
    fixture.model.tensors[index].data = state;
    Json document = Get(fixture, index);
    EXPECT_EQ(document["data"], DataStateName(state));
    EXPECT_TRUE(document["error"].is_string());
    EXPECT_TRUE(document["statistics"].is_null());
    EXPECT_EQ(document["values"], Json::array());
  }
}

TEST(TensorJson, SparseTensorNamesItsComponents) {
  ModelFixture fixture;
  Index index = fixture.Add("sparse", {4});
  Index values = fixture.AddComponent<float>(DType::kFloat32, {1, 2});
  Tensor& tensor = fixture.model.tensors[index];
  tensor.layout = Layout::kSparseCoo;
  tensor.data = DataState::kPresent;
  tensor.first_component = 0;
  tensor.component_count = 1;
  fixture.model.component_rows.push_back({"values", values});
  Json document = Get(fixture, index);
  EXPECT_TRUE(document["error"].is_string());
  bool named = false;
  for (const Json& fact : document["facts"]) named |= fact == Json::parse(R"json(["values", "float32 (2,)"])json");
  EXPECT_TRUE(named) << document["facts"];
}

TEST(TensorJson, EmptyTensor) {
  ModelFixture fixture;
  Index index = fixture.AddValues<float>({0, 3}, DType::kFloat32, {});
  Json document = Get(fixture, index);
  EXPECT_EQ(document["values"], Json::array());
  EXPECT_EQ(document["truncated"], false);
  EXPECT_TRUE(document["histogram"].is_null());
}

TEST(TensorJson, NoSuchTensor) {
  ModelFixture fixture;
  Result<std::string> text = TensorJson(fixture.model, 0, 1);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace pthview::server
