#include "plugins/host/manifest.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pthview::plugins {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kKindNames[] = {"format", "graph", "converter", "verifier"};
constexpr std::string_view kKeys[] = {"protocol", "name",       "text", "kinds",    "match",
                                      "formats",  "neighbours", "read", "encoding", "limits"};
constexpr size_t kMostRules = 100;
constexpr size_t kMostText = 200;

struct LimitRow {
  std::string_view key;
  double most;
  void (*set)(Limits& limits, double value);
};
constexpr LimitRow kLimits[] = {
    {"seconds", 3600, [](Limits& l, double v) { l.time = std::chrono::milliseconds(static_cast<int64_t>(v * 1000)); }},
    {"cpu_seconds", 36000, [](Limits& l, double v) { l.cpu_seconds = static_cast<uint32_t>(std::max(1.0, v)); }},
    {"memory_mb", 1 << 20, [](Limits& l, double v) { l.memory_bytes = static_cast<uint64_t>(v * (1 << 20)); }},
    {"open_files", 4096, [](Limits& l, double v) { l.open_files = static_cast<uint32_t>(std::max(8.0, v)); }},
};

Error Bad(std::string text) { return Error{.code = ErrorCode::kCorrupt, .message = std::move(text)}; }

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text[0] != '-' && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

Result<std::string> TextOf(const Json& object, const char* key, size_t most = kMostText) {
  auto found = object.find(key);
  if (found == object.end()) return std::string();
  if (!found->is_string() || found->get_ref<const std::string&>().size() > most) {
    return Bad(fmt::format("`{}` must be a text of at most {} bytes", key, most));
  }
  return found->get<std::string>();
}

Result<std::vector<std::string>> TextsOf(const Json& object, const char* key) {
  std::vector<std::string> texts;
  auto found = object.find(key);
  if (found == object.end()) return texts;
  if (!found->is_array() || found->size() > kMostRules) return Bad(fmt::format("`{}` must be a list of texts", key));
  for (const Json& item : *found) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      return Bad(fmt::format("`{}` must be a list of texts", key));
    }
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<std::string> Unhex(std::string_view text) {
  std::string bytes;
  std::string digits;
  for (char c : text) {
    if (c == ' ') continue;
    if (std::strchr("0123456789abcdefABCDEF", c) == nullptr) return Bad("`magic_hex` must be hexadecimal digits");
    digits += c;
  }
  if (digits.size() % 2 != 0) return Bad("`magic_hex` must have two digits a byte");
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

Result<MatchRule> ParseRule(const Json& json) {
  if (!json.is_object()) return Bad("`match` must be a list of objects");
  MatchRule rule;
  PTHVIEW_ASSIGN(rule.magic, TextOf(json, "magic"));
  PTHVIEW_ASSIGN(std::string hex, TextOf(json, "magic_hex"));
  if (!hex.empty()) {
    PTHVIEW_ASSIGN(rule.magic, Unhex(hex));
  }
  PTHVIEW_ASSIGN(rule.extension, TextOf(json, "extension"));
  if (auto offset = json.find("offset"); offset != json.end()) {
    if (!offset->is_number_unsigned() || offset->get<uint64_t>() >= 4096) return Bad("`offset` must be below 4096");
    rule.offset = offset->get<uint64_t>();
  }
  if (!rule.extension.empty() && rule.extension[0] != '.') return Bad("`extension` must begin with a dot");
  if (rule.magic.empty() && rule.extension.empty()) return Bad("a rule of `match` says nothing");
  return rule;
}

Status ParseLimits(const Json& json, Limits& limits) {
  if (!json.is_object()) return Bad("`limits` must be an object");
  for (const auto& [key, value] : json.items()) {
    const auto* row = std::ranges::find(kLimits, key, &LimitRow::key);
    if (row == std::end(kLimits)) return Bad(fmt::format("`limits.{}` is not known", key.substr(0, kMostText)));
    if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > row->most) {
      return Bad(fmt::format("`limits.{}` must be a number above 0 and up to {}", key, row->most));
    }
    row->set(limits, value.get<double>());
  }
  return Ok();
}

