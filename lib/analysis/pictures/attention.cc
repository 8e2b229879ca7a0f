#include "lib/analysis/pictures/attention.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "lib/base/ascii.h"

namespace pthview::pictures {
namespace {

using enum Projection;

struct RoleName {
  std::string_view name;  // of the weight, or of the module whose weight it is
  Projection projection;
  bool transposed;
  bool needs_attention;  // only below something that is called "attn" or "attention"
};

// Names that torch, transformers, timm, diffusers and others use.
constexpr RoleName kNames[] = {
    {"in_proj_weight", kStacked, false, false},
    {"q_proj_weight", kQuery, false, false},
    {"k_proj_weight", kKey, false, false},
    {"v_proj_weight", kValue, false, false},
    {"q_proj", kQuery, false, false},
    {"k_proj", kKey, false, false},
    {"v_proj", kValue, false, false},
    {"o_proj", kOutput, false, false},
    {"qkv", kStacked, false, true},
    {"Wqkv", kStacked, false, false},
    {"qkv_proj", kStacked, false, false},
    {"in_proj", kStacked, false, true},
    {"c_attn", kStacked, true, false},
    {"query_key_value", kInterleaved, false, false},
    {"to_q", kQuery, false, false},
    {"to_k", kKey, false, false},
    {"to_v", kValue, false, false},
    {"to_out", kOutput, false, true},
    {"query", kQuery, false, true},
    {"key", kKey, false, true},
    {"value", kValue, false, true},
    {"q_lin", kQuery, false, true},
    {"k_lin", kKey, false, true},
    {"v_lin", kValue, false, true},
    {"out_lin", kOutput, false, true},
    {"q", kQuery, false, true},
    {"k", kKey, false, true},
    {"v", kValue, false, true},
    {"o", kOutput, false, true},
    {"wq", kQuery, false, true},
    {"wk", kKey, false, true},
    {"wv", kValue, false, true},
    {"wo", kOutput, false, true},
    {"out_proj", kOutput, false, true},
    {"proj", kOutput, false, true},
    {"c_proj", kOutput, true, true},
    {"dense", kOutput, false, true},
};

constexpr std::string_view kCounts[] = {
    "num_attention_heads",     "num_heads", "n_head", "n_heads", "nhead", "heads", "attention_heads",
    "encoder_attention_heads", "num_head"};
constexpr std::string_view kKeyCounts[] = {"num_key_value_heads", "n_kv_heads", "num_kv_heads"};
constexpr int64_t kUsualWidth = 64;
constexpr int64_t kUsualCount = 8;

std::string_view LastStep(std::string_view name) { return name.substr(name.rfind('.') + 1); }

bool NamesAttention(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower.find("attn") != std::string::npos || lower.find("attention") != std::string::npos;
}

std::optional<int64_t> WholeNumber(std::string_view text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

// Rows (columns of a transposed one) that the heads share, of one of query, key and value.
int64_t SharedSize(const Tensor& tensor, const AttentionRole& role) {
  const bool by_column = role.transposed != (role.projection == kOutput);
  const int64_t size = tensor.shape[by_column ? 1 : 0];
  return role.projection == kStacked || role.projection == kInterleaved ? size / 3 : size;
}

// What the modules around the tensor have among their attributes.
std::optional<HeadCount> FromModules(const Model& model, const Tensor& tensor) {
  const auto index = static_cast<Index>(&tensor - model.tensors.data());
  for (const Module& owner : model.modules) {
    if (std::ranges::find(owner.tensors, index) == owner.tensors.end()) continue;
    const Module* module = &owner;
    for (int level = 0; level < 3 && module != nullptr; ++level) {
      for (const Attribute& attribute : module->attributes) {
        if (std::ranges::find(kCounts, attribute.name) == std::end(kCounts)) continue;
        if (auto number = WholeNumber(attribute.text)) {
          return HeadCount{*number,
                           fmt::format("{}{}{}", module->path, module->path.empty() ? "" : ".", attribute.name)};
        }
      }
      module = module->parent == kNone ? nullptr : &model.modules[module->parent];
    }
    return std::nullopt;
  }
  return std::nullopt;
}

// The first of the plain values that fits.
std::optional<HeadCount> FromPlain(const Model& model, std::span<const std::string_view> names, int64_t size) {
  for (const PlainValue& plain : model.plain) {
    if (plain.kind != PlainKind::kInt || std::ranges::find(names, LastStep(plain.path)) == names.end()) continue;
    auto number = WholeNumber(plain.text);
    if (number && size % *number == 0) return HeadCount{*number, std::string(plain.path)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<AttentionRole> AttentionRoleOf(const Model& model, const Tensor& tensor) {
  (void)model;
  if (tensor.shape.size() != 2 || tensor.shape[0] < 2 || tensor.shape[1] < 2) return std::nullopt;
  std::string_view name = tensor.name.empty() ? tensor.path : tensor.name;
  std::string_view last = LastStep(name);
  if (last == "weight") {
    name.remove_suffix(std::min(name.size(), last.size() + 1));
    last = LastStep(name);
    if (last == "0") {  // diffusers: to_out.0.weight
      name.remove_suffix(std::min<size_t>(name.size(), 2));
      last = LastStep(name);
    }
  } else if (!last.ends_with("_weight")) {
    return std::nullopt;
  }
  const std::string_view above = name.substr(0, name.size() - last.size());
  for (const RoleName& row : kNames) {
    if (last != row.name || (row.needs_attention && !NamesAttention(above))) continue;
    AttentionRole role{row.projection, row.transposed};
    const int64_t size = tensor.shape[role.transposed ? 1 : 0];
    if ((role.projection == kStacked || role.projection == kInterleaved) && size % 3 != 0) return std::nullopt;
    return role;
  }
  return std::nullopt;
}

Result<HeadCount> CountHeads(const Model& model, const Tensor& tensor, const AttentionRole& role, int64_t asked) {
  const int64_t size = SharedSize(tensor, role);
  if (asked > 0) {
    if (size % asked == 0) return HeadCount{asked};
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{} heads do not divide the {} rows of '{}'", asked, size, tensor.name)};
  }
  if (role.projection == kKey || role.projection == kValue) {
    if (auto found = FromPlain(model, kKeyCounts, size)) return *found;
  }
  if (auto found = FromModules(model, tensor); found && size % found->count == 0) return *found;
  if (auto found = FromPlain(model, kCounts, size)) return *found;
  HeadCount assumed{1, "", true};
  if (size % kUsualWidth == 0) {
    assumed.count = size / kUsualWidth;
  } else if (size % kUsualCount == 0) {
    assumed.count = kUsualCount;
  }
  return assumed;
}

HeadParts SplitHeads(const Tensor& tensor, const AttentionRole& role, int64_t heads) {
  HeadParts split;
  const bool by_column = role.transposed != (role.projection == kOutput);
  const int64_t width = SharedSize(tensor, role) / std::max<int64_t>(heads, 1);
  auto add = [&](std::string name, int64_t first, int64_t count) {
    GridRegion region;
    (by_column ? region.column : region.row) = first;
    (by_column ? region.columns : region.rows) = count;
    split.parts.push_back({std::move(name), region});
  };
  static constexpr std::string_view kLetters[] = {"q", "k", "v"};
  const bool threefold = role.projection == kStacked || role.projection == kInterleaved;
  split.columns = threefold ? 3 : 0;
  for (int64_t head = 0; head < heads; ++head) {
    if (!threefold) {
      add(fmt::format("head {}", head), head * width, width);
      continue;
    }
    for (int64_t letter = 0; letter < 3; ++letter) {
      const int64_t block = role.projection == kStacked ? letter * heads + head : head * 3 + letter;
      add(fmt::format("{} {}", kLetters[letter], head), block * width, width);
    }
  }
  return split;
}

}  // namespace pthview::pictures
