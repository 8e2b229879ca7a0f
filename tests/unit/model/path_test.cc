#include "lib/model/path.h"

#include <string>

#include <gtest/gtest.h>

namespace pthview {
namespace {

std::string Text(std::string path, std::string_view key) {
  AppendTextKey(path, key);
  return path;
}

TEST(Path, NamesAreJoinedByDots) {
  EXPECT_EQ(Text("", "state_dict"), "state_dict");
  EXPECT_EQ(Text("state_dict", "layer1.0.conv1.weight"), "state_dict.layer1.0.conv1.weight");
  EXPECT_EQ(Text("a", "0"), "a.0");
}

TEST(Path, OtherKeysAreQuoted) {
  EXPECT_EQ(Text("p", "a key/with signs"), R"(p["a key/with signs"])");
  EXPECT_EQ(Text("p", ""), R"(p[""])");
  EXPECT_EQ(Text("p", ".a"), R"(p[".a"])");
  EXPECT_EQ(Text("p", "a."), R"(p["a."])");
  EXPECT_EQ(Text("p", "a..b"), R"(p["a..b"])");
  EXPECT_EQ(Text("p", "a\"b"), R"(p["a\"b"])");
  EXPECT_EQ(Text("p", "a]b"), R"(p["a]b"])");
  EXPECT_EQ(Text("p", "重み"), R"(p["重み"])");
  EXPECT_EQ(Text("p", "\n"), R"(p["\n"])");
  EXPECT_EQ(Text("p", "\xff"), R"(p["\xff"])") << "escaped form first";
  EXPECT_EQ(Text("p", "a\\b"), R"(p["a\\b"])");
}

TEST(Path, NumbersAndOtherKeysStandInBrackets) {
  std::string path = "state";
  AppendIndex(path, 0);
  AppendIndex(path, -12);
  AppendOtherKey(path, "(1, 2)");
  EXPECT_EQ(path, "state[0][-12][(1, 2)]");
}

TEST(Path, DottedNames) {
  for (const char* name : {"a", "_", "0", "a.b", "layer1.0.weight", "A_9"}) EXPECT_TRUE(IsDottedName(name)) << name;
  for (const char* name : {"", ".", "a.", ".a", "a..b", "a-b", "a b", "a/b", "é", "a\n"}) {
    EXPECT_FALSE(IsDottedName(name)) << name;
  }
}

// Names are looked at eight characters at a time.
TEST(Path, DottedNamesWithEveryCharacterAtEveryPlace) {
  for (size_t size = 1; size <= 20; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string name(size, 'a');
        name[at] = static_cast<char>(c);
        const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        EXPECT_EQ(IsDottedName(name), word || (c == '.' && at > 0 && at + 1 < size)) << size << " " << at << " " << c;
      }
      if (at > 0 && at + 1 < size) {
        std::string name(size, 'a');
        name[at] = '.';
        name[at - 1] = '.';
        EXPECT_FALSE(IsDottedName(name)) << name;
      }
    }
  }
}

TEST(Path, NameWithinAPart) {
  EXPECT_EQ(NameWithin("state_dict.fc.weight", 10), "fc.weight");
  EXPECT_EQ(NameWithin("optimizer[0].x", 9), "[0].x");
  EXPECT_EQ(NameWithin("fc.weight", 0), "fc.weight");
  EXPECT_EQ(NameWithin("weight", 6), "") << "the part is the tensor itself";
}

TEST(Path, KeyOfGivesTheKeyBack) {
  for (std::string key : {std::string("a.b"), std::string("a key/with \"signs\""), std::string("\n\t\\x41\\"),
                          std::string("\xFF\xED\xA0\x80"), std::string("\0", 1), std::string("<!</>"), std::string(""),
                          std::string("\u202e\U0001f600\U000e0021")}) {
    std::string path;
    AppendTextKey(path, key);
    if (!key.empty()) {
      EXPECT_EQ(KeyOf(path), key) << path;
    }
  }
  EXPECT_EQ(KeyOf("[\"a\"].b"), "[\"a\"].b") << "two steps";
}

}  // namespace
}  // namespace pthview
