#include "lib/analysis/statistics/dense_copy.h"

#include <gtest/gtest.h>

#include "lib/model/tensor_data.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using pthview::testing::ModelFixture;

// A tensor of another layout, made of components with values.
struct Made {
  ModelFixture fixture;
  Index index = kNone;
  std::vector<Component> components;

  explicit Made(Layout layout, std::vector<int64_t> shape, DType dtype = DType::kFloat32) {
    index = fixture.Add("t", std::move(shape), dtype);
    fixture.model.tensors[index].layout = layout;
    fixture.model.tensors[index].data = DataState::kPresent;
  }

  template <typename T>
  Made& Add(const char* name, std::vector<int64_t> shape, DType dtype, const std::vector<T>& values) {
    Index component = fixture.AddComponent(dtype, values);
    Model& model = fixture.model;
    Tensor& tensor = model.components[component];
    tensor.numel = static_cast<int64_t>(values.size());
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    tensor.shape = model.arena.Copy(std::span<const int64_t>(shape));
    tensor.strides = model.arena.Copy(std::span<const int64_t>(strides));
    components.push_back({name, component});
    Tensor& whole = model.tensors[index];
    whole.first_component = 0;
    whole.component_count = static_cast<uint32_t>(components.size());
    model.component_rows = components;
    return *this;
  }
  Made& Longs(const char* name, std::vector<int64_t> shape, const std::vector<int64_t>& values) {
    return Add(name, std::move(shape), DType::kInt64, values);
  }

  // The dense values as text, or the error's code.
  std::string Dense() const {
    auto model = DenseCopy(fixture.model, fixture.model.tensors[index]);
    if (!model) return ErrorCodeName(model.error().code);
    const Tensor& tensor = model->tensors[0];
    auto bytes = ReadElements(*model, tensor, 0, tensor.numel);
    if (!bytes) return bytes.error().message;
    std::string text;
    for (int64_t i = 0; i < tensor.numel; ++i) {
      float value = 0;
      std::memcpy(&value, bytes->data() + 4 * i, 4);
      text += (i == 0 ? "" : " ") + std::to_string(static_cast<int>(value));
    }
    return text;
  }
};

TEST(DenseCopy, Coo) {
  Made made(Layout::kSparseCoo, {2, 3});
  made.Longs("indices", {2, 3}, {0, 0, 1, 2, 2, 0}).Add<float>("values", {3}, DType::kFloat32, {1, 2, 3});
  EXPECT_EQ(made.Dense(), "0 0 3 3 0 0") << "entries at one place are added";
}

TEST(DenseCopy, WhatDoesNotFitIsCorrupt) {
  struct Case {
    const char* what;
    std::vector<int64_t> shape;
    std::vector<int64_t> indices_shape;
    std::vector<int64_t> indices;
    std::vector<int64_t> values_shape;
  };
  const Case kCases[] = {
      {"an index too large", {2, 3}, {2, 1}, {0, 3}, {1}},
      {"an index below 0", {2, 3}, {2, 1}, {0, -1}, {1}},
      {"an index far away", {2, 3}, {2, 1}, {INT64_MAX, INT64_MAX}, {1}},
      {"a dimension too few", {2, 3}, {1, 1}, {0}, {1}},
      {"a dimension too many", {2, 3}, {3, 1}, {0, 0, 0}, {1}},
      {"fewer values", {2, 3}, {2, 2}, {0, 0, 0, 0}, {1}},
      {"another dense size", {2, 3}, {1, 1}, {0}, {1, 2}},
  };
  for (const Case& c : kCases) {
    Made made(Layout::kSparseCoo, c.shape);
    int64_t count = 1;
    for (int64_t size : c.values_shape) count *= size;
    made.Longs("indices", c.indices_shape, c.indices)
        .Add<float>("values", c.values_shape, DType::kFloat32, std::vector<float>(static_cast<size_t>(count), 1));
    EXPECT_EQ(made.Dense(), ErrorCodeName(ErrorCode::kCorrupt)) << c.what;
  }
}

TEST(DenseCopy, RowsAndColumns) {
  for (Layout layout : {Layout::kSparseCsr, Layout::kSparseCsc}) {
    bool rows = layout == Layout::kSparseCsr;
    Made made(layout, {2, 2});
    made.Longs(rows ? "crow_indices" : "ccol_indices", {3}, {0, 1, 2})
        .Longs(rows ? "col_indices" : "row_indices", {2}, {1, 1})
        .Add<float>("values", {2}, DType::kFloat32, {1, 2});
    EXPECT_EQ(made.Dense(), rows ? "0 1 0 2" : "0 0 1 2");
  }
}

