#include "lib/base/json.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(JsonWriter, OneLine) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  json.Key("a").Int(-1).Key("b").BeginArray().Bool(true).Null().String("x\"").EndArray();
  json.Key("c")
      .BeginObject()
      .EndObject()
      .Key("d")
      .BeginArray()
      .EndArray()
      .Key("e")
      .Uint(UINT64_MAX)
      .Key("f")
      .Raw("[1]");
  json.EndObject();
  EXPECT_EQ(out, R"({"a":-1,"b":[true,null,"x\""],"c":{},"d":[],"e":18446744073709551615,"f":[1]})");
}

TEST(JsonWriter, Indented) {
  std::string out;
  JsonWriter json(&out, 2);
  json.BeginObject().Key("shape").BeginArray(true).Int(1).Int(2).BeginObject().Key("k").Int(3).EndObject().EndArray();
  json.Key("rows").BeginArray().Int(1).Int(2).EndArray().Key("none").BeginArray().EndArray().EndObject();
  EXPECT_EQ(out, R"({
  "shape": [1, 2, {"k": 3}],
  "rows": [
    1,
    2
  ],
  "none": []
})");
}

std::string Text(double value) {
  std::string out;
  JsonWriter(&out).Double(value);
  return out;
}

TEST(JsonWriter, DoublesRoundTripAndStayFloats) {
  EXPECT_EQ(Text(0.1), "0.1");
  EXPECT_EQ(Text(1), "1.0");
  EXPECT_EQ(Text(-0.0), "-0.0");
  EXPECT_EQ(Text(1e300), "1e+300");
  EXPECT_EQ(Text(std::numeric_limits<double>::quiet_NaN()), "\"NaN\"");
  EXPECT_EQ(Text(HUGE_VAL), "\"Infinity\"");
  EXPECT_EQ(Text(-HUGE_VAL), "\"-Infinity\"");
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(std::strtod(Text(value).c_str(), nullptr), value);
  }
}

}  // namespace
}  // namespace pthview
