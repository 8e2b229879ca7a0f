#include "lib/model/tied.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/model/builder.h"

namespace pthview {
namespace {

class Tied : public testing::Test {
 protected:
  Index AddStorage(size_t bytes, std::string_view key = {}) {
    Index index = builder.AddMemoryStorage("record", std::vector<std::byte>(bytes), DType::kFloat32, "cpu");
    builder.model().storages[index].key = key;
    return index;
  }
  Tensor Make(Index storage, std::vector<int64_t> shape, int64_t offset = 0, std::vector<int64_t> strides = {}) {
    Tensor tensor = builder.Check(
        {.shape = shape, .strides = strides, .offset = offset, .storage = storage, .dtype = DType::kFloat32}, "w");
    tensor.kind = TensorKind::kParameter;
    return tensor;
  }
  Index Add(std::string_view name, Tensor tensor) {
    tensor.name = tensor.path = name;
    return builder.AddTensor(tensor);
  }
  Model Finish() { return std::move(builder).Finish(); }

  ModelBuilder builder;
};

TEST_F(Tied, TheSameViewOfTheSameBytesIsOneTensorUnderTwoNames) {
  const Index storage = AddStorage(64);
  Add("embed.weight", Make(storage, {4, 4}));
  Add("other", Make(AddStorage(64), {4, 4}));
  Add("lm_head.weight", Make(storage, {4, 4}));
  Model model = Finish();
  EXPECT_EQ(model.tensors[0].tied, 0U);
  EXPECT_EQ(model.tensors[1].tied, kNone);
  EXPECT_EQ(model.tensors[2].tied, 0U);
  EXPECT_EQ(model.tensors[2].same_as, kNone) << "not the same Python object";
  TensorCount count;
  for (const Tensor& tensor : model.tensors) count.Add(model, tensor);
  EXPECT_EQ(count.tensors(), 2U);
  EXPECT_EQ(count.tied(), 1U);
  EXPECT_EQ(count.parameters(), 32U);
  EXPECT_EQ(count.StorageBytes(model), 128U);
}

TEST_F(Tied, OtherShapesStridesAndOffsetsAreOtherTensors) {
  const Index storage = AddStorage(64);
  Add("a", Make(storage, {4, 2}));
  Add("b", Make(storage, {2, 4}));
  Add("c", Make(storage, {4, 2}, 4));
  Add("d", Make(storage, {4, 2}, 0, {1, 4}));
  Add("empty", Make(storage, {0}));
  Add("empty too", Make(storage, {0}));
  for (const Tensor& tensor : Finish().tensors) EXPECT_EQ(tensor.tied, kNone) << tensor.name;
}

TEST_F(Tied, SparseTensorsAreTiedByTheTensorsThatTheyAreMadeOf) {
  const Index indices = AddStorage(16);
  const Index values = AddStorage(8);
  for (std::string_view name : {"s", "t"}) {
    Tensor whole = builder.Check({.shape = std::vector<int64_t>{9}, .layout = Layout::kSparseCoo}, name);
    Component rows[] = {{"indices", builder.AddComponent(Make(indices, {1, 2}))},
                        {"values", builder.AddComponent(Make(values, {2}))}};
    builder.Attach(whole, rows);
    Add(name, whole);
  }
  Model model = Finish();
  EXPECT_EQ(model.tensors[1].tied, 0U);
  EXPECT_EQ(StoredBytes(model, model.tensors[0]), 16U) << "2 indices and 2 values of 4 bytes";
}

TEST_F(Tied, AStorageThatIsHardlyUsedIsNotedWithBothSizes) {
  Add("b", Make(AddStorage(40000, "0"), {2, 3}, 500, {100, 1}));
  Model model = Finish();
  NoteUnusedBytes(model);
  ASSERT_EQ(model.findings.size(), 1U);
  EXPECT_EQ(model.findings[0].code, "storage-unused");
  EXPECT_EQ(model.findings[0].where, "b");
  EXPECT_THAT(model.findings[0].text, testing::HasSubstr("'0' has 40,000 bytes, of which the tensors use 24"));
  EXPECT_THAT(model.findings[0].text, testing::HasSubstr("39,976 bytes smaller"));
}

TEST_F(Tied, AStorageThatSeveralTensorsUseTogetherIsNotNoted) {
  const Index storage = AddStorage(40000);
  Add("a", Make(storage, {5000}));
  Add("b", Make(storage, {5000}, 5000));
  Add("a again", Make(storage, {5000}));
  Model model = Finish();
  NoteUnusedBytes(model);
  EXPECT_THAT(model.findings, testing::IsEmpty());
}

}  // namespace
}  // namespace pthview
