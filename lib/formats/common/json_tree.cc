#include "lib/formats/common/json_tree.h"

#include <charconv>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pthview {
namespace {

// What torch writes nests a few dozen levels deep at most.
constexpr size_t kMaxDepth = 200;

}  // namespace

// Values wait on a stack until their array or object ends; then they move to the arena in one piece.
class JsonTreeBuilder {  // the interface that nlohmann's SAX parser calls
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  bool null() { return Push(Json()); }
  bool boolean(bool value) {
    Json json = Of(Json::Kind::kBool);
    json.integer_ = value ? 1 : 0;
    return Push(json);
  }
  bool number_integer(number_integer_t value) {
    Json json = Of(Json::Kind::kInt);
    json.integer_ = value;
    return Push(json);
  }
  bool number_unsigned(number_unsigned_t value) {
    if (value > INT64_MAX) return number_float(static_cast<double>(value), {});
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) {
    Json json = Of(Json::Kind::kFloat);
    json.real_ = value;
    return Push(json);
  }
  bool string(const string_t& value) {
    Json json = Of(Json::Kind::kString);
    std::string_view copy = tree_.arena_.Copy(std::string_view(value));
    json.text_ = copy.data();
    json.length_ = static_cast<uint32_t>(copy.size());
    return Push(json);
  }
  bool binary(const binary_t&) { return false; }
  bool start_object(size_t) { return Start(); }
  bool start_array(size_t) { return Start(); }
  bool key(const string_t& value) {
    keys_.push_back(tree_.arena_.Copy(std::string_view(value)));
    return true;
  }
  bool end_array() {
    size_t first = starts_.back();
    Json json = Of(Json::Kind::kArray);
    json.length_ = static_cast<uint32_t>(values_.size() - first);
    json.elements_ = tree_.arena_.Copy(std::span<const Json>(values_).subspan(first)).data();
    return End(first, json);
  }
  bool end_object() {
    size_t first = starts_.back();
    size_t count = values_.size() - first;
    Json json = Of(Json::Kind::kObject);
    json.length_ = static_cast<uint32_t>(count);
    auto* members =
        static_cast<Json::Member*>(tree_.arena_.Allocate(count * sizeof(Json::Member), alignof(Json::Member)));
    for (size_t i = 0; i < count; ++i) members[i] = {keys_[keys_.size() - count + i], values_[first + i]};
    keys_.resize(keys_.size() - count);
    json.members_ = members;
    return End(first, json);
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    error_ = {.code = ErrorCode::kCorrupt, .message = "the JSON text is broken", .offset = position};
    return false;
  }

  Result<JsonTree> Finish() && {
    if (error_.message.empty() && values_.size() != 1) {
      error_ = {.code = ErrorCode::kCorrupt, .message = "the JSON text is broken"};
    }
    if (!error_.message.empty()) return std::move(error_);
    tree_.root_ = values_[0];
    return std::move(tree_);
  }

 private:
  static Json Of(Json::Kind kind) {
    Json json;
    json.kind_ = kind;
    return json;
  }
  bool Push(Json json) {
    values_.push_back(json);
    return true;
  }
  bool Start() {
    if (starts_.size() == kMaxDepth) {
      error_ = {.code = ErrorCode::kLimit, .message = fmt::format("the JSON text nests more than {} deep", kMaxDepth)};
      return false;
    }
    starts_.push_back(values_.size());
    return true;
  }
  bool End(size_t first, Json json) {
    values_.resize(first);
    starts_.pop_back();
    return Push(json);
  }

  JsonTree tree_;
  std::vector<Json> values_;
  std::vector<std::string_view> keys_;
  std::vector<size_t> starts_;  // of the open arrays and objects, in values_
  Error error_;
};

Result<JsonTree> JsonTree::Parse(std::span<const std::byte> text) {
  if (text.size() > UINT32_MAX) {
    return Error{
        .code = ErrorCode::kLimit,
        .message = fmt::format("{} bytes of JSON, more than the {} that are allowed", text.size(), UINT32_MAX)};
  }
  JsonTreeBuilder builder;
  const auto* begin = reinterpret_cast<const char*>(text.data());
  nlohmann::json::sax_parse(begin, begin + text.size(), &builder);
  return std::move(builder).Finish();
}

Json Json::operator[](std::string_view key) const {
  auto all = members();
  for (size_t i = all.size(); i-- > 0;) {
    if (all[i].key == key) return all[i].value;
  }
  return {};
}

Json Json::at(size_t index) const {
  auto all = elements();
  return index < all.size() ? all[index] : Json();
}

std::span<const Json> Json::elements() const {
  if (kind_ != Kind::kArray) return {};
  return {elements_, length_};
}

std::span<const Json::Member> Json::members() const {
  if (kind_ != Kind::kObject) return {};
  return {members_, length_};
}

std::optional<int64_t> Json::Int() const {
  if (kind_ == Kind::kInt) return integer_;
  if (kind_ != Kind::kString) return std::nullopt;
  int64_t value = 0;
  auto [end, error] = std::from_chars(text_, text_ + length_, value);
  if (error != std::errc() || end != text_ + length_) return std::nullopt;
  return value;
}

std::optional<bool> Json::Bool() const {
  if (kind_ != Kind::kBool) return std::nullopt;
  return integer_ != 0;
}

double Json::Float() const {
  if (kind_ == Kind::kFloat) return real_;
  return kind_ == Kind::kInt ? static_cast<double>(integer_) : 0.0;
}

std::string_view Json::Text() const {
  if (kind_ != Kind::kString) return {};
  return {text_, length_};
}

}  // namespace pthview
