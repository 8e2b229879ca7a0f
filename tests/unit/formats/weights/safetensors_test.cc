#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/formats/weights/safetensors_header.h"
#include "lib/model/tensor_data.h"
#include "tests/unit/formats/open_memory.h"
#include "tests/unit/formats/weights/safetensors_builder.h"

namespace pthview {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

Model Opened(std::string_view header, std::string_view data) {
  auto model = OpenBytes(Safetensors(header, data));
  EXPECT_TRUE(model) << model.error().message;
  return model ? std::move(*model) : Model();
}

TEST(Safetensors, ListsTensorsWithTheirBytes) {
  Model model =
      Opened(R"({"__metadata__":{"format":"pt"},"b.running_mean":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
             R"("a b":{"dtype":"I16","shape":[],"data_offsets":[2,4]}}   )",
             "\x01\x02\x03\x04");
  ASSERT_EQ(model.tensors.size(), 2u);
  EXPECT_EQ(model.format, "safetensors");
  EXPECT_EQ(model.tensors[0].name, "b.running_mean");
  EXPECT_EQ(model.tensors[0].kind, TensorKind::kBuffer);
  EXPECT_EQ(model.tensors[1].path, "[\"a b\"]");
  EXPECT_EQ(model.tensors[1].dtype, DType::kInt16);
  auto bytes = ReadElements(model, model.tensors[1], 0, 1);
  ASSERT_TRUE(bytes);
  EXPECT_THAT(*bytes, ElementsAre(std::byte{3}, std::byte{4}));
  ASSERT_EQ(model.plain.size(), 1u);
  EXPECT_EQ(model.plain[0].path, "__metadata__.format");
  EXPECT_EQ(model.plain[0].text, "pt");
  EXPECT_THAT(CodesOf(model), IsEmpty());
}

TEST(Safetensors, CountsTheHalfBytesOfFloat4InPairs) {
  Model model = Opened(R"({"a":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]}})", "1234");
  EXPECT_THAT(model.tensors.at(0).shape, ElementsAre(2, 2));
  EXPECT_EQ(model.tensors[0].data, DataState::kPresent);
}

struct Odd {
  const char* what;  // the test's name
  const char* header;
  const char* code;
};

void PrintTo(const Odd& odd, std::ostream* out) { *out << odd.what; }

class SafetensorsOdd : public testing::TestWithParam<Odd> {};

// Four bytes of data follow each of these headers. All tensors stay listed.
TEST_P(SafetensorsOdd, BecomesAFinding) {
  Model model = Opened(GetParam().header, "1234");
  EXPECT_THAT(CodesOf(model), Contains(GetParam().code));
  EXPECT_FALSE(model.tensors.empty());
  for (const Tensor& tensor : model.tensors) {
    if (tensor.data != DataState::kPresent) continue;
    EXPECT_TRUE(ReadElements(model, tensor, 0, tensor.numel));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Headers, SafetensorsOdd,
    testing::Values(
        Odd{"hole_in_front", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "safetensors-hole"},
        Odd{"hole_behind", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "safetensors-hole"},
        Odd{"overlap",
            R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
            "safetensors-overlap"},
        Odd{"name_twice",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
            "safetensors-duplicate"},
        Odd{"size_of_dtype", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "safetensors-size"},
        Odd{"range_backwards", R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", "safetensors-size"},
        Odd{"range_behind_the_end", R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", "truncated"},
        Odd{"range_near_2_to_the_64",
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[18446744073709551611,18446744073709551615]}})",
            "tensor-outside"},
        Odd{"shape_of_2_to_the_64", R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}})",
            "safetensors-size"},
        Odd{"negative_size", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,4]}})", "safetensors-entry"},
        Odd{"no_shape", R"({"a":{"dtype":"U8","data_offsets":[0,4]}})", "safetensors-entry"},
        Odd{"three_offsets", R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,2,4]}})", "safetensors-entry"},
        Odd{"nested_shape", R"({"a":{"dtype":"U8","shape":[[4]],"data_offsets":[0,4]}})", "safetensors-entry"},
        Odd{"no_entry", R"({"a":[],"b":3})", "safetensors-entry"},
        Odd{"unknown_dtype", R"({"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,4]}})", "safetensors-dtype"},
        Odd{"nested_metadata",
            R"({"__metadata__":{"n":{"deep":1}},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
            "safetensors-metadata"}));

TEST(Safetensors, RefusesWhatIsNoHeader) {
  EXPECT_EQ(OpenBytes(Safetensors(R"({"a":)", "")).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(OpenBytes(Safetensors(R"({"a":{}} x)", "")).error().code, ErrorCode::kCorrupt);
  std::string cut = Safetensors(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "");
  EXPECT_EQ(OpenBytes(cut.substr(0, 20)).error().code, ErrorCode::kTruncated);
  std::string huge = Safetensors("{}", "");
  huge[4] = 1;  // a header of 4 GB: not this format
  EXPECT_EQ(OpenBytes(huge).error().code, ErrorCode::kUnrecognized);
}

TEST(Safetensors, DeepNestingCostsNothing) {
  std::string deep = R"({"a":)" + std::string(1 << 20, '[') + std::string(1 << 20, ']') + "}";
  auto header = ParseSafetensorsHeader(deep);
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->entries.at(0).complete);
}

TEST(Safetensors, HeadersThatTheFormatDoesNotAllowAreNamed) {
  std::string spaces(1, '{');
  spaces.resize(100'000'001, ' ');
  std::string file = Safetensors(spaces + "}", "");
  auto model = OpenBytes(file);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kLimit);
  EXPECT_NE(model.error().message.find("more than the 100000000 that the format allows"), std::string::npos);
}

}  // namespace
}  // namespace pthview
