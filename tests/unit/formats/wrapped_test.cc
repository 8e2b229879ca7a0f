#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container/tar_builder.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/open_memory.h"
#include "tests/unit/formats/weights/safetensors_builder.h"

namespace pthview {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kFile = Safetensors(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "1");

std::string Gzip(std::string_view data) { return RawDeflate(data, MAX_WBITS + 16); }

TEST(Wrapped, OneMemberIsOpenedAsItself) {
  auto model = OpenBytes(Tar({{"notes.txt", std::string(100, 'x')}, {"w.safetensors", kFile}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "tar");
  EXPECT_EQ(model->format_text, "safetensors, in tar");
  EXPECT_EQ(model->tensors.at(0).path, "w");
  EXPECT_EQ(model->tensors[0].data, DataState::kPresent);
  EXPECT_THAT(CodesOf(*model), ElementsAre("wrapped"));
}

TEST(Wrapped, SeveralMembersAreTheirParts) {
  auto model = OpenBytes(Gzip(Tar({{"a", kFile}, {"../b", kFile}})));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->tensors.size(), 2u);
  EXPECT_EQ(model->tensors[0].path, "a.w");
  EXPECT_EQ(model->tensors[1].path, "[\"../b\"].w");
  EXPECT_EQ(model->parts[1].path, "[\"../b\"]");
}

TEST(Wrapped, BrokenMembersAreFindings) {
  auto model = OpenBytes(Tar({{"good", kFile}, {"bad", kFile.substr(0, 30)}}));
  ASSERT_TRUE(model);
  EXPECT_THAT(CodesOf(*model), ElementsAre("bag-member", "wrapped"));
}

TEST(Wrapped, SaysWhenThereIsNothingInside) {
  auto model = OpenBytes(Tar({{"notes.txt", std::string(100, 'x')}}));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kUnrecognized);
  EXPECT_THAT(model.error().message, HasSubstr("tar"));
  EXPECT_THAT(OpenBytes(Gzip("only some text that is no checkpoint")).error().message, HasSubstr("gzip"));
}

TEST(Wrapped, StopsAtFilesInsideFilesInsideFiles) {
  std::string file = kFile;
  for (int i = 0; i < 3; ++i) file = Gzip(file);
  EXPECT_TRUE(OpenBytes(file));
  for (int i = 0; i < 10; ++i) file = Gzip(file);
  auto model = OpenBytes(file);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kLimit);
}

TEST(Wrapped, ABombIsNotUnpacked) {
  const std::string member = Gzip(std::string(size_t{20} << 20, '\0'));
  std::string bomb;
  for (int i = 0; i < 20; ++i) bomb += member;  // 400 MB in 400 KB
  auto model = OpenBytes(bomb);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kLimit) << model.error().message;
  EXPECT_NE(model.error().message.find("32 times its size and 256 MB"), std::string::npos) << model.error().message;
}

TEST(Wrapped, MembersAreLookedAtAsFarAsTheArchiveIsLarge) {
  std::vector<std::pair<std::string, std::string>> members;
  for (int i = 0; i < 10'100; ++i) members.emplace_back("n" + std::to_string(i), std::string(20, 'x'));
  members.emplace_back("w.safetensors", kFile);
  std::string tar;
  for (const auto& [name, data] : members) {
    tar += TarMemberBytes({.name = name, .data = data});
  }
  auto model = OpenBytes(tar + std::string(1024, '\0'));  // 10 MB
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->tensors.at(0).path, "w");

  ZipBuilder zip;
  zip.Add({.name = "w.safetensors", .data = kFile});
  for (const auto& [name, data] : members) zip.Add({.name = name, .data = data});
  model = OpenBytes(zip.Finish());  // 1 MB
  ASSERT_TRUE(model) << model.error().message;
  std::string text;
  for (const Finding& finding : model->findings) text += finding.code == "bag-members" ? finding.text : "";
  EXPECT_THAT(text, testing::MatchesRegex("only the first 100[0-9]+ of 10102 members were looked at"));
}

}  // namespace
}  // namespace pthview
