#include "lib/formats/script/script_source.h"

#include <algorithm>
#include <optional>

namespace pthview {
namespace {

constexpr std::string_view kIndent = "  ";

std::string_view Trimmed(std::string_view text) {
  size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \r") - first + 1);
}

// What stands behind `start` when the line begins with it.
std::optional<std::string_view> After(std::string_view line, std::string_view start) {
  if (!line.starts_with(start)) return std::nullopt;
  return line.substr(start.size());
}

// The strings of `["weight", "a\"b", ]`.
std::vector<std::string> StringList(std::string_view text) {
  std::vector<std::string> strings;
  for (size_t i = 0; i < text.size(); ++i) {
    char quote = text[i];
    if (quote != '"' && quote != '\'') continue;
    std::string string;
    for (++i; i < text.size() && text[i] != quote; ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      string += text[i];
    }
    strings.push_back(std::move(string));
  }
  return strings;
}

void ReadMember(std::string_view line, ScriptClass& into) {
  if (auto list = After(line, "__parameters__ = ")) {
    into.parameters = StringList(*list);
  } else if (auto buffers = After(line, "__buffers__ = ")) {
    into.buffers = StringList(*buffers);
  } else {
    size_t type = line.find(" : Final[");
    size_t value = line.find("] = ", type == std::string_view::npos ? line.size() : type);
    if (value == std::string_view::npos) return;
    into.constants.emplace_back(line.substr(0, type), Trimmed(line.substr(value + 4)));
  }
}

}  // namespace

std::vector<ScriptClass> ParseScriptClasses(std::string_view source) {
  std::vector<ScriptClass> classes;
  bool inside = false;
  bool in_methods = false;
  auto close = [&](size_t end) {
    if (!inside) return;
    std::string_view& text = classes.back().text;
    text = source.substr(static_cast<size_t>(text.data() - source.data()),
                         end - static_cast<size_t>(text.data() - source.data()));
    while (text.ends_with('\n')) text.remove_suffix(1);
    inside = false;
  };
  for (size_t at = 0; at < source.size();) {
    size_t end = std::min(source.find('\n', at), source.size());
    std::string_view line = source.substr(at, end - at);
    if (auto head = After(line, "class ")) {
      close(at);
      size_t name_end = head->find_first_of("(:");
      ScriptClass next;
      next.name = Trimmed(head->substr(0, name_end));
      next.text = line;
      classes.push_back(std::move(next));
      inside = true;
      in_methods = false;
    } else if (!line.empty() && line[0] != ' ') {
      close(at);
    } else if (inside && line.starts_with(kIndent)) {
      std::string_view member = line.substr(kIndent.size());
      in_methods = in_methods || member.starts_with("def ");
      if (!in_methods) ReadMember(member, classes.back());
    }
    at = end + 1;
  }
  close(source.size());
  return classes;
}

}  // namespace pthview
