// A large JSON document read by pieces: where the members of its object stand, and the elements of one member's array,
// each parsed on its own. Memory is that of one element, not of the document.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// A value's place in the document.
struct JsonMember {
  std::string key;
  uint64_t begin = 0;
  uint64_t end = 0;
};

// The digits of a string that was left where it is.
struct JsonDigits {
  uint64_t begin = 0;
  uint64_t length = 0;
};

class JsonText {
 public:
  // `source` outlives it.
  explicit JsonText(const ByteSource& source) : source_(source) {}

  // The members of the document, which must be one object. A key that comes twice is an error.
  Result<std::vector<JsonMember>> Members();

  Result<nlohmann::json> Parse(const JsonMember& member);

  // Calls `element` with each element of a member that is an array. A member "base64" of an element is not read: its
  // value becomes a text that DigitsAt knows.
  using ElementFunction = std::function<Status(const nlohmann::json& element)>;
  Status ForEachElement(const JsonMember& member, const ElementFunction& element);
  std::optional<JsonDigits> DigitsAt(std::string_view text) const;

 private:
  static constexpr int kEnd = -1;
  int Peek();
  int Next();
  void Seek(uint64_t at);
  int SkipSpace();  // and Peek
  Error Wrong(std::string message) const;
  // Moves past the value that begins here, and appends its text when `text` is not null.
  Status Value(std::string* text);
  Status String(std::string* text, bool* is_base64);
  Status LeaveDigits(std::string* text);
  Result<nlohmann::json> ParseHere();

  const ByteSource& source_;
  std::vector<std::byte> block_;
  uint64_t block_at_ = 0;  // of block_ in the source
  size_t next_ = 0;        // in block_
  Status failure_;         // of reading
  std::vector<JsonDigits> digits_;
};

}  // namespace pthview
