#include "lib/formats/json/annotated_json_content.h"

#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"

namespace pthview {
namespace {

std::optional<std::string> FromBase64(std::string_view digits) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (digits.size() % 4 != 0) return std::nullopt;
  while (digits.ends_with('=')) digits.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char digit : digits) {
    const size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count);
  }
  return bytes;
}

std::optional<ContentKind> KindNamed(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(kLastContentKind); ++i) {
    if (ContentKindName(static_cast<ContentKind>(i)) == name) return static_cast<ContentKind>(i);
  }
  return std::nullopt;
}

}  // namespace

ContentValue AnnotatedJsonContent::Fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
  return {};
}

ContentValue AnnotatedJsonContent::Text(ContentKind kind, std::string text) {
  return ContentValue::OfText(kind, builder_.arena().Copy(text));
}

ContentValue AnnotatedJsonContent::Value(const nlohmann::json& value) {
  if (value.is_null()) return {};
  if (value.is_boolean()) return ContentValue::Bool(value.get<bool>());
  if (value.is_number_integer()) {
    if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return Fail("a number is too large");
    return ContentValue::Int(value.get<int64_t>());
  }
  if (value.is_string()) return Text(ContentKind::kString, UnescapeName(value.get_ref<const std::string&>()));
  if (!value.is_object() || value.empty()) return Fail("a value is none that a content can hold");
  const std::string& key = value.begin().key();
  // "parameter" may stand beside "tensor".
  const std::string& what = value.contains("tensor") ? "tensor" : key;
  const nlohmann::json& inside = value.at(what);
  if (what == "node" || what == "tensor") {
    const size_t most = what == "tensor" ? builder_.model().tensors.size() : std::numeric_limits<uint32_t>::max();
    if (!inside.is_number_unsigned() || inside.get<uint64_t>() >= most) return Fail("a value refers to no row");
    ContentValue made =
        ContentValue::At(what == "tensor" ? ContentKind::kTensor : ContentKind::kDict, inside.get<uint32_t>());
    made.flag = what == "tensor" && value.contains("parameter") && value.at("parameter") == true;
    return made;
  }
  if (what == "float") {
    if (inside.is_number()) return ContentValue::Float(inside.get<double>());
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (inside == "NaN") return ContentValue::Float(std::numeric_limits<double>::quiet_NaN());
    if (inside == "Infinity") return ContentValue::Float(kInfinity);
    if (inside == "-Infinity") return ContentValue::Float(-kInfinity);
    if (inside == "-0.0") return ContentValue::Float(-0.0);
    return Fail("a float is no number");
  }
  if (what == "numpy") {
    if (inside.is_object() && !inside.contains("float")) return Fail("a NumPy scalar is no number");
    ContentValue made = Value(inside);
    if (made.kind == ContentKind::kBool || made.kind == ContentKind::kInt || made.kind == ContentKind::kFloat) {
      made.flag = true;
      return made;
    }
    return Fail("a NumPy scalar is no number");
  }
  auto kind = KindNamed(what);
  if (!kind || !HasText(*kind) || !inside.is_string()) return Fail("a value is of no kind that is known");
  const auto& text = inside.get_ref<const std::string&>();
  if (*kind != ContentKind::kBytes && *kind != ContentKind::kByteArray) return Text(*kind, text);
  auto bytes = FromBase64(text);
  return bytes ? Text(*kind, std::move(*bytes)) : Fail("bytes are no base64");
}

void AnnotatedJsonContent::ReadRoot(const nlohmann::json& value) {
  content_.given = true;
  content_.root = Value(value);
}

void AnnotatedJsonContent::ReadNode(JsonRow& row) {
  auto kind = KindNamed(row.Text("kind"));
  const auto& items = row.Array("items");
  if (!kind || !HasItems(*kind)) return row.Fail("kind", "is none that holds items");
  if (HasPairs(*kind) && items.size() % 2 != 0) return row.Fail("items", "are no pairs");
  if (*kind == ContentKind::kComplex && items.size() != 2) return row.Fail("items", "are not two numbers");
  const uint32_t node =
      content_.AddNode(*kind, static_cast<uint32_t>(items.size()), builder_.arena().Copy(row.Text("class")));
  if (row.Has("attributes")) {
    content_.nodes[node].attributes = static_cast<uint32_t>(std::min<uint64_t>(row.Uint("attributes"), UINT32_MAX - 1));
  }
  uint64_t at = content_.nodes[node].first;
  for (const nlohmann::json& item : items) content_.items[at++] = Value(item);
  if (!failure_.empty()) row.Fail("items", failure_);
}

Status AnnotatedJsonContent::Finish() {
  auto wrong = [](std::string why) {
    return Error{.code = ErrorCode::kCorrupt, .message = "content: " + std::move(why)};
  };
  if (!failure_.empty()) return wrong(failure_);
  if (!content_.given) return Ok();
  auto resolve = [&](ContentValue& value) {
    if (!HasItems(value.kind)) return true;
    if (value.index >= content_.nodes.size()) return false;
    value.kind = content_.nodes[value.index].kind;
    return true;
  };
  bool good = resolve(content_.root);
  for (ContentValue& item : content_.items) good = good && resolve(item);
  for (const ContentNode& node : content_.nodes) {
    if (node.attributes == ContentNode::kNoNode) continue;
    good =
        good && node.attributes < content_.nodes.size() && content_.nodes[node.attributes].kind == ContentKind::kDict;
    if (!good) break;
  }
  if (!good) return wrong("a value refers to a node that is not there");
  for (const ContentNode& node : content_.nodes) {
    if (node.kind != ContentKind::kComplex && node.kind != ContentKind::kSize) continue;
    const ContentKind wanted = node.kind == ContentKind::kSize ? ContentKind::kInt : ContentKind::kFloat;
    for (uint32_t i = 0; i < node.count; ++i) {
      if (content_.items[node.first + i].kind != wanted) return wrong("a complex number or size holds something else");
    }
  }
  builder_.model().content = std::move(content_);
  return Ok();
}

}  // namespace pthview
