#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/formats/open_memory.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)
using testing::ElementsAre;

TEST(BarePickle, ListsWhatIsInside) {
  auto model =
      OpenBytes(Pickle(Named({{"lr", Float(0.5)}, {"w", Reduce(Global("torch", "FloatTensor"), {List({Float(1)})})}})));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "pickle");
  EXPECT_EQ(model->format_text, "Python pickle, protocol 2");
  EXPECT_EQ(model->tensors.at(0).path, "w");
  EXPECT_EQ(model->plain.at(0).path, "lr");
}

TEST(BarePickle, ProtocolZeroIsKnownByBeingReadable) {
  auto model = OpenBytes("(dp0\nVlr\np1\nF0.5\ns.");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "pickle");
  EXPECT_EQ(OpenBytes("(this is a sentence in brackets)").error().code, ErrorCode::kUnrecognized);
  EXPECT_EQ(OpenBytes("}").error().code, ErrorCode::kUnrecognized);
}

TEST(BarePickle, SaysWhatStandsOutsideOfIt) {
  auto model = OpenBytes(Pickle(List({Text("id") + "Q", Int(1)})) + Pickle(Int(2)));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(CodesOf(*model), ElementsAre("persistent-ids", "pickle-trailing"));
}

TEST(BarePickle, NestedFilesMayBeSpelledAsText) {
  // _codecs.encode of text that is no torch file: looked into, and reported.
  auto encoded = Reduce(Global("_codecs", "encode"), {Text("not a torch file"), Text("latin1")});
  auto model = OpenBytes(Pickle(Named({{"s", Reduce(Global("torch.storage", "_load_from_bytes"), {encoded})}})));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(CodesOf(*model), testing::Contains("nested-file"));
}

TEST(BarePickle, OfProtocolZeroMayHaveAnySize) {
  std::string bytes = "(lp0\n";
  for (int i = 0; i < 70; ++i) bytes += "V" + std::string(1'000'000, 'x') + "\na";
  auto model = OpenBytes(bytes + ".");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "pickle");
}

}  // namespace
}  // namespace pthview
