#include "tools/archive/sources.h"

#include <gtest/gtest.h>

namespace pthview::archive {
namespace {

TEST(SafeName, KeepsWhatIsPlain) { EXPECT_EQ(SafeName("runs/best-1_a.pth"), "runs/best-1_a.pth"); }

TEST(SafeName, NeverLeavesTheArchive) {
  EXPECT_EQ(SafeName("../../etc/passwd"), "=2E=2E/=2E=2E/etc/passwd");
  EXPECT_EQ(SafeName("/abs//x/./y"), "abs/x/y");
  EXPECT_EQ(SafeName("/"), "=");
  EXPECT_EQ(SafeName("..."), "=2E.=2E");
}

TEST(SafeName, WritesOtherBytesAsDigits) {
  EXPECT_EQ(SafeName("a\nb%\xff c=.pth"), "a=0Ab=25=FF=20c=3D.pth");
  EXPECT_EQ(SafeName("-rf"), "=2Drf");
  EXPECT_EQ(SafeName("_tensors/x"), "=5Ftensors/x");
  EXPECT_EQ(SafeName("dot."), "dot=2E");
}

TEST(SafeName, LongNamesAreCutAndStayApart) {
  const std::string a = SafeName(std::string(255, 'a') + "1");
  const std::string b = SafeName(std::string(255, 'a') + "2");
  EXPECT_LE(a.size(), 200U);
  EXPECT_NE(a, b);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "d/";
  EXPECT_LE(SafeName(deep + "f").size(), 300U);
}

TEST(InShard, EachSourceIsInOne) {
  for (int i = 0; i < 100; ++i) {
    SourceFile source{.name = "model" + std::to_string(i)};
    int in = 0;
    for (uint32_t shard = 0; shard < 7; ++shard) in += InShard(source, shard, 7) ? 1 : 0;
    EXPECT_EQ(in, 1);
  }
}

}  // namespace
}  // namespace pthview::archive
