#include "plugins/torchscript/source_text.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <tuple>

namespace pthview::torchscript {
namespace {

constexpr size_t kMostArguments = 1000;

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

size_t WordEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsWord(text[at])) ++at;
  return at;
}

// Behind the string that begins at `at`.
size_t StringEnd(std::string_view text, size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

// The arguments behind the bracket before `at`; `at` then stands behind the one that closes. False: none does.
bool ReadArguments(std::string_view text, size_t& at, OperatorUse& use) {
  int depth = 0;
  bool any = false;  // of the argument that is being read
  std::string keyword;
  auto end_argument = [&] {
    if (any && use.positional + use.keywords.size() < kMostArguments) {
      if (keyword.empty()) {
        ++use.positional;
      } else {
        use.keywords.push_back(keyword);
      }
    }
    any = false;
    keyword.clear();
  };
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = StringEnd(text, at);
      any = true;
      continue;
    }
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') {
      if (depth-- == 0) {
        end_argument();
        ++at;
        return true;
      }
    }
    if (depth == 0 && c == ',') {
      end_argument();
    } else if (depth == 0 && !any && IsWord(c)) {
      const size_t end = WordEnd(text, at);
      if (end < text.size() && text[end] == '=' && text.substr(end, 2) != "==") {
        keyword = text.substr(at, end - at);
        at = end;
      } else {
        at = end - 1;
      }
      any = true;
    } else if (c != ' ' && c != '\n') {
      any = true;
    }
    ++at;
  }
  return false;
}

// How many values the statement around [begin, end) takes from a call that is all of its right side; 1 where it is not.
size_t ResultsOf(std::string_view text, size_t begin, size_t end) {
  size_t line = text.rfind('\n', begin);
  line = line == std::string_view::npos ? 0 : line + 1;
  std::string_view before = text.substr(line, begin - line);
  before.remove_prefix(std::min(before.find_first_not_of(' '), before.size()));
  if (end < text.size() && text[end] != '\n') return 1;
  if (before.empty()) return 0;
  if (!before.ends_with(" = ")) return 1;
  before.remove_suffix(3);
  if (before.find('(') != std::string_view::npos) return 1;
  auto commas = static_cast<size_t>(std::count(before.begin(), before.end(), ','));
  if (commas == 0) return 1;
  return before.ends_with(',') || before.ends_with(", ") ? commas : commas + 1;
}

}  // namespace

std::vector<OperatorUse> FindOperatorUses(std::string_view text) {
  std::vector<OperatorUse> uses;
  std::set<std::tuple<std::string, size_t, std::vector<std::string>, size_t>> seen;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = StringEnd(text, at);
      continue;
    }
    if (!IsWord(c)) {
      ++at;
      continue;
    }
    const size_t begin = at;
    at = WordEnd(text, at);
    const bool first = begin == 0 || text[begin - 1] != '.';
    const std::string_view word = text.substr(begin, at - begin);
    if (!first || (word != "ops" && word != "torch") || at >= text.size() || text[at] != '.') continue;
    OperatorUse use{.name = "aten", .keywords = {}};
    size_t next = at + 1;
    if (word == "ops") {
      const size_t end = WordEnd(text, next);
      use.name = text.substr(next, end - next);
      if (end >= text.size() || text[end] != '.') continue;
      next = end + 1;
    }
    const size_t end = WordEnd(text, next);
    if (end == next || end >= text.size() || text[end] != '(') continue;
    use.name.append("::").append(text.substr(next, end - next));
    size_t behind = end + 1;
    if (!ReadArguments(text, behind, use)) continue;
    use.results = ResultsOf(text, begin, behind);
    at = end + 1;  // calls stand inside calls
    if (seen.insert({use.name, use.positional, use.keywords, use.results}).second) uses.push_back(std::move(use));
  }
  return uses;
}

std::string BlankFunction(std::string& text, size_t line) {
  // The line's beginning, then back to the nearest `def` that stands less deep.
  size_t at = 0;
  for (size_t i = 1; i < line; ++i) {
    at = text.find('\n', at);
    if (at == std::string::npos) return {};
    ++at;
  }
  auto indent_of = [&](size_t begin) {
    size_t end = text.find_first_not_of(' ', begin);
    return end == std::string::npos || text[end] == '\n' ? std::string::npos : end - begin;
  };
  size_t def = at;
  while (true) {
    const size_t indent = indent_of(def);
    if (indent != std::string::npos && text.compare(def + indent, 4, "def ") == 0) break;
    if (def == 0) return {};
    def = text.rfind('\n', def - 1);
    if (def == std::string::npos) {
      def = 0;
    } else if (def != 0) {
      ++def;
    }
  }
  const size_t indent = indent_of(def);
  // The header ends with a colon at the end of a line.
  size_t body = text.find(":\n", def);
  if (body == std::string::npos) return {};
  body += 2;
  const size_t arrow = text.rfind("-> ", body);
  std::string type = arrow == std::string::npos || arrow < def ? "Tensor" : text.substr(arrow + 3, body - arrow - 5);
  size_t end = body;
  while (end < text.size()) {
    const size_t deep = indent_of(end);
    if (deep != std::string::npos && deep <= indent) break;
    const size_t next = text.find('\n', end);
    if (next == std::string::npos) {
      end = text.size();
      break;
    }
    end = next + 1;
  }
  std::string replacement(indent + 2, ' ');
  replacement += type == "None" ? "return None" : "return uninitialized(" + type + ")";
  if (text.compare(body, replacement.size(), replacement) == 0) return {};
  std::string old = text.substr(body, end - body);
  for (size_t i = 0; i < old.size(); ++i) {
    if (old[i] != '\n') old[i] = ' ';
  }
  // In as many bytes and lines as before: places in the file stay what they are.
  size_t first = old.find('\n');
  if (first == std::string::npos) first = old.size();
  std::string rest = old.substr(std::min(first, old.size()));
  std::string padding;
  if (replacement.size() < first) padding.assign(first - replacement.size(), ' ');
  std::string name;
  size_t name_at = def + indent + 4;
  name = text.substr(name_at, WordEnd(text, name_at) - name_at);
  if (indent > 0) {
    size_t owner = text.rfind("class ", def);
    while (owner != std::string::npos && owner != 0 && text[owner - 1] != '\n') owner = text.rfind("class ", owner - 1);
    if (owner != std::string::npos) {
      name = text.substr(owner + 6, WordEnd(text, owner + 6) - owner - 6) + "." + name;
    }
  }
  text.replace(body, end - body, replacement + padding + (rest.empty() ? "\n" : rest));
  return name;
}

size_t ForgetType(std::string& text, std::string_view name) {
  constexpr std::string_view kAny = "Any";
  size_t count = 0;
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool whole = (at == 0 || (!IsWord(text[at - 1]) && text[at - 1] != '.')) &&
                       (end >= text.size() || (!IsWord(text[end]) && text[end] != '.'));
    if (!whole || name.size() < kAny.size()) continue;
    std::string any(kAny);
    any.resize(name.size(), ' ');
    text.replace(at, name.size(), any);
    ++count;
  }
  return count;
}

}  // namespace pthview::torchscript
