#include "tools/fetch/answer.h"

#include <string>

#include <gtest/gtest.h>

#include "tools/fetch/protocol.h"

namespace pthview::fetch {
namespace {

const Known kKnown{.size = 1000, .etag = "\"a\"", .modified = "then"};

Head Part(std::string range) {
  return {.status = 206, .content_range = std::move(range), .etag = "\"a\"", .modified = "then"};
}

TEST(Judge, TakesExactlyWhatWasAskedFor) {
  Verdict first = Judge({.offset = 0, .length = 100}, Part("bytes 0-99/1000"));
  EXPECT_EQ(first.step, Step::kPart);
  EXPECT_EQ(first.length, 100U);
  EXPECT_EQ(first.known.size, 1000U);
  EXPECT_EQ(first.known.etag, "\"a\"");
  Verdict shorter = Judge({.offset = 0, .length = 5000}, Part("bytes 0-999/1000"));
  EXPECT_EQ(shorter.step, Step::kPart);
  EXPECT_EQ(shorter.length, 1000U);
  EXPECT_EQ(Judge({.offset = 900, .length = 100, .known = kKnown}, Part("bytes 900-999/1000")).step, Step::kPart);
}

TEST(Judge, RefusesOtherParts) {
  for (const char* range :
       {"bytes 1-100/1000", "bytes 0-98/1000", "bytes 0-100/1000", "bytes 0-99/50", "bytes 0-99/0", "bytes 0-99/*",
        "bytes */1000", "bytes 0-99", "0-99/1000", "bytes 0-99/1000 ", "bytes 99-0/1000", "bytes -0-99/1000",
        "bytes 0-+99/1000", "bytes 0-99/99999999999999999999", "bytes 0-99/18446744073709551615", ""}) {
    Verdict verdict = Judge({.offset = 0, .length = 100}, Part(range));
    EXPECT_EQ(verdict.step, Step::kFail) << range;
    EXPECT_FALSE(verdict.error.message.empty());
  }
  Head head = Part("bytes 0-99/1000");
  head.content_length = "101";
  EXPECT_EQ(Judge({.offset = 0, .length = 100}, head).step, Step::kFail);
  head.content_length = "100";
  EXPECT_EQ(Judge({.offset = 0, .length = 100}, head).step, Step::kPart);
  head.content_encoding = "gzip";
  EXPECT_EQ(Judge({.offset = 0, .length = 100}, head).step, Step::kFail);
}

TEST(Judge, SeesThatTheFileChanged) {
  const Wanted wanted{.offset = 0, .length = 100, .known = kKnown};
  const auto code = [&](const Head& head) {
    Verdict verdict = Judge(wanted, head);
    return verdict.step == Step::kFail ? verdict.error.code : ErrorCode::kInternal;
  };
  EXPECT_EQ(code(Part("bytes 0-99/1001")), ErrorCode::kChanged);
  Head head = Part("bytes 0-99/1000");
  head.etag = "\"b\"";
  EXPECT_EQ(code(head), ErrorCode::kChanged);
  head.etag = "";
  EXPECT_EQ(code(head), ErrorCode::kChanged);
  head = Part("bytes 0-99/1000");
  head.modified = "now";
  EXPECT_EQ(code(head), ErrorCode::kChanged);
  EXPECT_EQ(code({.status = 416}), ErrorCode::kChanged);
  EXPECT_EQ(code({.status = 200, .etag = "\"b\"", .modified = "then"}), ErrorCode::kChanged);
  EXPECT_EQ(code({.status = 200, .etag = "\"a\"", .modified = "then"}), ErrorCode::kUnsupported);
}

TEST(Judge, WholeFilesWhenTheyAreSmall) {
  const Wanted wanted{.offset = 0, .length = 100};
  Verdict small = Judge(wanted, {.status = 200, .content_length = std::to_string(kMostWhole)});
  EXPECT_EQ(small.step, Step::kWhole);
  EXPECT_EQ(small.length, kMostWhole);
  EXPECT_EQ(Judge(wanted, {.status = 200, .content_length = std::to_string(kMostWhole + 1)}).step, Step::kFail);
  EXPECT_EQ(Judge(wanted, {.status = 200, .content_length = "x"}).step, Step::kFail);
  Verdict unknown = Judge(wanted, {.status = 200});
  EXPECT_EQ(unknown.step, Step::kWhole);
  EXPECT_FALSE(unknown.length);
  EXPECT_EQ(Judge(wanted, {.status = 200, .content_encoding = "br"}).step, Step::kFail);
  EXPECT_EQ(Judge(wanted, {.status = 416, .content_range = "bytes */0"}).step, Step::kEmpty);
  EXPECT_EQ(Judge(wanted, {.status = 416, .content_range = "bytes */9"}).step, Step::kFail);
}

TEST(Judge, StatusesThatPassAreTriedAgain) {
  const Wanted wanted{.offset = 0, .length = 100};
  for (int status : {429, 500, 502, 503, 504}) EXPECT_EQ(Judge(wanted, {.status = status}).step, Step::kAgain);
  for (int status : {100, 101, 201, 204, 300, 304, 400, 401, 403, 404, 410, 418, 501, 999, 0, -1}) {
    EXPECT_EQ(Judge(wanted, {.status = status}).step, Step::kFail) << status;
  }
  for (int status : {301, 302, 303, 307, 308}) EXPECT_EQ(Judge(wanted, {.status = status}).step, Step::kRedirect);
  EXPECT_EQ(Judge(wanted, {.status = 503, .retry_after = "3"}).wait_ms, 3000U);
  EXPECT_EQ(Judge(wanted, {.status = 503, .retry_after = "99999999999"}).wait_ms, 10'000U) << "not for hours";
  EXPECT_EQ(Judge(wanted, {.status = 503, .retry_after = "tomorrow"}).wait_ms, 0U);
  EXPECT_TRUE(Judge(wanted, {.status = 403}).refused);
  EXPECT_FALSE(Judge(wanted, Part("")).refused);
}

TEST(RangeHeader, NamesTheLastByte) {
  EXPECT_EQ(RangeHeader({.offset = 10, .length = 5}), "bytes=10-14");
  EXPECT_EQ(RangeHeader({.offset = uint64_t{1} << 40, .length = 1}), "bytes=1099511627776-1099511627776");
}

TEST(Protocol, ErrorsArriveWhole) {
  const Error error{.code = ErrorCode::kChanged, .message = "changed", .hint = "again"};
  Error got = UnpackError(static_cast<uint32_t>(error.code), PackError(error));
  EXPECT_EQ(got.code, ErrorCode::kChanged);
  EXPECT_EQ(got.message, "changed");
  EXPECT_EQ(got.hint, "again");
  EXPECT_EQ(UnpackError(4711, "x").code, ErrorCode::kInternal);
  EXPECT_EQ(UnpackError(0, "x").hint, "");
}

}  // namespace
}  // namespace pthview::fetch
