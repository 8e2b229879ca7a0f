#include "lib/formats/torch/module_forms.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Value;

namespace {

// Arguments and items of a state that are looked through for a module's __dict__.
constexpr size_t kMostPlaces = 16;

Value Text(std::string_view text) {
  Value value;
  value.kind = Kind::kString;
  value.length = static_cast<uint32_t>(text.size());
  value.text = text.data();
  return value;
}

// What __getstate__ of a class gives as a tuple, by the names of its items; weight and bias are its parameters.
struct NamedState {
  std::string_view package;  // the class's module begins with "torch." and holds this
  std::string_view name;     // of the class: how it begins
  size_t fewest;             // items that there must be; what a newer torch added at the end may be missing
  std::span<const std::string_view> items;
};

constexpr std::string_view kQuantizedConv[] = {
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation",   "transposed", "output_padding",
    "groups",      "padding_mode", "weight",      "bias",   "scale",   "zero_point", "training",
};
constexpr std::string_view kSparsePacked[] = {"_packed_params", "training", "dtype"};

constexpr NamedState kNamedStates[] = {
    {"quantized", "Conv", 14, kQuantizedConv},  // also ConvTranspose, ConvReLU, ConvAdd of every dimension
    {"sparse.quantized", "LinearPackedParams", 3, kSparsePacked},
};

bool IsParameterName(std::string_view name) { return name == "weight" || name == "bias"; }

}  // namespace

std::optional<ModuleForm> ModuleForms::Read(Value value) {
  if (!value.Is(Kind::kObject)) return std::nullopt;
  // Most objects are tensors.
  const Object& object = tree_.ObjectOf(value);
  GlobalKind kind = values_.KindOf(object.callable);
  const bool may_be =
      kind == GlobalKind::kUnknown || kind == GlobalKind::kReconstructor || kind == GlobalKind::kNewObject;
  if (!may_be) return std::nullopt;
  auto found = known_.find(value.index);
  if (found == known_.end()) found = known_.emplace(value.index, Find(value)).first;
  return found->second;
}

std::optional<ModuleForm> ModuleForms::Find(Value value) {
  const Object& object = tree_.ObjectOf(value);
  const ClassName type = values_.ClassOf(value);
  const auto args = tree_.Sequence(object.args);
  if (const Value* state = tree_.StateOf(object)) {
    if (auto pairs = values_.Attributes(object)) {
      if (TorchValues::Find(*pairs, "_modules") != nullptr || TorchValues::Find(*pairs, "_parameters") != nullptr) {
        return OfDict(type, *pairs);
      }
    }
    if (auto pairs = ModuleDictInside(*state)) return OfDict(type, *pairs);
    auto items = values_.Items(*state);
    return items ? OfNamedState(type, *items) : std::nullopt;
  }
  if (type.module == "torch._dynamo.eval_frame" && type.name == "OptimizedModule" && !args.empty()) {
    // torch.compile: the module stands beside what compiles it.
    auto& pairs = made_.emplace_back();
    for (size_t i = 0; i < std::min<size_t>(args.size(), 2); ++i) {
      pairs.push_back({Text(i == 0 ? "_orig_mod" : "dynamo_ctx"), args[i]});
    }
    ModuleForm form{.type = type};
    form.submodules = Pairs(pairs).first(1);
    form.attributes = Pairs(pairs).subspan(1);
    return form;
  }
  if (object.made == Object::Made::kReduce && values_.KindOf(object.callable) == GlobalKind::kUnknown) {
    return OfArguments(args, type);
  }
  return std::nullopt;
}

std::optional<ModuleForms::Pairs> ModuleForms::ModuleDict(Value value) {
  if (!value.Is(Kind::kDict)) return std::nullopt;
  auto pairs = values_.Pairs(value);
  if (!pairs) return std::nullopt;
  const Value* modules = TorchValues::Find(*pairs, "_modules");
  const Value* parameters = TorchValues::Find(*pairs, "_parameters");
  const bool both =
      modules != nullptr && parameters != nullptr && values_.Pairs(*modules) && values_.Pairs(*parameters);
  return both ? pairs : std::nullopt;
}

std::optional<ModuleForms::Pairs> ModuleForms::ModuleDictInside(Value state) {
  if (auto pairs = values_.Pairs(state)) {  // {'module': self.__dict__, 'extra': ...}
    for (const Pair& pair : pairs->first(std::min(pairs->size(), kMostPlaces))) {
      if (auto dict = ModuleDict(pair.second)) return dict;
    }
    return std::nullopt;
  }
  auto items = values_.Items(state);
  if (!items) return std::nullopt;
  for (Value item : items->first(std::min(items->size(), kMostPlaces))) {
    if (auto dict = ModuleDict(item)) return dict;
  }
  return std::nullopt;
}

std::optional<ModuleForm> ModuleForms::OfArguments(std::span<const Value> args, const ClassName& callable) {
  for (Value arg : args.first(std::min(args.size(), kMostPlaces))) {
    auto dict = ModuleDict(arg);
    if (!dict) continue;
    // torch.fx keeps the forward method as source text, from which it makes the graph anew.
    ClassName type{"torch.fx.graph_module", "GraphModule", {}};
    const Value* code = TorchValues::Find(*dict, "_code");
    if (code == nullptr) code = TorchValues::Find(*dict, "code");
    const bool graph_module = callable.module.starts_with("torch.fx") || callable.name.empty() || code != nullptr;
    if (!graph_module) type = callable;
    if (code != nullptr && code->IsText()) type.source = code->Text();
    return OfDict(type, *dict);
  }
  return std::nullopt;
}

ModuleForm ModuleForms::OfDict(const ClassName& type, Pairs dict) {
  auto inside = [&](std::string_view name) {
    const Value* value = TorchValues::Find(dict, name);
    auto pairs = value != nullptr ? values_.Pairs(*value) : std::nullopt;
    return pairs.value_or(Pairs{});
  };
  ModuleForm form{.type = type};
  form.parameters = inside("_parameters");
  form.buffers = inside("_buffers");
  form.submodules = inside("_modules");
  form.attributes = dict;
  form.not_persistent = TorchValues::Find(dict, "_non_persistent_buffers_set");
  return form;
}

std::optional<ModuleForm> ModuleForms::OfNamedState(const ClassName& type, std::span<const Value> state) {
  for (const NamedState& row : kNamedStates) {
    if (!type.module.starts_with("torch.") || type.module.find(row.package) == std::string_view::npos) continue;
    if (!type.name.starts_with(row.name) || state.size() < row.fewest || state.size() > row.items.size()) continue;
    auto& parameters = made_.emplace_back();
    auto& attributes = made_.emplace_back();
    for (size_t i = 0; i < state.size(); ++i) {
      (IsParameterName(row.items[i]) ? parameters : attributes).push_back({Text(row.items[i]), state[i]});
    }
    return ModuleForm{.type = type, .parameters = parameters, .attributes = attributes};
  }
  return std::nullopt;
}

}  // namespace pthview
