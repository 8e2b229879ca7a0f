#include "plugins/host/json_wire.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/host/framing.h"
#include "plugins/host/reply.h"
#include "plugins/host/request.h"

namespace pthview::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

proto::Message Decode(const std::string& json) {
  auto message = DecodeMessage(Encoding::kJson, json);
  EXPECT_TRUE(message) << message.error().message;
  return message ? *message : proto::Message();
}

std::string ErrorOf(const std::string& json) {
  auto message = DecodeMessage(Encoding::kJson, json);
  EXPECT_FALSE(message) << json;
  return message ? "" : message.error().message;
}

TEST(JsonWire, ReadsEveryKindOfField) {
  auto message = Decode(R"({"protocol": 1, "model": {"formatText": "Ä", "producer": null, "unknown": [{"a": [1]}, 2],
      "tensors": [{"name": "w", "shape": [2, "9223372036854775807"], "strides": [-1, "-9223372036854775808"],
                   "storage_offset": 3, "kind": "BUFFER", "requiresGrad": false,
                   "data": {"offset": "18446744073709551615", "nbytes": 1e3}}, {"kind": 2}],
      "metadata": [{"path": "a", "number": "NaN"}, {"path": "b", "number": 7}, {"path": "c", "integer": -5},
                   {"path": "d", "flag": true}],
      "graphs": [{"nodes": [{"inputs": [{"name": "x", "values": [0, 1]}], "blocks": [1]}]}]}})");
  const proto::Model& model = message.model();
  EXPECT_EQ(model.format_text(), "Ä");
  ASSERT_EQ(model.tensors_size(), 2);
  const proto::Tensor& tensor = model.tensors(0);
  EXPECT_THAT(tensor.shape(), ElementsAre(2, INT64_MAX));
  EXPECT_THAT(tensor.strides(), ElementsAre(-1, INT64_MIN));
  EXPECT_EQ(tensor.storage_offset(), 3);
  EXPECT_EQ(tensor.kind(), proto::Tensor::BUFFER);
  EXPECT_TRUE(tensor.has_requires_grad());
  EXPECT_FALSE(tensor.requires_grad());
  EXPECT_EQ(tensor.data().offset(), UINT64_MAX);
  EXPECT_EQ(tensor.data().nbytes(), 1000U);
  EXPECT_EQ(model.tensors(1).kind(), proto::Tensor::CONSTANT);
  EXPECT_TRUE(std::isnan(model.metadata(0).number()));
  EXPECT_EQ(model.metadata(1).number(), 7.0);
  EXPECT_EQ(model.metadata(2).integer(), -5);
  EXPECT_TRUE(model.metadata(3).flag());
  EXPECT_THAT(model.graphs(0).nodes(0).inputs(0).values(), ElementsAre(0, 1));
}

TEST(JsonWire, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("{\"protocol\": 1, "), HasSubstr("broken at byte"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("a list stands where a message"));
  EXPECT_THAT(ErrorOf("7"), HasSubstr("a single value"));
  EXPECT_THAT(ErrorOf("null"), HasSubstr("null"));
  EXPECT_THAT(ErrorOf("{\"protocol\": 1} {}"), HasSubstr("broken at byte"));
  EXPECT_THAT(ErrorOf(R"({"protocol": 4294967296})"), HasSubstr("`protocol` in Message"));
  EXPECT_THAT(ErrorOf(R"({"protocol": 1.5})"), HasSubstr("a fraction"));
  EXPECT_THAT(ErrorOf(R"({"protocol": [1]})"), HasSubstr("a list"));
  EXPECT_THAT(ErrorOf(R"({"model": {"tensors": {}}})"), HasSubstr("`tensors` in Model"));
  EXPECT_THAT(ErrorOf(R"({"model": {"tensors": [null]}})"), HasSubstr("null"));
  EXPECT_THAT(ErrorOf(R"({"model": {"tensors": [[]]}})"), HasSubstr("a list"));
  EXPECT_THAT(ErrorOf(R"({"model": {"tensors": [{"shape": ["x"]}]}})"), HasSubstr("`shape` in Tensor"));
  EXPECT_THAT(ErrorOf(R"({"model": {"tensors": [{"name": 5}]}})"), HasSubstr("a number"));
  EXPECT_THAT(ErrorOf(R"({"model": {"tensors": [{"kind": "WEIGHT"}]}})"), HasSubstr("`kind` in Tensor"));
  EXPECT_THAT(ErrorOf(R"({"model": {"tensors": [{"shape": [9223372036854775808]}]}})"), HasSubstr("63 bits"));
}

TEST(JsonWire, DepthCostsNoStack) {
  std::string deep = "{\"protocol\": 1, \"x\": " + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}";
  EXPECT_EQ(Decode(deep).protocol(), 1U);
}

TEST(DecodeMessage, RefusesOtherVersions) {
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("protocol 0"));
  EXPECT_THAT(ErrorOf(R"({"protocol": 2})"), HasSubstr("protocol 2"));
  EXPECT_FALSE(DecodeMessage(Encoding::kProtobuf, "\xff\xff"));
}

TEST(Request, SaysTheSameInBothEncodings) {
  std::vector<RequestFile> files = {{"/a/\"b\"", uint64_t{1} << 63}, {"/c", 0}};
  std::string json = OpenRequestBytes(Encoding::kJson, files, true);
  EXPECT_EQ(
      json,
      "{\"protocol\":1,\"host\":\"pthview\",\"files\":[{\"path\":\"/a/\\\"b\\\"\",\"size\":\"9223372036854775808\"},"
      "{\"path\":\"/c\",\"size\":\"0\"}],\"open\":{\"structure\":true}}\n");
  MessageReader reader(Encoding::kProtobuf, 1000);
  reader.Feed(OpenRequestBytes(Encoding::kProtobuf, files, true));
  auto message = reader.Next();
  ASSERT_TRUE(message && *message);
  proto::Request request;
  ASSERT_TRUE(request.ParseFromArray((*message)->data(), static_cast<int>((*message)->size())));
  EXPECT_EQ(request.protocol(), 1U);
  EXPECT_EQ(request.host(), "pthview");
  ASSERT_EQ(request.files_size(), 2);
  EXPECT_EQ(request.files(0).path(), files[0].path);
  EXPECT_EQ(request.files(0).size(), files[0].size);
  EXPECT_TRUE(request.open().structure());
}

TEST(MessageReader, CutsOutputIntoMessages) {
  for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
    const std::vector<std::string> sent = {"one", std::string(300, 'x'), "{}"};
    std::string bytes;
    for (const std::string& message : sent) bytes += Frame(encoding, message);
    MessageReader reader(encoding, 300);
    std::vector<std::string> got;
    for (char byte : bytes) {
      reader.Feed({&byte, 1});
      auto message = reader.Next();
      ASSERT_TRUE(message);
      if (*message) got.emplace_back(**message);
    }
    EXPECT_EQ(got, sent);
    EXPECT_FALSE(reader.Pending());
    reader.Feed(Frame(encoding, std::string(301, 'x')));
    auto message = reader.Next();
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code, ErrorCode::kLimit);
  }
}

}  // namespace
}  // namespace pthview::plugins
