#include "lib/formats/json/json_text.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "lib/base/text_hash.h"

namespace pthview {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 18;
constexpr int kMaxDepth = 64;  // the document's own is below ten
constexpr std::string_view kLeftOut = "\"base64\"";

bool IsSpace(int c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

void Append(std::string* text, int c) {
  if (text != nullptr) *text += static_cast<char>(c);
}

}  // namespace

int JsonText::Peek() {
  if (next_ < block_.size()) return std::to_integer<int>(block_[next_]);
  uint64_t at = block_at_ + block_.size();
  block_.resize(static_cast<size_t>(std::min<uint64_t>(kBlockBytes, source_.size() - at)));
  block_at_ = at;
  next_ = 0;
  if (block_.empty()) return kEnd;
  if (Status status = source_.ReadAt(at, block_); !status) {
    failure_ = std::move(status);
    block_.clear();
    return kEnd;
  }
  return std::to_integer<int>(block_[0]);
}

int JsonText::Next() {
  int c = Peek();
  if (c != kEnd) ++next_;
  return c;
}

void JsonText::Seek(uint64_t at) {
  block_.clear();
  block_at_ = at;
  next_ = 0;
}

int JsonText::SkipSpace() {
  while (IsSpace(Peek())) ++next_;
  return Peek();
}

Error JsonText::Wrong(std::string message) const {
  if (!failure_) return failure_.error();
  uint64_t at = block_at_ + next_;
  bool end = at >= source_.size();
  if (end) message = "the document ends too early";
  return Error{.code = end ? ErrorCode::kTruncated : ErrorCode::kCorrupt, .message = std::move(message), .offset = at};
}

Status JsonText::String(std::string* text, bool* is_base64) {
  Append(text, Next());
  size_t begin = text == nullptr ? 0 : text->size();
  for (;;) {
    if (Peek() == kEnd) return Wrong("a string has no end");
    // As far as the next quote or backslash of the block: a string may be larger than memory.
    const auto* from = reinterpret_cast<const char*>(block_.data() + next_);
    size_t length = block_.size() - next_;
    for (char special : {'"', '\\'}) {
      const void* found = std::memchr(from, special, length);
      if (found != nullptr) length = static_cast<size_t>(static_cast<const char*>(found) - from);
    }
    if (text != nullptr) text->append(from, length);
    next_ += length;
    if (next_ == block_.size()) continue;
    int special = Next();
    Append(text, special);
    if (special == '"') break;
    if (Peek() == kEnd) return Wrong("a string has no end");
    Append(text, Next());
  }
  *is_base64 = text != nullptr && std::string_view(*text).substr(begin - 1) == kLeftOut;
  return Ok();
}

// Base64 has no escapes, so the next quote ends it; whoever decodes it checks the digits.
Status JsonText::LeaveDigits(std::string* text) {
  ++next_;
  JsonDigits place{.begin = block_at_ + next_};
  for (;;) {
    if (Peek() == kEnd) return Wrong("a string has no end");
    const std::byte* from = block_.data() + next_;
    const void* quote = std::memchr(from, '"', block_.size() - next_);
    if (quote == nullptr) {
      next_ = block_.size();
      continue;
    }
    next_ += static_cast<size_t>(static_cast<const std::byte*>(quote) - from);
    break;
  }
  place.length = block_at_ + next_ - place.begin;
  ++next_;
  *text += '"' + std::to_string(digits_.size()) + '"';
  digits_.push_back(place);
  return Ok();
}

Status JsonText::Value(std::string* text) {
  bool is_base64 = false;
  int c = SkipSpace();
  if (c == '"') return String(text, &is_base64);
  if (c != '{' && c != '[') {
    for (; c != kEnd && c != ',' && c != ']' && c != '}' && !IsSpace(c); c = Peek()) Append(text, Next());
    return Ok();
  }
  int depth = 0;
  do {
    c = Peek();
    if (c == '"') {
      PTHVIEW_TRY(String(text, &is_base64));
      if (!is_base64 || SkipSpace() != ':') continue;
      Append(text, Next());
      if (SkipSpace() == '"') PTHVIEW_TRY(LeaveDigits(text));
      continue;
    }
    if (c == kEnd) return Wrong("a value has no end");
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kMaxDepth) return Wrong("values are nested deeper than in any document of this kind");
    Append(text, Next());
  } while (depth > 0);
  return Ok();
}

std::optional<JsonDigits> JsonText::DigitsAt(std::string_view text) const {
  size_t index = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || index >= digits_.size()) return std::nullopt;
  return digits_[index];
}

Result<nlohmann::json> JsonText::ParseHere() {
  SkipSpace();
  uint64_t at = block_at_ + next_;
  std::string text;
  PTHVIEW_TRY(Value(&text));
  nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded()) {
    if (!failure_) return failure_.error();
    return Error{.code = ErrorCode::kCorrupt, .message = "not valid JSON", .offset = at};
  }
  return value;
}

Result<std::vector<JsonMember>> JsonText::Members() {
  Seek(0);
  std::vector<JsonMember> members;
  std::unordered_set<std::string, TextHash> keys;
  if (SkipSpace() != '{') return Wrong("a JSON object should begin here");
  ++next_;
  if (SkipSpace() == '}') {
    ++next_;
  } else {
    for (;;) {
      if (SkipSpace() != '"') return Wrong("the name of a member should stand here");
      PTHVIEW_ASSIGN(nlohmann::json key, ParseHere());
      JsonMember member{.key = key.get<std::string>()};
      if (!keys.insert(member.key).second) return Wrong("the member '" + member.key + "' comes twice");
      if (SkipSpace() != ':') return Wrong("a colon should stand here");
      ++next_;
      SkipSpace();
      member.begin = block_at_ + next_;
      PTHVIEW_TRY(Value(nullptr));
      member.end = block_at_ + next_;
      members.push_back(std::move(member));
      int c = SkipSpace();
      if (c != ',' && c != '}') return Wrong("a comma or a closing brace should stand here");
      ++next_;
      if (c == '}') break;
    }
  }
  if (SkipSpace() != kEnd) return Wrong("something stands behind the document");
  PTHVIEW_TRY(failure_);
  return members;
}

Result<nlohmann::json> JsonText::Parse(const JsonMember& member) {
  Seek(member.begin);
  return ParseHere();
}

Status JsonText::ForEachElement(const JsonMember& member, const ElementFunction& element) {
  Seek(member.begin);
  if (SkipSpace() != '[') return Wrong("an array should stand here");
  ++next_;
  if (SkipSpace() == ']') return Ok();
  for (;;) {
    SkipSpace();
    uint64_t at = block_at_ + next_;
    PTHVIEW_ASSIGN(nlohmann::json value, ParseHere());
    if (Status status = element(value); !status) {
      Error error = std::move(status).error();
      if (!error.offset) error.offset = at;
      return error;
    }
    int c = SkipSpace();
    if (c != ',' && c != ']') return Wrong("a comma or a closing bracket should stand here");
    ++next_;
    if (c == ']') return Ok();
  }
}

}  // namespace pthview
