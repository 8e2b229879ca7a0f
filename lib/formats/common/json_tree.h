// A JSON document as a compact tree, for the tables and graphs of torch.export and of old TorchScript.
//
// 16 bytes a value, 32 a member; nothing recurses, so that neither depth nor size of a hostile document matters. What
// is absent or of another kind reads as null, so that a chain of look-ups needs no checks between.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/result.h"

namespace pthview {

class JsonTree;

// A value of a document; valid as long as its JsonTree.
class Json {
 public:
  enum class Kind : uint8_t { kNull, kBool, kInt, kFloat, kString, kArray, kObject };
  struct Member;

  Json() = default;
  Kind kind() const { return kind_; }
  explicit operator bool() const { return kind_ != Kind::kNull; }

  // Members and elements; null when there is none. A key that stands twice is meant where it stands last, as in Python.
  Json operator[](std::string_view key) const;
  Json at(size_t index) const;
  size_t size() const { return kind_ == Kind::kArray || kind_ == Kind::kObject ? length_ : 0; }
  std::span<const Json> elements() const;
  std::span<const Member> members() const;

  std::optional<int64_t> Int() const;  // also of a string of decimal digits, which protobuf's JSON writes
  std::optional<bool> Bool() const;
  double Float() const;           // of kInt and kFloat; else 0
  std::string_view Text() const;  // of a string; else empty

 private:
  friend class JsonTree;
  friend class JsonTreeBuilder;
  Kind kind_ = Kind::kNull;
  uint32_t length_ = 0;
  union {
    int64_t integer_ = 0;
    double real_;
    const char* text_;
    const Json* elements_;
    const Member* members_;
  };
};

struct Json::Member {
  std::string_view key;
  Json value;
};

class JsonTree {
 public:
  static Result<JsonTree> Parse(std::span<const std::byte> text);
  Json root() const { return root_; }

 private:
  friend class JsonTreeBuilder;
  Json root_;
  Arena arena_;
};

}  // namespace pthview
