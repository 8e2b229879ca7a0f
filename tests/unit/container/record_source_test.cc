#include "lib/container/record_source.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container/pack.h"

namespace pthview {
namespace {

std::string Swapped(std::string bytes, size_t width) {
  for (size_t i = 0; i + width <= bytes.size(); i += width) std::reverse(bytes.data() + i, bytes.data() + i + width);
  return bytes;
}

TEST(RecordSource, TurnsNumbersAround) {
  const std::string bytes = Runs(1003);
  const std::string packed = Deflate(bytes, {.window_bits = -MAX_WBITS});
  auto archive = SourceOf("front" + bytes + packed);
  const ZipRecord stored = {.name = "r", .offset = 5, .stored = 1003, .size = 1003};
  const ZipRecord deflated = {.name = "r", .offset = 5 + 1003, .stored = packed.size(), .size = 1003, .method = 8};
  for (const ZipRecord& record : {stored, deflated}) {
    for (size_t width : {0, 1, 2, 4, 8}) {
      const std::string expected = Swapped(bytes, std::max<size_t>(width, 1));
      auto source = OpenRecord(*archive, record, width);
      for (size_t offset : {0, 1, 7, 8, 500, 992, 995, 996, 1000, 1002, 1003}) {
        for (size_t count : {0, 1, 2, 3, 5, 8, 100, 1003}) {
          auto read = source->Read(offset, count);
          ASSERT_EQ(bool{read}, offset + count <= bytes.size()) << offset << " " << count;
          if (!read) continue;
          EXPECT_EQ(std::string_view(reinterpret_cast<char*>(read->data()), read->size()),
                    expected.substr(offset, count))
              << "width " << width << " at " << offset;
        }
      }
    }
  }
}

TEST(RecordSource, ErrorsNameTheRecord) {
  auto archive = SourceOf("this is not deflated, however long it may be");
  auto source = OpenRecord(*archive, {.name = "data/0", .offset = 2, .stored = 40, .size = 100, .method = 8});
  auto read = source->Read(0, 10);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().record, "data/0");
  EXPECT_EQ(read.error().file, "test");
  EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace pthview
