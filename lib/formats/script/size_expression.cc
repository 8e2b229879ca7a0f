#include "lib/formats/script/size_expression.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace pthview {
namespace {

constexpr int kDeepest = 32;

// expression = "Symbol('" name "'" {", " key "=" word} ")" | "Integer(" digits ")" | name "(" [expression {", "
// expression}] ")" | word
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::optional<std::string> Whole() {
    auto result = Expression(0);
    if (!result || !rest_.empty()) return std::nullopt;
    return result;
  }

 private:
  // NOLINTNEXTLINE(misc-no-recursion): kDeepest at most
  std::optional<std::string> Expression(int outer) {
    if (++depth_ > kDeepest) return std::nullopt;
    const std::string_view name = Word();
    std::optional<std::string> result;
    if (!Take("(")) {
      if (!name.empty()) result = std::string(name);
    } else if (name == "Symbol" || name == "Integer") {
      result = Leaf(name == "Symbol");
    } else {
      result = Call(name, outer);
    }
    --depth_;
    return result;
  }

  std::optional<std::string> Leaf(bool quoted) {
    if (quoted && !Take("'")) return std::nullopt;
    std::string name(Word());
    if (name.empty() || (quoted && !Take("'"))) return std::nullopt;
    const size_t end = rest_.find_first_of(")(");  // positive=True, integer=True
    if (end == std::string_view::npos || rest_[end] != ')') return std::nullopt;
    rest_.remove_prefix(end + 1);
    return name;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepest at most
  std::optional<std::string> Call(std::string_view name, int outer) {
    struct Sign {
      std::string_view name;
      std::string_view sign;
      int binds;
    };
    constexpr Sign kSigns[] = {{"Add", " + ", 1}, {"Mul", "*", 2}, {"FloorDiv", "//", 2}, {"Pow", "**", 3}};
    const auto* sign =
        std::find_if(std::begin(kSigns), std::end(kSigns), [&](const Sign& row) { return row.name == name; });
    const bool known = sign != std::end(kSigns);
    std::string text;
    for (bool first = true; !Take(")"); first = false) {
      if (!first && !Take(", ")) return std::nullopt;
      // The right side of a division or power keeps its own parentheses.
      auto item = Expression(!known ? 0 : sign->binds + (first || sign->binds == 1 ? 0 : 1));
      if (!item) return std::nullopt;
      if (!first) text += known ? sign->sign : ", ";
      text += *item;
    }
    if (!known) return std::string(name) + "(" + text + ")";
    return sign->binds < outer ? "(" + text + ")" : text;
  }

  std::string_view Word() {
    size_t end = rest_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
    std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(word.size());
    return word;
  }

  bool Take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  std::string_view rest_;
  int depth_ = 0;
};

}  // namespace

std::string SizeExpression(std::string_view text) {
  return text.find('(') == std::string_view::npos ? std::string(text)
                                                  : Reader(text).Whole().value_or(std::string(text));
}

}  // namespace pthview
