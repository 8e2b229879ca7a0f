#include "tools/archive/rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "lib/analysis/names/glob.h"
#include "lib/model/path.h"
#include "tools/archive/cast_source.h"

namespace pthview::archive {
namespace {

Error Wrong(const std::string& file, const toml::source_region& where, std::string why) {
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("line {}: {}", where.begin.line, why),
               .file = file,
               .hint = "`pthview normalize --help` shows what a rule looks like"};
}

bool ReadTexts(const toml::node& node, std::vector<std::string>* out) {
  if (auto text = node.value<std::string>()) {
    out->push_back(*text);
    return true;
  }
  const toml::array* list = node.as_array();
  if (list == nullptr) return false;
  for (const toml::node& item : *list) {
    auto text = item.value<std::string>();
    if (!text) return false;
    out->push_back(*text);
  }
  return true;
}

bool Any(const std::vector<std::string>& globs, std::string_view text) {
  return std::ranges::any_of(globs, [&](const std::string& glob) { return GlobMatches(glob, text); });
}

Result<Rule> ReadRule(const toml::table& table, const std::string& file) {
  Rule rule;
  const std::map<std::string_view, std::vector<std::string>*> lists = {{"match", &rule.match},
                                                                       {"part", &rule.parts},
                                                                       {"include", &rule.include},
                                                                       {"exclude", &rule.exclude},
                                                                       {"strip_prefix", &rule.strip_prefix}};
  for (const auto& [key, node] : table) {
    if (auto list = lists.find(key.str()); list != lists.end()) {
      if (!ReadTexts(node, list->second)) {
        return Wrong(file, node.source(), fmt::format("{} is a text or a list of texts", key.str()));
      }
    } else if (key.str() == "rename") {
      const toml::array* pairs = node.as_array();
      if (pairs == nullptr) return Wrong(file, node.source(), "rename is a list of {from = ..., to = ...}");
      for (const toml::node& pair : *pairs) {
        const toml::table* both = pair.as_table();
        auto from = both != nullptr ? (*both)["from"].value<std::string>() : std::nullopt;
        auto to = both != nullptr ? (*both)["to"].value<std::string>() : std::nullopt;
        if (!from || !to) return Wrong(file, pair.source(), "rename is a list of {from = ..., to = ...}");
        try {
          rule.rename.push_back({*from, std::regex(*from), *to});
        } catch (const std::regex_error&) {
          return Wrong(file, pair.source(), fmt::format("'{}' is no regular expression", *from));
        }
      }
    } else if (key.str() == "cast") {
      const toml::table* cast = node.as_table();
      auto to = cast != nullptr ? (*cast)["to"].value<std::string>() : node.value<std::string>();
      auto dtype = to ? DTypeFromName(*to) : std::nullopt;
      if (!dtype || (!CanCast(DType::kFloat32, *dtype) && *dtype != DType::kFloat32)) {
        return Wrong(file, node.source(), "cast is to float16, bfloat16, float32 or float64");
      }
      rule.cast = dtype;
      if (cast != nullptr && cast->contains("include") && !ReadTexts(*cast->get("include"), &rule.cast_include)) {
        return Wrong(file, node.source(), "include is a text or a list of texts");
      }
    } else {
      return Wrong(file, node.source(), fmt::format("'{}' is nothing that a rule can have", key.str()));
    }
  }
  return rule;
}

}  // namespace

Result<Rules> Rules::Parse(const std::string& text, const std::string& file) {
  Rules rules;
  toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    return Wrong(file, parsed.error().source(), std::string(parsed.error().description()));
  }
  for (const auto& [key, node] : parsed.table()) {
    const toml::array* list = node.as_array();
    if (key.str() != "rule" || list == nullptr) return Wrong(file, node.source(), "rules begin with [[rule]]");
    for (const toml::node& item : *list) {
      if (item.as_table() == nullptr) return Wrong(file, item.source(), "rules begin with [[rule]]");
      PTHVIEW_ASSIGN(Rule rule, ReadRule(*item.as_table(), file));
      rules.rules_.push_back(std::move(rule));
    }
  }
  return rules;
}

std::vector<size_t> Rules::For(const std::string& name) const {
  std::vector<size_t> which;
  const std::string base = name.substr(name.rfind('/') + 1);
  for (size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].match.empty() || Any(rules_[i].match, name) || Any(rules_[i].match, base)) which.push_back(i);
  }
  return which;
}