Status ParseKinds(const Json& json, Manifest& manifest) {
  PTHVIEW_ASSIGN(std::vector<std::string> kinds, TextsOf(json, "kinds"));
  if (kinds.empty()) return Bad("`kinds` must name at least one of format, graph, converter, verifier");
  for (const std::string& kind : kinds) {
    const auto* found = std::ranges::find(kKindNames, kind);
    if (found == std::end(kKindNames)) {
      return Bad(fmt::format("`kinds`: '{}' is none of format, graph, converter, verifier", kind.substr(0, kMostText)));
    }
    manifest.kinds.push_back(static_cast<PluginKind>(found - std::begin(kKindNames)));
  }
  return Ok();
}

}  // namespace

std::string_view PluginKindName(PluginKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

bool Manifest::Has(PluginKind kind) const { return std::ranges::find(kinds, kind) != kinds.end(); }

int Manifest::Match(std::span<const std::byte> head, std::string_view path) const {
  auto lower_ends_with = [&](std::string_view extension) {
    return path.size() >= extension.size() &&
           std::ranges::equal(path.substr(path.size() - extension.size()), extension,
                              [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
  };
  int best = 0;
  for (const MatchRule& rule : match) {
    if (!rule.extension.empty() && !lower_ends_with(rule.extension)) continue;
    if (!rule.magic.empty()) {
      if (rule.offset > head.size() || rule.magic.size() > head.size() - rule.offset) continue;
      if (std::memcmp(head.data() + rule.offset, rule.magic.data(), rule.magic.size()) != 0) continue;
    }
    best = std::max(best, rule.magic.empty() ? 1 : kByContent);
  }
  return best;
}

Result<Manifest> ParseManifest(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Bad("it is not a JSON object");
  auto protocol = json.find("protocol");
  if (protocol == json.end() || !protocol->is_number_unsigned()) return Bad("`protocol` must be a number");
  if (protocol->get<uint64_t>() != kProtocol) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = fmt::format("it speaks protocol {}, this pthview speaks {}", protocol->get<uint64_t>(), kProtocol)};
  }
  for (const auto& item : json.items()) {
    if (std::ranges::find(kKeys, item.key()) == std::end(kKeys)) {
      return Bad(fmt::format("`{}` is not a key of a manifest", item.key().substr(0, kMostText)));
    }
  }
  Manifest manifest;
  PTHVIEW_ASSIGN(manifest.name, TextOf(json, "name"));
  if (!IsName(manifest.name)) return Bad("`name` must be small letters, digits, '-' and '_', 64 at most");
  PTHVIEW_ASSIGN(manifest.text, TextOf(json, "text"));
  if (manifest.text.empty()) manifest.text = manifest.name;
  PTHVIEW_TRY(ParseKinds(json, manifest));
  if (auto match = json.find("match"); match != json.end()) {
    if (!match->is_array() || match->size() > kMostRules) return Bad("`match` must be a list of objects");
    for (const Json& row : *match) {
      PTHVIEW_ASSIGN(MatchRule rule, ParseRule(row));
      manifest.match.push_back(std::move(rule));
    }
  }
  if (manifest.Has(PluginKind::kFormat) && manifest.match.empty()) return Bad("`match` must say which files it opens");
  PTHVIEW_ASSIGN(manifest.formats, TextsOf(json, "formats"));
  if (manifest.Has(PluginKind::kGraph) && manifest.formats.empty()) {
    return Bad("`formats` must say of which formats it makes graphs");
  }
  PTHVIEW_ASSIGN(manifest.neighbours, TextsOf(json, "neighbours"));
  PTHVIEW_ASSIGN(manifest.read, TextsOf(json, "read"));
  for (const std::string& path : manifest.read) {
    if (path[0] != '/' || path == "/") return Bad("`read` must be absolute paths below the root");
  }
  PTHVIEW_ASSIGN(std::string encoding, TextOf(json, "encoding"));
  if (encoding != "json" && encoding != "protobuf") return Bad("`encoding` must be \"json\" or \"protobuf\"");
  manifest.encoding = encoding == "json" ? Encoding::kJson : Encoding::kProtobuf;
  if (manifest.Has(PluginKind::kGraph) && manifest.encoding != Encoding::kProtobuf) {
    return Bad("`encoding` of a plug-in that makes graphs must be \"protobuf\"");
  }
  if (auto limits = json.find("limits"); limits != json.end()) PTHVIEW_TRY(ParseLimits(*limits, manifest.limits));
  return manifest;
}

}  // namespace pthview::plugins
