#include "converters/onnx/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

using pthview_onnx::AttributeProto;
using ::testing::ElementsAre;

AttributeProto From(std::string_view text) {
  AttributeProto attribute;
  SetFromPythonText(text, attribute);
  return attribute;
}

TEST(AttributesTest, NumbersAndTruth) {
  EXPECT_EQ(From("-3").i(), -3);
  EXPECT_EQ(From("True").i(), 1);
  EXPECT_TRUE(From("False").has_i());
  EXPECT_EQ(From("1e-05").type(), AttributeProto::FLOAT);
  EXPECT_FLOAT_EQ(From("1e-05").f(), 1e-5F);
  EXPECT_TRUE(From("0").has_i());
}

TEST(AttributesTest, Lists) {
  EXPECT_THAT(From("(3, 3)").ints(), ElementsAre(3, 3));
  EXPECT_THAT(From("(768,)").ints(), ElementsAre(768));
  EXPECT_THAT(From("[1, 2]").ints(), ElementsAre(1, 2));
  EXPECT_THAT(From("(0.9, 1)").floats(), ElementsAre(0.9F, 1.0F));
  EXPECT_EQ(From("(3, 3)").type(), AttributeProto::INTS);
}

TEST(AttributesTest, EverythingElseIsText) {
  for (const char* text : {"same", "()", "", "(a, 1)", "((1, 2), (3, 4))", "99999999999999999999999x", "(", "None"}) {
    EXPECT_EQ(From(text).type(), AttributeProto::STRING) << text;
    EXPECT_EQ(From(text).s(), text);
  }
}

}  // namespace
}  // namespace pthview
