// Typed attributes and types of values, as text and as numbers.
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lib/model/model.h"

namespace pthview {
namespace {

TEST(AttributeValue, TextIsPythons) {
  const std::vector<std::pair<AttributeValue, std::string>> cases = {
      {{}, ""},
      {{NoneValue{}}, "None"},
      {{true}, "True"},
      {{int64_t{-3}}, "-3"},
      {{1.0}, "1.0"},
      {{1e-05}, "1e-05"},
      {{std::numeric_limits<double>::infinity()}, "inf"},
      {{std::complex<double>(1, -2)}, "(1-2j)"},
      {{std::string("reflect")}, "reflect"},
      {{DType::kBFloat16}, "torch.bfloat16"},
      {{DeviceValue{"cuda:1"}}, "cuda:1"},
      {{LayoutValue{"strided"}}, "torch.strided"},
      {{MemoryFormatValue{"channels_last"}}, "torch.channels_last"},
      {{ListValue{{{int64_t{1}}, {std::string("a")}}, false}}, "[1, 'a']"},
      {{ListValue{{{int64_t{1}}}, true}}, "(1,)"},
      {{ListValue{{}, true}}, "()"},
      {{DictValue{{{std::string("k")}, {NoneValue{}}}}}, "{'k': None}"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(AttributeText(value), text);
  AttributeValue deep{int64_t{1}};
  for (int i = 0; i < 5000; ++i) deep = {ListValue{{std::move(deep)}, false}};
  EXPECT_LT(AttributeText(deep).size(), 100U);
}

TEST(AttributeValue, NumbersOnlyWhereTheyAre) {
  EXPECT_EQ(AttributeValue{true}.Int(), 1);
  EXPECT_EQ(AttributeValue{int64_t{7}}.Float(), 7.0);
  EXPECT_FALSE(AttributeValue{1.5}.Int());
  EXPECT_FALSE(AttributeValue{std::string("3")}.Int());
  const std::vector<int64_t> sizes = {2, -1};
  EXPECT_EQ(ListOfInts(sizes).Ints(), sizes);
  EXPECT_FALSE((AttributeValue{ListValue{{{int64_t{1}}, {ValueReference{0}}}, false}}.Ints()));
  EXPECT_FALSE(AttributeValue{int64_t{7}}.Ints());
}

TEST(ValueType, TextSaysWhatIsKnown) {
  ValueType tensor{.kind = TypeKind::kTensor};
  EXPECT_EQ(TypeText({}), "");
  EXPECT_EQ(TypeText(tensor), "Tensor");
  tensor.dtype = DType::kFloat32;
  EXPECT_EQ(TypeText(tensor), "float32[...]");
  tensor.dims = {{Dim{1, ""}, Dim{-1, "s0"}, Dim{}}};
  EXPECT_EQ(TypeText(tensor), "float32[1, s0, ?]");
  tensor.dtype = DType::kUnknown;
  EXPECT_EQ(TypeText(tensor), "Tensor[1, s0, ?]");
  ValueType list{.kind = TypeKind::kList,
                 .items = {{.kind = TypeKind::kOptional, .items = {{.kind = TypeKind::kInt}}}}};
  EXPECT_EQ(TypeText(list), "List[Optional[int]]");
  EXPECT_EQ(TypeText({.kind = TypeKind::kDict, .items = {{.kind = TypeKind::kString}, list}}),
            "Dict[str, List[Optional[int]]]");
  EXPECT_EQ(TypeText({.kind = TypeKind::kClass, .name = "__torch__.Net"}), "__torch__.Net");
}

}  // namespace
}  // namespace pthview
