#include "tools/server/search.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "lib/analysis/names/glob.h"
#include "lib/base/json.h"

namespace pthview::server {
namespace {

constexpr size_t kMaxWords = 8;
constexpr size_t kMaxText = 200;  // bytes of a hit's text, and of a value that is searched

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

void LowerInto(std::string& out, std::string_view text) {
  out.assign(text);
  std::ranges::transform(out, out.begin(), Lower);
}

struct Word {
  std::string text;  // lower case
  bool glob = false;
};

std::vector<Word> WordsOf(std::string_view query) {
  std::vector<Word> words;
  for (size_t at = 0; at < query.size() && words.size() < kMaxWords;) {
    size_t end = std::min(query.find(' ', at), query.size());
    if (end > at) {
      Word word;
      LowerInto(word.text, query.substr(at, end - at));
      word.glob = word.text.find_first_of("*?") != std::string::npos ||
                  (IsGlob(word.text) && word.text.find(']') != std::string::npos);
      words.push_back(std::move(word));
    }
    at = end + 1;
  }
  return words;
}

// The whole of `text`, or what follows one of its dots.
bool GlobMatchesEnd(std::string_view pattern, std::string_view text) {
  if (GlobMatches(pattern, text)) return true;
  // A pattern that begins with `*` has been tried on every end by that already.
  if (pattern.starts_with('*')) return false;
  for (size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', dot + 1)) {
    if (GlobMatches(pattern, text.substr(dot + 1))) return true;
  }
  return false;
}

class Matcher {
 public:
  explicit Matcher(std::string_view query) : words_(WordsOf(query)) {}
  bool empty() const { return words_.empty(); }

  bool Matches(std::span<const std::string_view> fields) {
    lowered_.resize(std::max(lowered_.size(), fields.size()));
    for (size_t i = 0; i < fields.size(); ++i) LowerInto(lowered_[i], fields[i]);
    return std::ranges::all_of(words_, [&](const Word& word) {
      return std::any_of(lowered_.begin(), lowered_.begin() + static_cast<std::ptrdiff_t>(fields.size()),
                         [&](const std::string& field) {
                           return word.glob ? GlobMatchesEnd(word.text, field)
                                            : field.find(word.text) != std::string::npos;
                         });
    });
  }

 private:
  std::vector<Word> words_;
  std::vector<std::string> lowered_;
};

std::string_view Start(std::string_view text) { return text.substr(0, kMaxText); }

std::string TypeText(const Tensor& tensor) {
  std::string text(DTypeName(tensor.dtype));
  text += '[';
  for (size_t i = 0; i < tensor.shape.size(); ++i) text += (i ? "," : "") + std::to_string(tensor.shape[i]);
  return text + ']';
}

// A state_dict's own version numbers, one a module: nobody looks for them.
bool IsBookkeeping(const PlainValue& value) { return value.path.find("._metadata") != std::string_view::npos; }

}  // namespace

std::string SearchJson(const Model& model, const Outline& outline, std::string_view query, size_t limit) {
  limit = std::min(limit, kMaxHits);
  Matcher matcher(query);
  size_t total = 0;
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("hits").BeginArray();
  auto hit = [&](std::string_view kind, size_t index, std::string_view path, std::string_view shown) {
    if (total++ >= limit) return;
    json.BeginObject().Key("kind").String(kind).Key("index").Uint(index).Key("path").String(path);
    json.Key("text").String(Start(shown)).EndObject();
  };
  if (!matcher.empty()) {
    for (size_t i = 0; i < outline.modules.size(); ++i) {
      const OutlineModule& module = outline.modules[i];
      std::string_view type = module.source == kNone ? "" : model.modules[module.source].class_name;
      if (matcher.Matches(std::array{module.path, type})) hit("module", i, module.path, type);
    }
    for (size_t i = 0; i < model.tensors.size(); ++i) {
      const Tensor& tensor = model.tensors[i];
      std::string type = TypeText(tensor);
      if (matcher.Matches(std::array{tensor.path, tensor.name, std::string_view(type)}))
        hit("tensor", i, tensor.path, type);
    }
    for (size_t i = 0; i < model.plain.size(); ++i) {
      const PlainValue& value = model.plain[i];
      if (IsBookkeeping(value)) continue;
      std::string_view shown = value.kind == PlainKind::kObject && value.text.empty() ? value.class_name : value.text;
      if (matcher.Matches(std::array{value.path, Start(shown)})) hit("value", i, value.path, shown);
    }
  }
  json.EndArray().Key("total").Uint(total).EndObject();
  return text;
}

}  // namespace pthview::server