TEST(DenseCopy, PointersThatGoBackAreCorrupt) {
  // Each row would have all entries: rows times entries of work.
  Made made(Layout::kSparseCsr, {2, 2});
  made.Longs("crow_indices", {3}, {0, 2, 0})
      .Longs("col_indices", {2}, {0, 1})
      .Add<float>("values", {2}, DType::kFloat32, {1, 2});
  EXPECT_EQ(made.Dense(), ErrorCodeName(ErrorCode::kCorrupt));
  Made beyond(Layout::kSparseCsr, {2, 2});
  beyond.Longs("crow_indices", {3}, {0, 2, 3})
      .Longs("col_indices", {2}, {0, 1})
      .Add<float>("values", {2}, DType::kFloat32, {1, 2});
  EXPECT_EQ(beyond.Dense(), ErrorCodeName(ErrorCode::kCorrupt));
}

TEST(DenseCopy, Blocks) {
  Made made(Layout::kSparseBsr, {4, 2});
  made.Longs("crow_indices", {3}, {0, 0, 1})
      .Longs("col_indices", {1}, {0})
      .Add<float>("values", {1, 2, 2}, DType::kFloat32, {1, 2, 3, 4});
  EXPECT_EQ(made.Dense(), "0 0 0 0 1 2 3 4");
  Made uneven(Layout::kSparseBsr, {3, 2});
  uneven.Longs("crow_indices", {2}, {0, 1})
      .Longs("col_indices", {1}, {0})
      .Add<float>("values", {1, 2, 2}, DType::kFloat32, {1, 2, 3, 4});
  EXPECT_EQ(uneven.Dense(), ErrorCodeName(ErrorCode::kCorrupt));
}

TEST(DenseCopy, LargeOnesAreRefused) {
  Made made(Layout::kSparseCoo, {1 << 20, 1 << 20});
  made.Longs("indices", {2, 1}, {0, 0}).Add<float>("values", {1}, DType::kFloat32, {1});
  EXPECT_EQ(made.Dense(), ErrorCodeName(ErrorCode::kLimit));
  Made dense(Layout::kDense, {2});
  EXPECT_EQ(dense.Dense(), ErrorCodeName(ErrorCode::kUnsupported));
}

std::string Parts(const Made& made) {
  auto parts = NestedParts(made.fixture.model, made.fixture.model.tensors[made.index], 10);
  if (!parts) return ErrorCodeName(parts.error().code);
  std::string text;
  for (TensorPart& part : *parts) {
    part.Bind();
    auto bytes = ReadElements(made.fixture.model, part.tensor, 0, part.tensor.numel);
    if (!bytes) return bytes.error().message;
    text += part.name;
    for (int64_t i = 0; i < part.tensor.numel; ++i) {
      float value = 0;
      std::memcpy(&value, bytes->data() + 4 * i, 4);
      text += " " + std::to_string(static_cast<int>(value));
    }
    text += ";";
  }
  return text;
}

TEST(NestedParts, StridedAndJagged) {
  Made strided(Layout::kNested, {2});
  strided.Add<float>("buffer", {6}, DType::kFloat32, {0, 1, 2, 3, 4, 5})
      .Longs("sizes", {2, 2}, {2, 1, 2, 2})
      .Longs("strides", {2, 2}, {1, 1, 1, 2})
      .Longs("offsets", {2}, {0, 2});
  EXPECT_EQ(Parts(strided), "[0] 0 1;[1] 2 4 3 5;");
  Made jagged(Layout::kNested, {2});
  jagged.Add<float>("values", {3, 2}, DType::kFloat32, {0, 1, 2, 3, 4, 5}).Longs("offsets", {3}, {0, 1, 3});
  EXPECT_EQ(Parts(jagged), "[0] 0 1;[1] 2 3 4 5;");
  jagged.fixture.AddPlain("t.ragged_idx", "2");
  EXPECT_EQ(Parts(jagged), ErrorCodeName(ErrorCode::kUnsupported));
}

TEST(NestedParts, OutsideIsCorrupt) {
  for (const std::vector<int64_t>& offsets :
       {std::vector<int64_t>{0, 4, 3}, {0, 1, 4}, {-1, 1, 3}, {0, INT64_MIN, INT64_MAX}, {0, 1}}) {
    Made jagged(Layout::kNested, {2});
    jagged.Add<float>("values", {3, 2}, DType::kFloat32, {0, 1, 2, 3, 4, 5})
        .Longs("offsets", {static_cast<int64_t>(offsets.size())}, offsets);
    EXPECT_EQ(Parts(jagged), ErrorCodeName(ErrorCode::kCorrupt));
  }
  for (int64_t size : {int64_t{7}, int64_t{-1}, INT64_MAX}) {
    Made strided(Layout::kNested, {1});
    strided.Add<float>("buffer", {6}, DType::kFloat32, {0, 1, 2, 3, 4, 5})
        .Longs("sizes", {1, 1}, {size})
        .Longs("strides", {1, 1}, {1})
        .Longs("offsets", {1}, {0});
    EXPECT_EQ(Parts(strided), ErrorCodeName(ErrorCode::kCorrupt));
  }
}

}  // namespace
}  // namespace pthview
