// The small parts of lib/base: errors, checked arithmetic, ByteReader, Arena, findings, hashes and threads.
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/error.h"
#include "lib/base/finding.h"
#include "lib/base/progress.h"
#include "lib/base/result.h"
#include "lib/base/sha256.h"
#include "lib/base/threads.h"

namespace pthview {
namespace {

TEST(Error, SaysWhere) {
  Error error{ErrorCode::kCorrupt, "bad\nbyte"};
  EXPECT_EQ(ToString(error), "bad\\x0abyte");
  error = std::move(error).At("data.pkl", 12).In("a\x1b.pt").Hint("try this");
  EXPECT_EQ(ToString(error), "a\\x1b.pt: data.pkl at byte 12: bad\\x0abyte");
  error = std::move(error).At("other", 1).In("other").Hint("other");  // the innermost place is the one that counts
  EXPECT_EQ(error.record, "data.pkl");
  EXPECT_EQ(error.offset, 12U);
  EXPECT_EQ(error.hint, "try this");
}

TEST(Error, EveryCodeHasItsOwnName) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    EXPECT_TRUE(names.insert(ErrorCodeName(static_cast<ErrorCode>(i))).second) << i;
  }
}

Result<int> Half(int value) {
  if (value % 2 != 0) return Error{ErrorCode::kUsage, "odd"};
  return value / 2;
}

Result<int> Quarter(int value) {
  PTHVIEW_ASSIGN(int half, Half(value));
  PTHVIEW_TRY(Half(half));
  return half / 2;
}

TEST(Result, MacrosPassValuesAndErrorsOn) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd");
  EXPECT_EQ(Quarter(7).error().code, ErrorCode::kUsage);
  EXPECT_TRUE(Ok());
}

TEST(Checked, SaysWhenItOverflows) {
  EXPECT_EQ(CheckedAdd<int64_t>(INT64_MAX, 1), std::nullopt);
  EXPECT_EQ(CheckedAdd<uint64_t>(UINT64_MAX - 1, 1), UINT64_MAX);
  EXPECT_EQ(CheckedMul<int64_t>(INT64_MIN, -1), std::nullopt);
  EXPECT_EQ(CheckedMul<uint32_t>(65536, 65535), 4294901760U);
  auto numel = [](std::initializer_list<int64_t> shape) { return CheckedNumel({shape.begin(), shape.size()}); };
  EXPECT_EQ(numel({}), 1);
  EXPECT_EQ(numel({2, 3, 4}), 24);
  EXPECT_EQ(numel({INT64_MAX, INT64_MAX, 0}), 0);
  EXPECT_EQ(numel({0, -1}), std::nullopt);
  EXPECT_EQ(numel({INT64_MAX, 2}), std::nullopt);
  EXPECT_EQ(SaturatingMulAdd(3, 4, 5), 17U);
  EXPECT_EQ(SaturatingMulAdd(UINT64_MAX, 2, 0), UINT64_MAX);
  EXPECT_EQ(SaturatingMulAdd(UINT64_MAX, 1, 1), UINT64_MAX);
}

TEST(ByteReader, NeverPassesTheEnd) {
  const std::array<std::byte, 5> bytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
  ByteReader reader(bytes);
  uint16_t two = 0;
  uint32_t four = 0;
  std::string_view view;
  EXPECT_TRUE(reader.Read(&two));
  EXPECT_EQ(two, 0x0201);
  EXPECT_FALSE(reader.Read(&four));
  EXPECT_EQ(reader.position(), 2U);  // a read that fails does not move
  EXPECT_FALSE(reader.ReadView(4, &view));
  EXPECT_FALSE(reader.ReadView(UINT64_MAX, &view));
  EXPECT_TRUE(reader.ReadView(2, &view));
  EXPECT_EQ(view, "\x03\x04");
  EXPECT_FALSE(reader.Skip(2));
  EXPECT_TRUE(reader.Skip(1));
  EXPECT_TRUE(reader.AtEnd());
  EXPECT_FALSE(reader.Seek(6));
  EXPECT_TRUE(reader.Seek(1));
  EXPECT_EQ(reader.remaining(), 4U);
}

TEST(Arena, AddressesStayAndAreAligned) {
  Arena arena;
  std::vector<std::string_view> texts;
  std::vector<std::span<const int64_t>> shapes;
  for (int64_t i = 0; i < 20000; ++i) {
    texts.push_back(arena.Copy(std::to_string(i)));
    std::vector<int64_t> shape = {i, i + 1};
    shapes.push_back(arena.Copy(std::span<const int64_t>(shape)));
  }
  std::string large(1 << 20, 'x');
  std::string_view copy = arena.Copy(large);
  Arena moved = std::move(arena);
  EXPECT_EQ(copy, large);
  for (int64_t i = 0; i < 20000; ++i) {
    EXPECT_EQ(texts[static_cast<size_t>(i)], std::to_string(i));
    EXPECT_EQ(shapes[static_cast<size_t>(i)][1], i + 1);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(shapes[static_cast<size_t>(i)].data()) % alignof(int64_t), 0U);
  }
  EXPECT_EQ(moved.Copy(std::string_view()), "");
  EXPECT_LT(moved.bytes_used(), 4U << 20);
}

TEST(Findings, CutsWhatRepeats) {
  Findings findings;
  EXPECT_TRUE(findings.empty());
  findings.Add(Severity::kError, "other", "a", "first");
  for (int i = 0; i < 5000; ++i) findings.Add(Severity::kWarning, "unknown-class", "w", "text " + std::to_string(i));
  std::vector<Finding> rows = std::move(findings).Take();
  ASSERT_EQ(rows.size(), 102U);
  EXPECT_EQ(rows[0].code, "other");
  EXPECT_EQ(rows[100].text, "text 99");
  EXPECT_EQ(rows[101].code, "unknown-class");
  EXPECT_EQ(rows[101].severity, Severity::kWarning);
  EXPECT_EQ(rows[101].text, "... and 4,900 more");
}

TEST(Sha256, KnownDigests) {
  auto hash = [](std::string_view text) {
    Sha256 sha;
    for (size_t i = 0; i < text.size(); i += 7) {
      sha.Update(std::as_bytes(std::span(text.substr(i, 7))));
    }
    return sha.Finish();
  };
  // FIPS 180-4's examples.
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(ParallelFor, CallsEachIndexOnce) {
  for (size_t count : {0, 1, 2, 1000}) {
    std::vector<std::atomic<int>> calls(count);
    ParallelFor(count, [&](size_t i) { ++calls[i]; });
    for (const std::atomic<int>& n : calls) EXPECT_EQ(n, 1);
  }
}

TEST(ParallelFor, OnePieceRunsOnTheCallingThread) {
  std::thread::id id;
  ParallelFor(1, [&](size_t) { id = std::this_thread::get_id(); });
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST(Progress, IsSilentWhereStandardErrorIsNoTerminal) {
  testing::internal::CaptureStderr();
  Progress::Show(true);
  {
    Progress progress("reading", 100);
    progress.Advance(50);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    progress.Advance(50);
  }
  Progress::Show(false);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace pthview
