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

// How many values the statement around [begin, end) takes from a call that is all of its right side; 1 where it is not.
size_t ResultsOf(std::string_view text, size_t begin, size_t end) {
  // Inside another call, or the right side of nothing: no need to look for the line's beginning, which may be far.
  if (end < text.size() && text[end] != '\n') return 1;
  if (begin > 0 && text[begin - 1] != ' ' && text[begin - 1] != '\n') return 1;
  size_t line = text.rfind('\n', begin);
  line = line == std::string_view::npos ? 0 : line + 1;
  std::string_view before = text.substr(line, begin - line);
  before.remove_prefix(std::min(before.find_first_not_of(' '), before.size()));
  if (before.empty()) return 0;
  if (!before.ends_with(" = ")) return 1;
  before.remove_suffix(3);
  if (before.find('(') != std::string_view::npos) return 1;
  auto commas = static_cast<size_t>(std::count(before.begin(), before.end(), ','));
  if (commas == 0) return 1;
  return before.ends_with(',') || before.ends_with(", ") ? commas : commas + 1;
}

// Reads the text once, with the brackets that are open.
class UseReader {
 public:
  explicit UseReader(std::string_view text) : text_(text) {}

  std::vector<OperatorUse> Read() && {
    for (size_t at = 0; at < text_.size();) {
      const char c = text_[at];
      if (c == '"' || c == '\'') {
        Begin();
        at = StringEnd(text_, at);
      } else if (IsWord(c)) {
        at = Word(at);
      } else {
        Sign(c, at);
        ++at;
      }
    }
    return std::move(uses_);
  }

 private:
  struct Bracket {
    bool call = false;  // of an operator
    size_t begin = 0;   // of `ops` or `torch`
    OperatorUse use;
    bool any = false;  // the argument that is being read has begun
    std::string keyword;
  };

  void Begin() {
    if (!open_.empty()) open_.back().any = true;
  }

  void EndArgument() {
    Bracket& bracket = open_.back();
    if (bracket.call && bracket.any && bracket.use.positional + bracket.use.keywords.size() < kMostArguments) {
      if (bracket.keyword.empty()) {
        ++bracket.use.positional;
      } else {
        bracket.use.keywords.push_back(bracket.keyword);
      }
    }
    bracket.any = false;
    bracket.keyword.clear();
  }

  void Sign(char c, size_t at) {
    if (c == '(' || c == '[' || c == '{') {
      Begin();
      open_.emplace_back();
    } else if ((c == ')' || c == ']' || c == '}') && !open_.empty()) {
      EndArgument();
      Bracket bracket = std::move(open_.back());
      open_.pop_back();
      if (bracket.call) Keep(std::move(bracket.use), bracket.begin, at + 1);
    } else if (c == ',' && !open_.empty()) {
      EndArgument();
    } else if (c != ' ' && c != '\n') {
      Begin();
    }
  }

  // A word, a keyword with its `=`, or the name of an operator with the bracket behind it; where the next thing begins.
  size_t Word(size_t begin) {
    const size_t end = WordEnd(text_, begin);
    if (!open_.empty() && !open_.back().any && end < text_.size() && text_[end] == '=' &&
        text_.substr(end, 2) != "==") {
      open_.back().keyword = text_.substr(begin, end - begin);
    }
    Begin();
    const std::string_view word = text_.substr(begin, end - begin);
    const bool first = begin == 0 || text_[begin - 1] != '.';
    if (!first || (word != "ops" && word != "torch") || end >= text_.size() || text_[end] != '.') return end;
    Bracket bracket{.call = true, .begin = begin, .use = {.name = "aten", .keywords = {}}, .keyword = {}};
    size_t name = end + 1;
    if (word == "ops") {
      const size_t dot = WordEnd(text_, name);
      if (dot >= text_.size() || text_[dot] != '.') return end;
      bracket.use.name = text_.substr(name, dot - name);
      name = dot + 1;
    }
    const size_t open = WordEnd(text_, name);
    if (open == name || open >= text_.size() || text_[open] != '(') return end;
    bracket.use.name.append("::").append(text_.substr(name, open - name));
    open_.push_back(std::move(bracket));
    return open + 1;
  }

  void Keep(OperatorUse use, size_t begin, size_t end) {
    use.results = ResultsOf(text_, begin, end);
    if (seen_.insert({use.name, use.positional, use.keywords, use.results}).second) uses_.push_back(std::move(use));
  }

  std::string_view text_;
  std::vector<Bracket> open_;
  std::vector<OperatorUse> uses_;
  std::set<std::tuple<std::string, size_t, std::vector<std::string>, size_t>> seen_;
};

}  // namespace

std::vector<OperatorUse> FindOperatorUses(std::string_view text) { return UseReader(text).Read(); }

namespace {

// Spaces before the first other character of a line; npos: an empty line.
size_t IndentAt(std::string_view text, size_t line) {
  const size_t end = text.find_first_not_of(' ', line);
  return end == std::string_view::npos || text[end] == '\n' ? std::string_view::npos : end - line;
}

// `def` is where the line of the `def` begins.
std::string BlankAt(std::string& text, size_t def) {
  auto indent_of = [&](size_t begin) { return IndentAt(text, begin); };
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
  replacement += type == "None" || type == "NoneType" ? "return None" : "return uninitialized(" + type + ")";
  if (text.compare(body, replacement.size(), replacement) == 0) return {};  // taken out before
  // In as many bytes and lines as before: places in the file stay what they are.
  const auto lines = static_cast<size_t>(
      std::count(text.begin() + static_cast<ptrdiff_t>(body), text.begin() + static_cast<ptrdiff_t>(end), '\n'));
  const size_t needed = replacement.size() + std::max<size_t>(lines, 1);
  if (needed < end - body) replacement.append(end - body - needed, ' ');
  replacement.append(std::max<size_t>(lines, 1), '\n');
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
  text.replace(body, end - body, replacement);
  return name;
}

}  // namespace

std::string BlankFunction(std::string& text, size_t line) {
  // The line's beginning, then back to the nearest `def` that stands less deep.
  size_t at = 0;
  for (size_t i = 1; i < line; ++i) {
    at = text.find('\n', at);
    if (at == std::string::npos) return {};
    ++at;
  }
  auto indent_of = [&](size_t begin) { return IndentAt(text, begin); };
  size_t def = at;
  while (true) {
    const size_t indent = indent_of(def);
    if (indent != std::string::npos && text.compare(def + indent, 4, "def ") == 0) break;
    if (def < 2) return {};
    const size_t before = text.rfind('\n', def - 2);
    def = before == std::string::npos ? 0 : before + 1;
  }
  return BlankAt(text, def);
}

void BlankFunctionsNamed(std::string& text, std::string_view name) {
  const std::string head = "def " + std::string(name) + "(";
  for (size_t at = text.find(head); at != std::string::npos; at = text.find(head, at + 1)) {
    const size_t before = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
    const size_t line = before == std::string::npos ? 0 : before + 1;
    if (text.find_first_not_of(' ', line) == at) BlankAt(text, line);
  }
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
