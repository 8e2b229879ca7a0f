// .npy and .npz by their bytes, and headers that lie. What numpy itself writes is in tests/conformance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/formats/weights/npy_header.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;

std::string Npy(std::string header, std::string_view data, char major = 1) {
  header += '\n';
  std::string out = "\x93NUMPY";
  out += major;
  out += '\0';
  if (major == 1) {
    out += code::Little(static_cast<uint16_t>(header.size()));
  } else {
    out += code::Little(static_cast<uint32_t>(header.size()));
  }
  return out + header + std::string(data);
}

std::string Header(std::string_view descr, std::string_view shape, bool fortran = false) {
  return "{'descr': " + std::string(descr) + ", 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + std::string(shape) + ", }  ";
}

std::string Floats(std::initializer_list<float> values) {
  std::string bytes;
  for (float value : values) bytes += code::Little(value);
  return bytes;
}

std::string Swapped(std::string bytes) {
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4)
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(i), bytes.begin() + static_cast<ptrdiff_t>(i + 4));
  return bytes;
}

TEST(Npy, IsOneTensor) {
  for (char major : {1, 2, 3}) {
    auto model = OpenBytes(Npy(Header("'<f4'", "(2, 2)"), Floats({1, 2, 3, 4}), major));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->format, "npy");
    EXPECT_EQ(Describe(*model, ""), "float32[2, 2] 1.0 2.0 3.0 4.0");
  }
  EXPECT_EQ(Describe(*OpenBytes(Npy(Header("'<f4'", "(2, 2)", true), Floats({1, 2, 3, 4}))), ""),
            "float32[2, 2] 1.0 3.0 2.0 4.0");
  EXPECT_EQ(Describe(*OpenBytes(Npy(Header("'>f4'", "(2,)"), Swapped(Floats({1, 2})))), ""), "float32[2] 1.0 2.0");
  EXPECT_EQ(Describe(*OpenBytes(Npy(Header("'|b1'", "()"), "\1")), ""), "bool[] True");
}

TEST(Npy, ElementsThatAreNoNumbersAreSaid) {
  for (std::string_view descr : {"'<U5'", "[('a', '<f4'), ('b', '<i8')]", "'<M8[ns]'"}) {
    auto model = OpenBytes(Npy(Header(descr, "(1,)"), std::string(20, 'x')));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_TRUE(Noted(*model, "npy-dtype")) << descr;
  }
}

TEST(Npy, ObjectsAreAPickle) {
  auto model = OpenBytes(Npy(Header("'|O'", "()"), code::Pickle(code::Named({{"lr", code::Float(0.5)}}))));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(PlainText(*model), "lr=0.5\n");
  EXPECT_TRUE(Noted(*model, "npy-objects"));
}

TEST(Npy, LiesAreErrorsOrTensorsWithoutData) {
  EXPECT_EQ(Describe(*OpenBytes(Npy(Header("'<f4'", "(3,)"), Floats({1, 2}))), ""), "float32[3] oob");
  for (const std::string& header :
       {std::string("no dict at all, but long enough"), Header("'<f4'", "(-1,)"), Header("'<f4'", "(2"),
        Header("'<f4'", "(99999999999999999999,)"), std::string("{'descr': '<f4', 'fortran_order': False}"),
        std::string("{'shape': (2,)}       "), std::string("{'descr")}) {
    auto model = OpenBytes(Npy(header, Floats({1, 2})));
    ASSERT_FALSE(model) << header;
    EXPECT_EQ(model.error().code, ErrorCode::kCorrupt);
  }
  std::string cut = Npy(Header("'<f4'", "(2,)"), "");
  for (size_t size = 6; size < cut.size(); ++size) EXPECT_FALSE(OpenBytes(cut.substr(0, size))) << size;
  std::string huge = Npy(Header("'<f4'", "(2,)"), "", 2);
  huge.replace(8, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_FALSE(OpenBytes(huge));
  // A shape whose product overflows.
  auto model = OpenBytes(Npy(Header("'<f4'", "(4611686018427387904, 4611686018427387904)"), Floats({1})));
  if (model) EXPECT_NE(model->tensors.at(0).data, DataState::kPresent);
}

TEST(Npz, ListsItsArraysByName) {
  ZipBuilder zip;
  zip.Add({.name = "w.npy", .data = Npy(Header("'<f4'", "(2,)"), Floats({1, 2}))});
  zip.Add({.name = "layer/b.npy", .data = Npy(Header("'>f4'", "(2,)"), Swapped(Floats({3, 4}))), .deflate = true});
  zip.Add({.name = "bad.npy", .data = "no array"});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "npz");
  EXPECT_EQ(Describe(*model, "w"), "float32[2] 1.0 2.0");
  EXPECT_EQ(Describe(*model, "[\"layer/b\"]"), "float32[2] 3.0 4.0");
  EXPECT_TRUE(Noted(*model, "npz-array"));
}

}  // namespace
}  // namespace pthview
