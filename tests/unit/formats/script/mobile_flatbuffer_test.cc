#include <gtest/gtest.h>

#include "tests/unit/container/flatbuffer_builder.h"
#include "tests/unit/formats/opened.h"

namespace pthview {
namespace {

// Numbers of the union IValueUnion and of c10::ScalarType.
constexpr uint8_t kInt = 1, kBool = 2, kTensor = 5, kString = 6, kList = 7, kObject = 10, kFunction = 16;
constexpr int8_t kFloat = 6, kQInt8 = 12;

FlatNode Value(uint8_t type, FlatNode value) {
  return FlatTableNode({{0, FlatScalar(type)}, {1, Ref(std::move(value))}});
}

FlatNode TensorNode(uint32_t storage, int8_t type, std::vector<int32_t> sizes, std::vector<int32_t> strides,
                    uint8_t requires_grad = 0) {
  return FlatTableNode({{0, FlatScalar(storage)},
                        {1, FlatScalar(type)},
                        {3, Ref(FlatNumbers(sizes))},
                        {4, Ref(FlatNumbers(strides))},
                        {5, FlatScalar(requires_grad)}});
}

FlatNode ObjectNode(uint32_t type, std::vector<uint32_t> attributes) {
  return FlatTableNode({{0, FlatScalar(type)}, {2, Ref(FlatNumbers(attributes))}});
}

FlatNode TypeNode(const std::string& name, const std::vector<std::string>& attributes) {
  std::vector<FlatNode> names;
  for (const std::string& attribute : attributes) names.push_back(FlatText(attribute));
  return FlatTableNode({{0, Ref(FlatText(name))}, {2, Ref(FlatOffsets(names))}});
}

std::string MobileFile(std::vector<FlatNode> values, std::vector<FlatNode> types) {
  std::string floats;
  for (float f : {1.0F, 2.0F, 3.0F}) floats.append(reinterpret_cast<const char*>(&f), sizeof(f));
  FlatNode storage = FlatTableNode({{0, Ref(FlatBytes(U32(12) + floats))}});
  FlatNode extra = FlatTableNode({{0, Ref(FlatText("note.txt"))}, {1, Ref(FlatText("hello"))}});
  return FlatWriter("PTMF").Finish(FlatTableNode({{0, FlatScalar<uint32_t>(9)},
                                                  {1, Ref(FlatOffsets({extra}))},
                                                  {3, FlatScalar<uint32_t>(1)},
                                                  {4, Ref(FlatOffsets(std::move(values)))},
                                                  {6, Ref(FlatOffsets({storage}))},
                                                  {7, Ref(FlatOffsets(std::move(types)))}}));
}

const FlatNode kNothing = FlatTableNode({});

TEST(MobileFlatbuffer, ReadsModulesTensorsAndOperators) {
  FlatNode op = FlatTableNode({{0, Ref(FlatText("aten::add"))}, {1, Ref(FlatText("Tensor"))}});
  FlatNode function = FlatTableNode({{2, Ref(FlatOffsets({op, op}))}});
  auto model = OpenBytes(
      MobileFile({kNothing, Value(kObject, ObjectNode(0, {2, 3})), Value(kObject, ObjectNode(1, {4, 5, 6, 7})),
                  Value(kTensor, TensorNode(0, kFloat, {2}, {1}, 1)),
                  Value(kTensor, TensorNode(0, kFloat, {3, 1}, {1, 1})), Value(kBool, FlatBytes(std::string(8, '\1'))),
                  Value(kList, FlatTableNode({{0, Ref(FlatNumbers<uint32_t>({8, 8}))}})),
                  Value(kTensor, TensorNode(0, kFloat, {4}, {1})),
                  Value(kString, FlatTableNode({{0, Ref(FlatText("x"))}})), Value(kFunction, function)},
                 {TypeNode("__torch__.Net", {"layer", "weight"}),
                  TypeNode("__torch__.Layer", {"mean", "training", "names", "far"})}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "mobile-flatbuffer");
  EXPECT_EQ(Describe(*model, "weight"), "float32[2] 1.0 2.0");
  EXPECT_EQ(FindTensor(*model, "weight")->kind, TensorKind::kParameter);
  EXPECT_EQ(Describe(*model, "layer.mean"), "float32[3, 1] 1.0 2.0 3.0");
  EXPECT_EQ(FindTensor(*model, "layer.mean")->kind, TensorKind::kBuffer);
  EXPECT_EQ(Describe(*model, "layer.far"), "float32[4] oob");
  ASSERT_EQ(model->modules.size(), 2u);
  EXPECT_EQ(model->modules[1].class_name, "__torch__.Layer");
  EXPECT_EQ(model->modules[1].training, true);
  EXPECT_EQ(model->modules[1].attributes.at(0).text, "['x', 'x']");
  EXPECT_EQ(PlainText(*model), "operators[0]=aten::add.Tensor\nextra.note.txt=hello\n");
}

TEST(MobileFlatbuffer, QuantizedTensorsKeepTheirScale) {
  FlatNode schema = FlatTableNode({{1, FlatScalar(0.5)}, {2, FlatScalar<int32_t>(3)}});
  FlatNode tensor = TensorNode(0, kQInt8, {4}, {1});
  tensor.fields[6] = Ref(schema);
  auto model = OpenBytes(MobileFile({kNothing, Value(kTensor, tensor)}, {}));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->quantizations.size(), 1u);
  EXPECT_EQ(model->quantizations[0].scale, 0.5);
  EXPECT_EQ(model->quantizations[0].zero_point, 3);
  EXPECT_EQ(model->tensors.at(0).dtype, DType::kQInt8);
}

TEST(MobileFlatbuffer, ScalesOfAnotherShapeAreAFinding) {
  FlatNode schema = FlatTableNode({{0, FlatScalar<uint8_t>(1)},
                                   {3, Ref(TensorNode(0, kFloat, {2}, {1}))},
                                   {4, Ref(TensorNode(0, kFloat, {2}, {1}))},
                                   {5, FlatScalar<int32_t>(-1)}});
  FlatNode tensor = TensorNode(0, kQInt8, {4}, {1});
  tensor.fields[6] = Ref(schema);
  auto model = OpenBytes(MobileFile({kNothing, Value(kTensor, tensor)}, {}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(model->quantizations.empty());
  EXPECT_TRUE(Noted(*model, "quantization"));
}

TEST(MobileFlatbuffer, CyclesAndTwinsEnd) {
  std::vector<uint32_t> twice(50, 2);
  auto list = [](const std::vector<uint32_t>& items) { return FlatTableNode({{0, Ref(FlatNumbers(items))}}); };
  std::vector<FlatNode> values = {kNothing, Value(kList, list(twice))};
  for (uint32_t i = 2; i < 40; ++i) values.push_back(Value(kList, list(std::vector<uint32_t>(50, i + 1))));
  values.push_back(Value(kList, list({1})));
  auto model = OpenBytes(MobileFile(std::move(values), {}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(Noted(*model, "cycle"));
  EXPECT_TRUE(Noted(*model, "shared-containers"));
}

TEST(MobileFlatbuffer, ACutFileIsAnError) {
  std::string bytes = MobileFile({kNothing, Value(kInt, FlatBytes(std::string(8, '\0')))}, {});
  auto model = OpenBytes(bytes.substr(0, 12));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace pthview
