// The rows that a walk adds to the model.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/common/tensor_kind.h"
#include "lib/formats/torch/global_judgement.h"
#include "lib/formats/torch/torch_walk_internal.h"
#include "lib/model/path.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Pair;
using pickle::Value;

Index TorchWalk::AddPart(PartKind kind) {
  model_.parts.push_back({.kind = kind, .path = builder_.arena().Copy(path_)});
  return static_cast<Index>(model_.parts.size() - 1);
}

Index TorchWalk::AddModule(const ClassName& type, std::span<const Pair> attributes, std::string_view key,
                           const Place& place) {
  Part& part = model_.parts[place.part];
  Module module;
  module.class_name = builder_.arena().Copy(type.Full());
  module.path = NameWithin(builder_.arena().Copy(path_), part.path.size());
  auto index = static_cast<Index>(model_.modules.size());
  if (place.module != kNone) {
    module.parent = place.module;
  } else if (part.root == kNone) {
    part.root = index;
  } else {
    module.parent = part.root;
  }
  if (module.parent != kNone) {
    module.name = builder_.arena().Copy(key.empty() ? std::string(module.path) : EscapeName(key));
    model_.modules[module.parent].children.push_back(index);
  }
  if (const Value* training = TorchValues::Find(attributes, "training"); training && training->Is(Kind::kBool)) {
    module.training = training->boolean;
  }
  if (!type.source.empty()) {
    auto [at, is_new] = sources_.try_emplace(type.source.data());
    if (is_new) at->second = builder_.arena().Copy(EscapeName(type.source));
    module.source = at->second;
  }
  model_.modules.push_back(std::move(module));
  return index;
}

bool TorchWalk::AddTensor(Value value, WalkRole role, std::string_view key, const Place& place) {
  if (!Spend(path_.size() + sizeof(Tensor) / 8)) return true;
  Index* first = value.Is(Kind::kObject) ? &first_row_[value.index] : nullptr;
  Tensor tensor;
  if (first != nullptr && *first != kNone) {
    tensor = model_.tensors[*first];
    tensor.same_as = *first;
  } else {
    const size_t plain = model_.plain.size();
    const size_t components = model_.components.size();
    auto read = tensors_.Read(value, path_);
    for (size_t i = plain; i < model_.plain.size(); ++i) model_.plain[i].part = place.part;
    for (size_t i = components; i < model_.components.size(); ++i) model_.components[i].part = place.part;
    if (!read) return false;
    tensor = *read;
  }
  const Part& part = model_.parts[place.part];
  tensor.path = builder_.arena().Copy(path_);
  tensor.name = NameWithin(tensor.path, part.path.size());
  tensor.part = place.part;
  tensor.kind = KindOf(value, role, place, tensor);
  tensor.persistent =
      place.within != Within::kModuleAttribute && !(role == WalkRole::kBuffers && IsNotPersistent(key, place));
  Index index = builder_.AddTensor(tensor);
  if (first != nullptr && *first == kNone) *first = index;
  if (first == nullptr && options_.content) first_persistent_.try_emplace(value.index, index);
  if (place.module != kNone) model_.modules[place.module].tensors.push_back(index);
  return true;
}

TensorKind TorchWalk::KindOf(Value value, WalkRole role, const Place& place, const Tensor& tensor) const {
  if (options_.kind) return *options_.kind;
  switch (role) {
    case WalkRole::kParameters: return TensorKind::kParameter;
    case WalkRole::kBuffers: return TensorKind::kBuffer;
    case WalkRole::kModuleAttributes: return TensorKind::kConstant;
    default: break;
  }
  if (tensors_.IsParameter(value)) return TensorKind::kParameter;
  if (place.within == Within::kModuleAttribute) return TensorKind::kConstant;
  if (place.within == Within::kObject && tensor.class_name == "numpy.ndarray") return TensorKind::kState;
  const Part& part = model_.parts[place.part];
  if (part.kind != PartKind::kModel && part.kind != PartKind::kEma) return TensorKind::kState;
  if (IsBufferName(tensor.name)) return TensorKind::kBuffer;
  DTypeClass kind = Info(tensor.dtype).kind;
  bool floating = kind == DTypeClass::kFloat || kind == DTypeClass::kComplex || kind == DTypeClass::kQuantized;
  return floating ? TensorKind::kParameter : TensorKind::kBuffer;
}

