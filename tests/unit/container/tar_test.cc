#include "lib/container/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container/tar_builder.h"

namespace pthview {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

std::unique_ptr<ByteSource> Memory(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return OpenMemory("a.tar", {data, data + text.size()});
}

struct Read {
  std::vector<TarMember> members;
  std::vector<Finding> findings;
};

Read ReadText(std::string_view text) {
  Findings findings;
  auto source = Memory(text);
  auto members = ReadTar(*source, &findings);
  EXPECT_TRUE(members) << members.error().message;
  return {members ? *members : std::vector<TarMember>(), std::move(findings).Take()};
}

TEST(Tar, ListsFilesWithWhereTheyLie) {
  Read read = ReadText(Tar({{"./a", "hello"}, {"folder/", "", '5'}, {"b", std::string(600, 'x')}, {"c", ""}}));
  ASSERT_EQ(read.members.size(), 3u);
  EXPECT_EQ(read.members[0].name, "a");
  EXPECT_EQ(read.members[0].offset, 512u);
  EXPECT_EQ(read.members[0].size, 5u);
  EXPECT_EQ(read.members[1].name, "b");
  EXPECT_EQ(read.members[1].offset, 512u * 4);
  EXPECT_EQ(read.members[1].size, 600u);
  EXPECT_EQ(read.members[2].name, "c");
  EXPECT_THAT(read.findings, IsEmpty());
}

TEST(Tar, ReadsNamesOfEveryDialect) {
  std::string long_name(150, 'n');
  Read read = ReadText(Tar({{"v7", "1", '\0', "", "", false},
                            {"tail", "2", '0', "", "some/prefix"},
                            {"././@LongLink", long_name, 'L'},
                            {"cut short", "3"},
                            {"pax", "17 path=from/pax\n", 'x'},
                            {"other", "4"},
                            {"after", "5"}}));
  EXPECT_THAT(read.members, ElementsAre(Field(&TarMember::name, "v7"), Field(&TarMember::name, "some/prefix/tail"),
                                        Field(&TarMember::name, long_name), Field(&TarMember::name, "from/pax"),
                                        Field(&TarMember::name, "after")));
}

TEST(Tar, ReadsSizesInBase256) {
  std::string size(12, '\0');
  size[0] = '\x80';
  size[11] = 3;
  Read read = ReadText(Tar({{"a", "abc", '0', size}, {"b", "d"}}));
  ASSERT_EQ(read.members.size(), 2u);
  EXPECT_EQ(read.members[0].size, 3u);
}

TEST(Tar, NeverFollowsLinks) {
  Read read = ReadText(Tar({{"a", "", '2', "00000001000"}, {"b", "", '1'}, {"c", "d"}}));
  EXPECT_THAT(read.members, ElementsAre(Field(&TarMember::name, "c")));
  EXPECT_THAT(read.findings, ElementsAre(Field(&Finding::code, "tar-link"), Field(&Finding::code, "tar-link")));
}

TEST(Tar, LyingSizesEndInTheFile) {
  for (std::string size : {std::string("77777777777"), std::string("\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                           std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)}) {
    size.resize(12);
    std::string text = Tar({{"first", "x"}, {"a", "abc", '0', size}, {"b", "d"}});
    Read read = ReadText(text);
    ASSERT_FALSE(read.members.empty());
    for (const TarMember& member : read.members) EXPECT_LE(member.offset + member.size, text.size());
    EXPECT_THAT(read.findings, testing::SizeIs(1));
  }
}

TEST(Tar, ABrokenChecksumEndsTheList) {
  Read read = ReadText(Tar({{"a", "x"}, {"b", "y", '0', "", "", true, 1}, {"c", "z"}}));
  EXPECT_THAT(read.members, ElementsAre(Field(&TarMember::name, "a")));
  EXPECT_THAT(read.findings, ElementsAre(Field(&Finding::code, "tar-header")));
}

TEST(Tar, RecognizesOnlyWhatHasAChecksum) {
  auto looks = [](std::string_view text) { return LooksLikeTar(std::as_bytes(std::span(text))); };
  EXPECT_TRUE(looks(Tar({{"a", "x"}})));
  EXPECT_FALSE(looks(std::string(1024, '\0')));
  EXPECT_FALSE(looks(std::string(1024, 'a')));
  EXPECT_FALSE(looks(Tar({{"a", "x"}}).substr(0, 511)));
  Findings findings;
  auto none = ReadTar(*Memory(std::string(1024, 'a')), &findings);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnrecognized);
}

}  // namespace
}  // namespace pthview
