// Arrays between the opcodes of a pickle, as joblib writes them, and arrays of objects.
#include "lib/formats/torch/joblib_arrays.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

Code Type(std::string_view code, std::string_view order = "<") {
  return Build(Reduce(Global("numpy", "dtype"), {Text(code), Bool(false), Bool(true)}),
               Tuple({Int(3), Text(order), None(), None(), None(), Int(-1), Int(-1), Int(0)}));
}

Code Wrapper(const Code& type, const std::vector<int64_t>& shape, const Code& alignment, std::string_view order = "C") {
  return Build(NewObject(Global("joblib.numpy_pickle", "NumpyArrayWrapper")),
               Named({{"subclass", Global("numpy", "ndarray")},
                      {"shape", Ints(shape)},
                      {"order", Text(order)},
                      {"dtype", type},
                      {"allow_mmap", Bool(true)},
                      {"numpy_array_alignment_bytes", alignment}}));
}

std::string Padding(size_t count) { return std::string(1, static_cast<char>(count)) + std::string(count, '\xFF'); }
std::string Floats(std::initializer_list<float> values) {
  std::string bytes;
  for (float value : values) bytes += Little(value);
  return bytes;
}

TEST(Joblib, ElementsBetweenOpcodesAreTensorsWhereTheyLie) {
  const std::string file =
      Pickle(Named({{"w", Wrapper(Type("f4"), {2, 2}, Int(16)) + Padding(5) + Floats({1, 2, 3, 4})},
                    {"old", Wrapper(Type("f4"), {2}, None()) + Floats({5, 6})},
                    {"f", Wrapper(Type("f4"), {2, 2}, None(), "F") + Floats({1, 2, 3, 4})},
                    {"text", Wrapper(Type("U2"), {2}, Int(16)) + Padding(0) + std::string(16, 'x')},
                    {"lr", Float(0.5)}}));
  auto model = OpenBytes(file);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "w"), "float32[2, 2] 1.0 2.0 3.0 4.0");
  EXPECT_EQ(Describe(*model, "old"), "float32[2] 5.0 6.0");
  EXPECT_EQ(Describe(*model, "f"), "float32[2, 2] 1.0 3.0 2.0 4.0");
  EXPECT_THAT(PlainText(*model), testing::HasSubstr("lr=0.5\n"));
  const Storage& storage = model->storages[FindTensor(*model, "w")->storage];
  EXPECT_EQ(file.substr(storage.offset, storage.nbytes), Floats({1, 2, 3, 4}));
}

TEST(Joblib, ArraysOfObjectsArePicklesOfTheirOwn) {
  const std::string inner = Pickle(Named({{"k", Int(7)}}));
  auto model = OpenBytes(Pickle(Named({{"o", Wrapper(Type("O8", "|"), {1}, Int(16)) + inner}, {"lr", Float(0.5)}})));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(PlainText(*model), testing::HasSubstr(".k=7\n"));
  EXPECT_THAT(PlainText(*model), testing::HasSubstr("lr=0.5\n"));
}

TEST(Joblib, LiesEndInErrors) {
  for (const Code& array : {Wrapper(Type("f8"), {INT64_MAX, INT64_MAX}, None()), Wrapper(Type("f8"), {1000}, None()),
                            Wrapper(Type("f8"), {1}, Int(16)) + std::string(1, '\xFF')}) {
    auto model = OpenBytes(Pickle(Named({{"w", array + "12345678"}})));
    if (model) EXPECT_NE(Describe(*model, "w"), "float64[1] 0.0");
  }
  // Of a class of another name nothing is passed over.
  auto other =
      OpenBytes(Pickle(Named({{"w", Build(NewObject(Global("x.numpy_pickle", "NumpyArrayWrapper")), Named({}))}})));
  ASSERT_TRUE(other) << other.error().message;
  const std::string whole = Pickle(Named({{"w", Wrapper(Type("f4"), {2}, Int(16)) + Padding(3) + Floats({1, 2})}}));
  for (size_t size = 4; size < whole.size(); ++size) EXPECT_FALSE(OpenBytes(whole.substr(0, size))) << size;
}

TEST(NumpyObjects, AreTheItemsOfTheirArray) {
  const Code args = Tuple({Global("numpy", "ndarray"), Ints({0}), Bytes("b")});
  const Code state = Tuple({Int(1), Ints({2}), Type("O8", "|"), Bool(false), List({Named({{"k", Int(7)}}), Int(3)})});
  const Code function = Global("numpy.core.multiarray", "_reconstruct");
  for (const Code& array : {Build(function + args + "R", state),
                            Reduce(Global("dill._dill", "_create_array"), {function, args, state, None()})}) {
    auto model = OpenBytes(Pickle(Named({{"o", array}})));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(PlainText(*model), "o[0].k=7\no[1]=3\n");
  }
  const Code numbers = Tuple({Int(1), Ints({2}), Type("f4"), Bool(false), Bytes(Floats({1, 2}))});
  auto model = OpenBytes(
      Pickle(Named({{"a", Reduce(Global("dill._dill", "_create_array"), {function, args, numbers, None()})}})));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "a"), "float32[2] 1.0 2.0");
}

}  // namespace
}  // namespace pthview