bool TorchWalk::IsNotPersistent(std::string_view key, const Place& place) {
  if (place.not_persistent == nullptr) return false;
  auto names = values_.Items(*place.not_persistent);
  return names && std::any_of(names->begin(), names->end(), [&](Value v) { return v.IsText() && v.Text() == key; });
}

void TorchWalk::AddLeaf(Value value, WalkRole role, std::string_view key, const Place& place) {
  bool text = value.IsText();
  if (text && !Spend(value.length)) return;
  std::string printed = text                      ? EscapeName(value.Text())
                        : value.Is(Kind::kGlobal) ? values_.SimpleText(value)
                                                  : pickle::Print(tree_, value, builder_.text_left());
  AddPlainRow(TorchValues::PlainKindOf(value), printed, value.Is(Kind::kGlobal) ? "type" : "", role, key, place);
}

std::string TorchWalk::ClassOfSimple(Value value) const {
  ClassName name = values_.ClassOf(value);
  // getattr(Colour, 'RED') is a Colour.
  auto args = value.Is(Kind::kObject) ? tree_.Sequence(tree_.ObjectOf(value).args) : std::span<const Value>{};
  if (name.name == "getattr" && args.size() == 2 && args[0].Is(Kind::kGlobal)) {
    name = {tree_.GlobalOf(args[0]).module, tree_.GlobalOf(args[0]).name, {}};
  }
  return name.Full();
}

void TorchWalk::AddPlainRow(PlainKind kind, std::string_view text, std::string_view class_name, WalkRole role,
                            std::string_view key, const Place& place) {
  if (!Spend(path_.size() + text.size())) return;
  bool of_module = role == WalkRole::kModuleAttributes || role == WalkRole::kScriptAttributes;
  if (of_module && place.module != kNone && kind != PlainKind::kEmpty) {
    bool internal = key == "training" || key == "_is_full_backward_hook";
    if (role == WalkRole::kScriptAttributes && internal) return;
    model_.modules[place.module].attributes.push_back({EscapeName(key), std::string(text), Origin::kRecorded});
    return;
  }
  if (of_module) return;
  PlainValue row;
  row.path = builder_.arena().Copy(path_);
  row.text = builder_.arena().Copy(text);
  row.class_name = builder_.arena().Copy(class_name);
  row.part = place.part;
  row.kind = kind;
  builder_.AddPlain(row);
}

PartKind TorchWalk::KindOfRoot(Value root, RootShape shape) {
  if (shape == RootShape::kStateDict || shape == RootShape::kModule || tensors_.IsTensor(root)) return PartKind::kModel;
  return rules_.IsOptimizer(root) ? PartKind::kOptimizer : PartKind::kOther;
}

void TorchWalk::NameDangers() {
  for (const pickle::Global& global : tree_.globals()) {
    if (JudgeGlobal(global.module, global.name) != Judgement::kDangerous) continue;
    builder_.Note(
        Severity::kDanger, "dangerous-global", ClassName{global.module, global.name, {}}.Full(),
        fmt::format("loading this file with Python would reach {} (byte {} of the pickle); pthview runs nothing",
                    ClassName{global.module, global.name, {}}.Full(), global.position));
  }
}

void TorchWalk::PromoteRootPart() {
  bool any = std::any_of(model_.parts.begin() + first_part_, model_.parts.end(),
                         [](const Part& part) { return part.kind == PartKind::kModel || part.kind == PartKind::kEma; });
  Part& root = model_.parts[first_part_];
  if (!any && root.kind == PartKind::kOther && UsesRootPart(model_.tensors)) root.kind = PartKind::kModel;
}

void TorchWalk::DropUnusedRootPart() {
  if (model_.parts.size() == first_part_ + 1 || model_.parts[first_part_].root != kNone) return;
  if (UsesRootPart(model_.tensors) || UsesRootPart(model_.plain)) return;
  model_.parts.erase(model_.parts.begin() + first_part_);
  auto move_up = [&](auto& rows) {
    for (auto& row : rows) {
      if (row.part != kNone && row.part > first_part_) --row.part;
    }
  };
  move_up(model_.tensors);
  move_up(model_.plain);
}

}  // namespace pthview
