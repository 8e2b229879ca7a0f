#include "lib/base/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/unit/base/temporary_folder.h"

namespace pthview {
namespace {

std::string Text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(OpenFile, ReadsAnyRange) {
  TemporaryFolder folder;
  WriteText(folder / "a.pt", "0123456789");
  auto source = OpenFile(folder / "a.pt");
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->size(), 10U);
  EXPECT_EQ((*source)->name(), folder / "a.pt");
  EXPECT_EQ((*source)->real_path(), std::filesystem::canonical(folder / "a.pt").string());
  EXPECT_EQ(Text((*source)->Read(0, 10).value()), "0123456789");
  EXPECT_EQ(Text((*source)->Read(7, 3).value()), "789");
  EXPECT_TRUE((*source)->Read(10, 0));
  char byte = 0;
  ASSERT_EQ(::pread((*source)->descriptor(), &byte, 1, 4), 1);
  EXPECT_EQ(byte, '4');
  EXPECT_TRUE((*source)->CheckUnchanged());
}

TEST(OpenFile, RefusesRangesPastTheEndWithoutAllocating) {
  TemporaryFolder folder;
  WriteText(folder / "a.pt", "0123456789");
  auto source = OpenFile(folder / "a.pt");
  ASSERT_TRUE(source);
  for (auto [offset, length] : {std::pair<uint64_t, uint64_t>{8, 3}, {11, 0}, {0, UINT64_MAX}, {UINT64_MAX, 2}}) {
    auto bytes = (*source)->Read(offset, length);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::kTruncated);
    EXPECT_EQ(bytes.error().offset, offset);
    EXPECT_EQ(bytes.error().file, folder / "a.pt");
  }
}

TEST(OpenFile, SaysWhatIsNotAFile) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  struct Case {
    std::string path;
    ErrorCode code;
    std::string message;
  };
  for (const Case& c :
       {Case{folder / "none", ErrorCode::kNotFound, "No such file"}, Case{folder.path(), ErrorCode::kIo, "directory"},
        Case{folder / "pipe", ErrorCode::kIo, "pipe"},  // would wait for ever if it blocked
        Case{"/dev/null", ErrorCode::kIo, "device"}}) {
    auto source = OpenFile(c.path);
    ASSERT_FALSE(source) << c.path;
    EXPECT_EQ(source.error().code, c.code) << c.path;
    EXPECT_NE(source.error().message.find(c.message), std::string::npos) << source.error().message;
    EXPECT_EQ(source.error().file, c.path);
    EXPECT_EQ(source.error().hint.empty(), c.code == ErrorCode::kNotFound) << c.path;
  }
}

TEST(OpenFile, CutShortWhileOpenIsAnErrorAndNotASignal) {
  TemporaryFolder folder;
  WriteText(folder / "a.pt", std::string(100000, 'x'));
  auto source = OpenFile(folder / "a.pt");
  ASSERT_TRUE(source);
  ASSERT_EQ(::truncate((folder / "a.pt").c_str(), 5000), 0);
  auto bytes = (*source)->Read(0, 100000);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(bytes.error().message, "the file ends at byte 5000: it was cut short while being read");
  auto unchanged = (*source)->CheckUnchanged();
  ASSERT_FALSE(unchanged);
  EXPECT_EQ(unchanged.error().code, ErrorCode::kChanged);
}

TEST(OpenFile, NoticesARewriteOfTheSameSize) {
  TemporaryFolder folder;
  WriteText(folder / "a.pt", "old");
  auto source = OpenFile(folder / "a.pt");
  ASSERT_TRUE(source);
  WriteText(folder / "a.pt", "new");
  const struct timespec kTimes[2] = {{1, 0}, {1, 500}};  // not the clock: two writes may fall into one of its ticks
  ASSERT_EQ(::utimensat(AT_FDCWD, (folder / "a.pt").c_str(), kTimes, 0), 0);
  auto unchanged = (*source)->CheckUnchanged();
  ASSERT_FALSE(unchanged);
  EXPECT_EQ(unchanged.error().code, ErrorCode::kChanged);
}

TEST(OpenFile, ARenamedOverFileKeepsItsBytes) {
  TemporaryFolder folder;
  WriteText(folder / "a.pt", "old");
  WriteText(folder / "b.pt", "newer");
  auto source = OpenFile(folder / "a.pt");
  ASSERT_TRUE(source);
  std::filesystem::rename(folder / "b.pt", folder / "a.pt");
  EXPECT_TRUE((*source)->CheckUnchanged());
  EXPECT_EQ(Text((*source)->Read(0, 3).value()), "old");
}

TEST(OpenMemory, ReadsAndChecksBounds) {
  std::vector<std::byte> bytes(4, std::byte{7});
  auto source = OpenMemory("nested", bytes);
  EXPECT_EQ(source->size(), 4U);
  EXPECT_EQ(source->name(), "nested");
  EXPECT_EQ(source->descriptor(), -1);
  EXPECT_EQ(source->real_path(), "");
  EXPECT_EQ(source->Read(1, 3).value(), std::vector<std::byte>(3, std::byte{7}));
  std::array<std::byte, 2> out;
  auto status = source->ReadAt(3, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kTruncated);
}

}  // namespace
}  // namespace pthview
