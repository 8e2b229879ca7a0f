#include "lib/formats/torch/readable_values.h"

#include <gtest/gtest.h>

#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

// The text of the only plain value of a file.
std::string TextOf(const Code& value) {
  auto model =
      OpenBytes(LegacyFile(Named({{"x", value}, {"w", Row("FloatStorage", "f", 2)}}), {Values<float>("f", {1, 2})}));
  if (!model) return "error: " + model.error().message;
  return PlainText(*model);
}

Code Latin1(std::string_view bytes) {
  Code text;
  for (char c : bytes) {
    auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x80) text += static_cast<char>(0xC0 | byte >> 6);
    text += static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3F) : byte);
  }
  return Reduce(Global("_codecs", "encode"), {Text(text), Text("latin1")});
}

TEST(ReadableValues, DatesAndTimes) {
  const std::string_view moment("\x07\xea\x03\x04\x05\x06\x07\x00\x00\x08", 10);
  EXPECT_EQ(TextOf(Reduce(Global("datetime", "datetime"), {Bytes(moment)})), "x=2026-03-04 05:06:07.000008\n");
  EXPECT_EQ(TextOf(Reduce(Global("datetime", "datetime"), {Latin1(moment)})), "x=2026-03-04 05:06:07.000008\n");
  Code hour = Reduce(Global("datetime", "timedelta"), {Int(0), Int(3600), Int(0)});
  Code zone = Reduce(Global("datetime", "timezone"), {hour});
  EXPECT_EQ(TextOf(Reduce(Global("datetime", "datetime"),
                          {Bytes(std::string(moment.substr(0, 7)) + std::string(3, '\0')), zone})),
            "x=2026-03-04 05:06:07+01:00\n");
  EXPECT_EQ(TextOf(zone), "x=UTC+01:00\n");
  EXPECT_EQ(TextOf(Reduce(Global("datetime", "date"), {Bytes(moment.substr(0, 4))})), "x=2026-03-04\n");
  EXPECT_EQ(TextOf(Reduce(Global("datetime", "time"), {Bytes(moment.substr(4))})), "x=05:06:07.000008\n");
  EXPECT_EQ(TextOf(Reduce(Global("datetime", "timedelta"), {Int(1), Int(61), Int(0)})), "x=1 day, 0:01:01\n");
}

TEST(ReadableValues, PathsUuidsNumbersAndMembers) {
  EXPECT_EQ(TextOf(Reduce(Global("pathlib", "PosixPath"), {Text("/"), Text("data"), Text("m.pt")})), "x=/data/m.pt\n");
  EXPECT_EQ(TextOf(Reduce(Global("pathlib._local", "PosixPath"), {Text("runs/1")})), "x=runs/1\n");
  EXPECT_EQ(TextOf(Reduce(Global("pathlib", "WindowsPath"), {Text("C:\\"), Text("a")})), "x=C:\\\\a\n")
      << "a backslash, escaped as in every value";
  Code number = "\x8a\x10" + std::string("\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08\x07\x06\x05\x04\x03\x02\x01\x7f", 16);
  EXPECT_EQ(TextOf(Build(NewObject(Global("uuid", "UUID")), Named({{"int", number}}))),
            "x=7f010203-0405-0607-0809-0a0b0c0d0e0f\n");
  EXPECT_EQ(TextOf(Reduce(Global("decimal", "Decimal"), {Text("1.50")})), "x=1.50\n");
  EXPECT_EQ(TextOf(Reduce(Global("builtins", "range"), {Int(0), Int(5), Int(1)})), "x=range(0, 5, 1)\n");
  EXPECT_EQ(TextOf(Reduce(Global("transformers.trainer_utils", "SchedulerType"), {Text("linear")})),
            "x=SchedulerType('linear')\n");
  EXPECT_EQ(TextOf(Reduce(Global("builtins", "getattr"), {Global("project", "Colour"), Text("RED")})),
            "x=Colour.RED\n");
  auto member = [](std::string_view name) {
    return Reduce(Global("__builtin__", "getattr"), {Global("project", "Flag"), Text(name)});
  };
  Code two = Reduce(Global("_operator", "or_"), {member("A"), member("B")});
  EXPECT_EQ(TextOf(Reduce(Global("_operator", "or_"), {two, member("C")})), "x=Flag.A|Flag.B|Flag.C\n");
}

