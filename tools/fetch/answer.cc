#include "tools/fetch/answer.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "tools/fetch/protocol.h"

namespace pthview::fetch {
namespace {

constexpr uint32_t kLongestWaitMs = 10'000;
constexpr uint64_t kMostBytes = uint64_t{1} << 60;  // more than any server has; leaves room for sums

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "bytes 0-99/1000"; "bytes */1000" has no range.
struct ContentRange {
  std::optional<uint64_t> first, last, size;
};
std::optional<ContentRange> ParseContentRange(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  ContentRange range;
  range.size = Number(text.substr(slash + 1));
  if (!range.size && text.substr(slash + 1) != "*") return std::nullopt;
  const std::string_view part = text.substr(0, slash);
  if (part == "*") return range;
  const size_t dash = part.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  range.first = Number(part.substr(0, dash));
  range.last = Number(part.substr(dash + 1));
  if (!range.first || !range.last || *range.last < *range.first) return std::nullopt;
  return range;
}

Verdict Fail(ErrorCode code, std::string message, std::string hint = {}) {
  return {.step = Step::kFail, .error = {.code = code, .message = std::move(message), .hint = std::move(hint)}};
}

Verdict Changed() { return Fail(ErrorCode::kChanged, "the file on the server changed while it was read", "try again"); }

bool Differs(const Known& known, const Head& head) {
  return known.etag != head.etag || known.modified != head.modified;
}

bool IsEncoded(const Head& head) { return !head.content_encoding.empty() && head.content_encoding != "identity"; }

constexpr std::string_view kWayOut = "download it and open the copy, or pipe it: curl -L ADDRESS | pthview list -";

Verdict JudgePart(const Wanted& wanted, const Head& head) {
  if (IsEncoded(head)) {
    return Fail(ErrorCode::kUnsupported, "the server compresses parts of the file, though it was asked not to",
                std::string(kWayOut));
  }
  const auto range = ParseContentRange(head.content_range);
  if (!range || !range->first || head.content_type.starts_with("multipart/")) {
    return Fail(ErrorCode::kCorrupt, "the server sends a part of the file, but does not say which one",
                std::string(kWayOut));
  }
  if (!range->size || *range->size > kMostBytes) {
    return Fail(ErrorCode::kUnsupported, "the server does not say how large the file is", std::string(kWayOut));
  }
  if (wanted.known && (*range->size != wanted.known->size || Differs(*wanted.known, head))) return Changed();
  const uint64_t end = wanted.length < *range->size - std::min(*range->size, wanted.offset)
                           ? wanted.offset + wanted.length
                           : *range->size;
  if (*range->first != wanted.offset || *range->last != end - 1) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("asked for bytes {} to {}, the server sends {} to {}", wanted.offset, end - 1,
                            *range->first, *range->last),
                std::string(kWayOut));
  }
  const uint64_t length = end - wanted.offset;
  if (!head.content_length.empty() && Number(head.content_length) != length) {
    return Fail(ErrorCode::kCorrupt, "the server contradicts itself about how much it sends", std::string(kWayOut));
  }
  return {.step = Step::kPart,
          .length = length,
          .known = {.size = *range->size, .etag = head.etag, .modified = head.modified}};
}

Verdict JudgeWhole(const Wanted& wanted, const Head& head) {
  if (wanted.known) {
    if (Differs(*wanted.known, head)) return Changed();
    return Fail(ErrorCode::kUnsupported, "the server does not send parts of the file any more", std::string(kWayOut));
  }
  if (IsEncoded(head)) {
    return Fail(ErrorCode::kUnsupported, "the server compresses the file, though it was asked not to",
                std::string(kWayOut));
  }
  const auto length = Number(head.content_length);
  if (!length && !head.content_length.empty()) {
    return Fail(ErrorCode::kCorrupt, "the server does not say how much it sends", std::string(kWayOut));
  }
  if (length && *length > kMostWhole) {
    return Fail(
        ErrorCode::kUnsupported,
        fmt::format("the server cannot send parts of a file (no range requests), and all of it is {} bytes", *length),
        std::string(kWayOut));
  }
  return {.step = Step::kWhole, .length = length, .known = {.etag = head.etag, .modified = head.modified}};
}

struct Refusal {
  int status;
  ErrorCode code;
  std::string_view message;
  std::string_view hint;
};
constexpr Refusal kRefusals[] = {
    {401, ErrorCode::kIo, "the server asks for a name and a password", "https://NAME:PASSWORD@host/..."},
    {403, ErrorCode::kIo, "the server refuses to send it", "a signed address may have expired: get a new one"},
    {404, ErrorCode::kNotFound, "the server has no such file", "check the address"},
    {407, ErrorCode::kIo, "a proxy asks for a name and a password", ""},
    {410, ErrorCode::kNotFound, "the server has it no more", "check the address"},
    {429, ErrorCode::kIo, "the server is asked too often", "try again later"},
    {500, ErrorCode::kIo, "the server fails", "try again later"},
    {502, ErrorCode::kIo, "the server fails", "try again later"},
    {503, ErrorCode::kIo, "the server is too busy", "try again later"},
    {504, ErrorCode::kIo, "the server is too slow", "try again later"},
};

Verdict Refuse(const Head& head) {
  const auto* row = std::find_if(std::begin(kRefusals), std::end(kRefusals),
                                 [&](const Refusal& refusal) { return refusal.status == head.status; });
  if (row == std::end(kRefusals)) {
    Verdict verdict =
        Fail(ErrorCode::kIo, fmt::format("the server answers with status {}", head.status), "check the address");
    verdict.refused = head.status >= 400 && head.status < 500;
    return verdict;
  }
  Verdict verdict = Fail(row->code, fmt::format("{} (status {})", row->message, row->status), std::string(row->hint));
  verdict.refused = head.status < 500;
  if (head.status == 429 || head.status >= 500) {
    verdict.step = Step::kAgain;
    const uint64_t seconds = Number(head.retry_after).value_or(0);
    verdict.wait_ms = static_cast<uint32_t>(std::min<uint64_t>(seconds, kLongestWaitMs / 1000) * 1000);
  }
  return verdict;
}

}  // namespace

Verdict Judge(const Wanted& wanted, const Head& head) {
  switch (head.status) {
    case 206: return JudgePart(wanted, head);
    case 200: return JudgeWhole(wanted, head);
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: return {.step = Step::kRedirect};
    case 416: {
      if (wanted.known) return Changed();
      const auto range = ParseContentRange(head.content_range);
      if (range && range->size == 0U) return {.step = Step::kEmpty};
      return Fail(ErrorCode::kIo, "the server refuses to send the start of the file (status 416)",
                  std::string(kWayOut));
    }
    default: return Refuse(head);
  }
}

std::string RangeHeader(const Wanted& wanted) {
  return fmt::format("bytes={}-{}", wanted.offset, wanted.offset + wanted.length - 1);
}

}  // namespace pthview::fetch
