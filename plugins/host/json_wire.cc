#include "plugins/host/json_wire.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pthview::plugins {
namespace {

// Protobuf's wire format (protobuf.dev/programming-guides/encoding): each field is a varint of
// (number << 3 | wire type), then a varint (0), eight bytes (1), or a varint length and as many bytes (2).
enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kDelimited = 2 };

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void AppendTag(std::string& out, const FieldRow& field, WireType wire) {
  AppendVarint(out, static_cast<uint64_t>(field.number) << 3 | wire);
}

template <typename T>
std::optional<T> Parse(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Protobuf's own parsers go as deep.
constexpr size_t kDeepestMessage = 100;

class Transcoder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Transcoder(const MessageType& type) : root_(type) {}

  std::string Take() { return std::move(done_); }
  std::string error;

  bool null() override {
    if (frames_.empty()) return Fail("null stands where a message is expected");
    return skipped_ > 0 || !in_array_ || Wrong("null");
  }
  bool boolean(bool value) override {
    return Value([&] {
      if (field_->type != FieldType::kBool) return Wrong("true or false");
      Varint(value ? 1 : 0);
      return true;
    });
  }
  bool number_integer(number_integer_t value) override {
    return Value([&] { return value >= 0 ? Natural(static_cast<uint64_t>(value)) : Negative(value); });
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Value([&] { return Natural(value); });
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Value([&] { return Real(value); });
  }
  bool string(string_t& value) override {
    return Value([&] { return Text(value); });
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    if (skipped_ > 0) return ++skipped_ > 0;
    if (frames_.empty()) {
      frames_.push_back({&root_, {}, nullptr});
      return true;
    }
    if (field_ == nullptr) return (skipped_ = 1) > 0;
    if (field_->type != FieldType::kMessage || field_->repeated != in_array_) return Wrong("an object");
    if (frames_.size() == kDeepestMessage) {
      return Fail(fmt::format("its messages nest more than {} deep", kDeepestMessage));
    }
    frames_.push_back({field_->message, {}, field_, in_array_});
    in_array_ = false;
    return true;
  }
  bool key(string_t& name) override {
    if (skipped_ == 0) field_ = frames_.back().type->Find(name);
    return true;
  }
  bool end_object() override {
    if (skipped_ > 0) return --skipped_ >= 0;
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frames_.empty()) {
      done_ = std::move(frame.bytes);
      return true;
    }
    field_ = frame.field;
    in_array_ = frame.in_array;
    Delimited(frame.bytes);
    return true;
  }
  bool start_array(std::size_t) override {
    if (skipped_ > 0) return ++skipped_ > 0;
    if (frames_.empty()) return Fail("a list stands where a message is expected");
    if (field_ == nullptr) return (skipped_ = 1) > 0;
    if (!field_->repeated || in_array_) return Wrong("a list");
    in_array_ = true;
    return true;
  }
  bool end_array() override {
    if (skipped_ > 0) return --skipped_ >= 0;
    in_array_ = false;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return Fail(fmt::format("its JSON is broken at byte {}", position));
  }

 private:
  struct Frame {
    const MessageType* type;
    std::string bytes;      // the message so far
    const FieldRow* field;  // where it belongs in the message around
    bool in_array = false;  // of that field
  };

  bool Fail(std::string text) {
    if (error.empty()) error = std::move(text);
    return false;
  }
  bool Wrong(std::string_view what) {
    return Fail(fmt::format("{} cannot be the value of `{}` in {}", what, field_->name, frames_.back().type->name));
  }

  // A value that is neither object nor list: skipped, or written by `write`.
  template <typename Write>
  bool Value(Write write) {
    if (skipped_ > 0) return true;
    if (frames_.empty()) return Fail("a single value stands where a message is expected");
    if (field_ == nullptr) return true;
    if (field_->repeated != in_array_) return Wrong("a single value");
    return write();
  }

  bool Natural(uint64_t value) {
    switch (field_->type) {
      case FieldType::kUint32:
        if (value > std::numeric_limits<uint32_t>::max()) return Wrong("a number over 32 bits");
        break;
      case FieldType::kInt64:
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return Wrong("a number over 63 bits");
        break;
      case FieldType::kUint64: break;
      case FieldType::kEnum:
        if (value >= field_->enumerators.size()) return Wrong("this number");
        break;
      case FieldType::kDouble: return Double(static_cast<double>(value));
      default: return Wrong("a number");
    }
    Varint(value);
    return true;
  }
  bool Negative(int64_t value) {
    if (field_->type == FieldType::kDouble) return Double(static_cast<double>(value));
    if (field_->type != FieldType::kInt64) return Wrong("a negative number");
    Varint(static_cast<uint64_t>(value));
    return true;
  }
  bool Real(double value) {
    if (field_->type == FieldType::kDouble) return Double(value);
    // 1e3 is an integer too.
    if (value != std::trunc(value) || std::abs(value) >= 9.2e18) return Wrong("a fraction");
    return value >= 0 ? Natural(static_cast<uint64_t>(value)) : Negative(static_cast<int64_t>(value));
  }
  bool Text(const std::string& value) {
    switch (field_->type) {
      case FieldType::kString: Delimited(value); return true;
      case FieldType::kEnum:
        for (size_t i = 0; i < field_->enumerators.size(); ++i) {
          if (field_->enumerators[i] == value) return Natural(i);
        }
        return Wrong("this name");
      case FieldType::kUint32:
      case FieldType::kUint64:
      case FieldType::kInt64:
        if (auto natural = Parse<uint64_t>(value)) return Natural(*natural);
        if (auto negative = Parse<int64_t>(value)) return Negative(*negative);
        return Wrong("this text");
      case FieldType::kDouble:
        if (value == "NaN") return Double(std::numeric_limits<double>::quiet_NaN());
        if (value == "Infinity") return Double(std::numeric_limits<double>::infinity());
        if (value == "-Infinity") return Double(-std::numeric_limits<double>::infinity());
        if (auto number = Parse<double>(value)) return Double(*number);
        return Wrong("this text");
      default: return Wrong("a text");
    }
  }

  void Varint(uint64_t value) {
    AppendTag(frames_.back().bytes, *field_, kVarint);
    AppendVarint(frames_.back().bytes, value);
  }
  bool Double(double value) {
    std::string& out = frames_.back().bytes;
    AppendTag(out, *field_, kFixed64);
    auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(bits >> shift);
    return true;
  }
  void Delimited(const std::string& bytes) {
    std::string& out = frames_.back().bytes;
    AppendTag(out, *field_, kDelimited);
    AppendVarint(out, bytes.size());
    out += bytes;
  }

  const MessageType& root_;
  std::vector<Frame> frames_;
  const FieldRow* field_ = nullptr;
  bool in_array_ = false;
  int64_t skipped_ = 0;  // levels of an unknown field that are open
  std::string done_;
};

}  // namespace

Result<std::string> JsonToWire(std::string_view json, const MessageType& type) {
  Transcoder transcoder(type);
  if (!nlohmann::json::sax_parse(json, &transcoder)) {
    return Error{.code = ErrorCode::kCorrupt,
                 .message = transcoder.error.empty() ? "its JSON is broken" : transcoder.error};
  }
  return transcoder.Take();
}

}  // namespace pthview::plugins