TEST(ReadableValues, NumpyStrings) {
  Code type = Build(Reduce(Global("numpy", "dtype"), {Text("U2"), Bool(false), Bool(true)}),
                    Tuple({Int(3), Text("<"), None(), None(), None(), Int(8), Int(4), Int(8)}));
  EXPECT_EQ(
      TextOf(Reduce(Global("numpy.core.multiarray", "scalar"), {type, Bytes(std::string("a\0\0\0\xe9\0\0\0", 8))})),
      "x=a\xc3\xa9\n");
  Code bytes = Reduce(Global("numpy", "dtype"), {Text("S3")});
  EXPECT_EQ(TextOf(Reduce(Global("numpy._core.multiarray", "scalar"), {bytes, Bytes(std::string("ab\0", 3))})),
            "x=ab\n");
}

TEST(ReadableValues, NumpyTimes) {
  auto scalar = [](std::string_view code, std::string_view unit, int64_t value) {
    Code type = Build(Reduce(Global("numpy", "dtype"), {Text(code), Bool(false), Bool(true)}),
                      Tuple({Int(4), Text("<"), None(), None(), None(), Int(-1), Int(-1), Int(0),
                             Tuple({None(), Tuple({Bytes(unit), Int(1), Int(1), Int(1)})})}));
    return Reduce(Global("numpy._core.multiarray", "scalar"), {type, Bytes(Little(value))});
  };
  EXPECT_EQ(TextOf(scalar("M8", "D", 20454)), "x=2026-01-01\n");
  EXPECT_EQ(TextOf(scalar("M8", "D", -1)), "x=1969-12-31\n");
  EXPECT_EQ(TextOf(scalar("M8", "D", 11016)), "x=2000-02-29\n");
  EXPECT_EQ(TextOf(scalar("M8", "s", 1767225661)), "x=2026-01-01 00:01:01\n");
  EXPECT_EQ(TextOf(scalar("M8", "ns", -1)), "x=1969-12-31 23:59:59.999999999\n");
  EXPECT_EQ(TextOf(scalar("M8", "ms", INT64_MIN)), "x=NaT\n");
  EXPECT_EQ(TextOf(scalar("M8", "Y", 56)), "x=56 Y\n");
  EXPECT_EQ(TextOf(scalar("m8", "h", 5)), "x=5 h\n");
  for (int64_t extreme : {INT64_MAX, INT64_MIN + 1}) {
    for (std::string_view unit : {"D", "h", "m", "s", "ms", "us", "ns"}) {
      EXPECT_NE(TextOf(scalar("M8", unit, extreme)), "") << unit;
    }
  }
}

TEST(ReadableValues, NodesOfOmegaConfAreWhatTheyHold) {
  auto node = [](std::string_view name, std::string_view field, const Code& value) {
    return Build(NewObject(Global("omegaconf.nodes", name)), Named({{"_parent", None()}, {field.data(), value}}));
  };
  Code content = Named({{"lr", node("AnyNode", "_val", Float(0.1))},
                        {"layers", node("ListConfig", "_content", List({node("IntegerNode", "_val", Int(2))}))}});
  EXPECT_EQ(TextOf(node("DictConfig", "_content", content)), "x.lr=0.1\nx.layers[0]=2\n");
}

TEST(ReadableValues, WhatDoesNotFitIsShownAsItIs) {
  for (const Code& odd :
       {Reduce(Global("datetime", "datetime"), {Bytes("short")}), Reduce(Global("datetime", "datetime"), {Int(5)}),
        Reduce(Global("uuid", "UUID"), {Text("x"), Int(1)}), Reduce(Global("pathlib", "PosixPath"), {Int(1)}),
        Reduce(Global("datetime", "timedelta"), {Int(1), Int(-4), Int(0)})}) {
    EXPECT_NE(TextOf(odd).find("x="), std::string::npos);
    EXPECT_NE(TextOf(odd).find('('), std::string::npos) << TextOf(odd);
  }
}

}  // namespace
}  // namespace pthview