Result<std::vector<Applied>> Rules::Apply(const std::vector<size_t>& which, Model& model) const {
  std::vector<Applied> applied;
  std::vector<std::string> before;
  for (const Tensor& tensor : model.tensors) before.push_back(KeyOf(tensor.name));
  std::vector<std::string> names = before;
  for (size_t i : which) {
    const Rule& rule = rules_[i];
    std::map<std::string, size_t> stripped;
    for (std::string& name : names) {
      for (const std::string& prefix : rule.strip_prefix) {
        if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
        name.erase(0, prefix.size());
        ++stripped[prefix];
        break;
      }
    }
    for (const auto& [prefix, count] : stripped) applied.push_back({i, "strip_prefix " + prefix, count});
    for (const Rename& rename : rule.rename) {
      size_t count = 0;
      for (std::string& name : names) {
        if (name.size() > 4096) continue;  // std::regex recurses
        std::string renamed = std::regex_replace(name, rename.pattern, rename.to);
        if (renamed == name || renamed.empty()) continue;
        name = std::move(renamed);
        ++count;
      }
      if (count > 0) applied.push_back({i, fmt::format("rename {} -> {}", rename.from, rename.to), count});
    }
    if (!rule.cast) continue;
    std::map<std::pair<Index, DType>, Index> cast_storages;
    size_t count = 0;
    for (size_t row = 0; row < model.tensors.size(); ++row) {
      Tensor& tensor = model.tensors[row];
      if (tensor.layout != Layout::kDense || tensor.data != DataState::kPresent || tensor.storage == kNone) continue;
      if (!CanCast(tensor.dtype, *rule.cast)) continue;
      if (!rule.cast_include.empty() && !Any(rule.cast_include, names[row])) continue;
      auto [at, is_new] = cast_storages.try_emplace({tensor.storage, tensor.dtype}, kNone);
      if (is_new) {
        Storage storage = model.storages[tensor.storage];
        const uint64_t elements = storage.nbytes / Info(tensor.dtype).item_size;
        model.sources.push_back(
            CastStorage(*model.sources[storage.source], storage.offset, elements, tensor.dtype, *rule.cast));
        storage.source = static_cast<Index>(model.sources.size() - 1);
        storage.offset = 0;
        storage.nbytes = elements * Info(*rule.cast).item_size;
        storage.dtype = *rule.cast;
        at->second = static_cast<Index>(model.storages.size());
        model.storages.push_back(storage);
      }
      tensor.storage = at->second;
      tensor.dtype = *rule.cast;
      ++count;
    }
    if (count > 0) applied.push_back({i, fmt::format("cast to {}", DTypeName(*rule.cast)), count});
  }
  std::set<std::pair<Index, std::string_view>> taken;
  std::vector<bool> renamed(names.size());
  for (size_t row = 0; row < names.size(); ++row) {
    Tensor& tensor = model.tensors[row];
    renamed[row] = names[row] != before[row];
    const bool is_new = taken.emplace(tensor.part, names[row]).second;
    if (!is_new && renamed[row]) {
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("the rules would call two tensors '{}'", names[row]),
                   .file = model.file,
                   .hint = "change the rule, or give it a `match` that leaves this file out"};
    }
    if (!renamed[row]) continue;
    std::string path(tensor.part == kNone ? std::string_view() : model.parts[tensor.part].path);
    std::string name;
    AppendTextKey(name, names[row]);
    AppendTextKey(path, names[row]);
    tensor.name = model.arena.Copy(name);
    tensor.path = model.arena.Copy(path);
  }
  // The keys of the content that are the tensors' names.
  for (const ContentNode& node : model.content.nodes) {
    if (!HasPairs(node.kind)) continue;
    for (uint32_t i = 0; i + 1 < node.count; i += 2) {
      ContentValue& key = model.content.items[node.first + i];
      const ContentValue& value = model.content.items[node.first + i + 1];
      if (value.kind != ContentKind::kTensor || !renamed[value.index] || key.kind != ContentKind::kString) continue;
      if (key.Text() != before[value.index]) continue;
      key = ContentValue::OfText(ContentKind::kString, model.arena.Copy(names[value.index]));
    }
  }
  return applied;
}

}  // namespace pthview::archive
