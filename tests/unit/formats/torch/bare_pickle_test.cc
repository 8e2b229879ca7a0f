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

TEST(BarePickle, MayBeginWithATextOrANumber) {
  for (std::string_view text :
       {"Vos\nVsystem\n\x93(Vid\ntR.", "S'a'\nI5\n\x86.", "I5\n.(lp0\nI1\na.", "K\1K\2\x86.\n"}) {
    auto model = OpenBytes(text);
    ASSERT_TRUE(model) << text << model.error().message;
    EXPECT_EQ(model->format, "pickle") << text;
  }
  auto danger = OpenBytes("Vos\nVsystem\n\x93(Vid\ntR.");
  EXPECT_THAT(CodesOf(*danger), testing::Contains("dangerous-global"));
  for (std::string_view text :
       {"Version 1\nVersion 2\n", "I am text.", "None of it.", "S is text.\n", "Likewise.\nYes."}) {
    EXPECT_EQ(OpenBytes(text).error().code, ErrorCode::kUnrecognized) << text;
  }
}

TEST(BarePickle, SeveralInARowAreItems) {
  auto model = OpenBytes(Pickle(Named({{"lr", Float(0.5)}})) + Pickle(Named({{"lr", Float(0.25)}})) + "rest");
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->plain.size(), 2u);
  EXPECT_EQ(model->plain[0].path, "[0].lr");
  EXPECT_EQ(model->plain[1].path, "[1].lr");
  EXPECT_THAT(CodesOf(*model), ElementsAre("several-objects", "pickle-trailing"));
}

TEST(BarePickle, SaysWhatStandsOutsideOfIt) {
  auto model = OpenBytes(Pickle(List({Text("id") + "Q", Int(1)})) + Pickle(Int(2)));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(CodesOf(*model), ElementsAre("several-objects", "persistent-ids"));
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
