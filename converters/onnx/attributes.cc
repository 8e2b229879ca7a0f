#include "converters/onnx/attributes.h"

#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace pthview {
namespace {

using pthview_onnx::AttributeProto;

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

template <typename Number>
std::optional<Number> Parse(std::string_view text) {
  Number number;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The items of "(1, 2)", "(1,)" or "[1, 2]"; nullopt when the text is no such list. Nested ones stay text.
std::optional<std::vector<std::string_view>> Items(std::string_view text) {
  if (text.size() < 3 ||
      !((text.front() == '(' && text.back() == ')') || (text.front() == '[' && text.back() == ']'))) {
    return std::nullopt;
  }
  text = Trim(text.substr(1, text.size() - 2));
  if (text.ends_with(',')) text.remove_suffix(1);
  std::vector<std::string_view> items;
  for (;;) {
    size_t comma = text.find(',');
    items.push_back(Trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

// All items as numbers of one type, or nullopt.
template <typename Number>
std::optional<std::vector<Number>> ParseAll(const std::vector<std::string_view>& items) {
  std::vector<Number> numbers;
  for (std::string_view item : items) {
    auto number = Parse<Number>(item);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace

void SetFromPythonText(std::string_view text, AttributeProto& attribute) {
  text = Trim(text);
  if (text == "True" || text == "False") {
    attribute.set_type(AttributeProto::INT);
    attribute.set_i(text == "True" ? 1 : 0);
  } else if (auto whole = Parse<int64_t>(text)) {
    attribute.set_type(AttributeProto::INT);
    attribute.set_i(*whole);
  } else if (auto real = Parse<float>(text)) {
    attribute.set_type(AttributeProto::FLOAT);
    attribute.set_f(*real);
  } else {
    auto items = Items(text);
    auto wholes = items ? ParseAll<int64_t>(*items) : std::nullopt;
    auto reals = items && !wholes ? ParseAll<float>(*items) : std::nullopt;
    if (wholes) {
      attribute.set_type(AttributeProto::INTS);
      for (int64_t number : *wholes) attribute.add_ints(number);
    } else if (reals) {
      attribute.set_type(AttributeProto::FLOATS);
      for (float number : *reals) attribute.add_floats(number);
    } else {
      attribute.set_type(AttributeProto::STRING);
      attribute.set_s(std::string(text));
    }
  }
}

}  // namespace pthview
