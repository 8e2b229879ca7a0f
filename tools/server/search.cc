#include "tools/server/search.h"

#include <algorithm>

#include "lib/base/json.h"

namespace pthview::server {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool Contains(std::string_view text, std::string_view lower_query) {
  auto found = std::search(text.begin(), text.end(), lower_query.begin(), lower_query.end(),
                           [](char a, char b) { return Lower(a) == b; });
  return found != text.end();
}

}  // namespace

std::string SearchJson(const Model& model, const Outline& outline, std::string_view query, size_t limit) {
  limit = std::min(limit, kMaxHits);
  std::string lower(query);
  std::ranges::transform(lower, lower.begin(), Lower);
  size_t total = 0;
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("hits").BeginArray();
  auto hit = [&](std::string_view kind, size_t index, std::string_view path) {
    if (total++ >= limit) return;
    json.BeginObject().Key("kind").String(kind).Key("index").Uint(index).Key("path").String(path).EndObject();
  };
  if (!lower.empty()) {
    for (size_t i = 0; i < outline.modules.size(); ++i) {
      if (Contains(outline.modules[i].path, lower)) hit("module", i, outline.modules[i].path);
    }
    for (size_t i = 0; i < model.tensors.size(); ++i) {
      const Tensor& tensor = model.tensors[i];
      if (Contains(tensor.path, lower) || Contains(tensor.name, lower)) hit("tensor", i, tensor.path);
    }
  }
  json.EndArray().Key("total").Uint(total).EndObject();
  return text;
}

}  // namespace pthview::server
