// What the containers of a pickle are, and which of their children a walk goes into.
#include <algorithm>
#include <string>

#include "lib/formats/torch/numpy_arrays.h"
#include "lib/formats/torch/torch_walk_internal.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Value;

Value TorchWalk::Untagged(Value value) const {
  // One tag is what is written; a call may be made its own argument.
  for (int tags = 0; tags < 16 && values_.ObjectKind(value) == GlobalKind::kRestoreTypeTag; ++tags) {
    auto args = tree_.Sequence(tree_.ObjectOf(value).args);
    if (args.empty()) break;
    value = args[0];
  }
  return value;
}

Value TorchWalk::Unpacked(Value value, Place& place) {
  auto packed = packed_.Read(value);
  if (!packed) return value;
  place.within = Within::kEntries;
  return packed->several.empty() ? packed->value : value;
}

bool TorchWalk::Describe(Value value, WalkRole role, std::string_view key, const Place& place, WalkFrame* frame) {
  if (auto pairs = values_.Pairs(value)) {
    if (pairs->empty() && !HasState(value)) return AddPlainRow(PlainKind::kEmpty, "{}", {}, role, key, place), false;
    frame->Add(WalkRole::kEntries, *pairs);
    // OrderedDict carries `_metadata` (the modules' versions) as an attribute.
    if (auto attributes = values_.AttributesOf(value)) frame->Add(WalkRole::kAttributes, *attributes);
    return true;
  }
  if (auto items = values_.Items(value)) {
    if (items->empty()) {
      return AddPlainRow(PlainKind::kEmpty, value.Is(Kind::kTuple) ? "()" : "[]", {}, role, key, place), false;
    }
    if (std::all_of(items->begin(), items->end(), TorchValues::IsScalar)) {
      return AddPlainRow(PlainKind::kSequence, pickle::Print(tree_, PlainList(value), builder_.text_left()), {}, role,
                         key, place),
             false;
    }
    frame->Add(WalkRole::kEntries, *items);
    return true;
  }
  if (value.Is(Kind::kObject)) {
    if (auto packed = packed_.Read(value)) {
      frame->Add(WalkRole::kEntries, packed->several);
      return true;
    }
    DescribeObject(value, role, key, place, frame);
    return true;
  }
  if (value.Is(Kind::kPersistent) && DescribePackaged(value, key, place, frame)) return true;
  AddPlainRow(PlainKind::kObject, pickle::Print(tree_, value, 400), {}, role, key, place);
  return false;
}

Value TorchWalk::PlainList(Value value) const {
  GlobalKind kind = values_.ObjectKind(value);
  bool typed = kind == GlobalKind::kIntList || kind == GlobalKind::kDoubleList || kind == GlobalKind::kBoolList;
  return typed ? tree_.Sequence(tree_.ObjectOf(value).args)[0] : value;
}

bool TorchWalk::DescribePackaged(Value value, std::string_view key, const Place& place, WalkFrame* frame) {
  auto id = tree_.Sequence(tree_.PersistentId(value));
  if (id.size() < 3 || !id[0].IsText() || id[0].Text() != "reduce_package") return false;
  auto args = tree_.Sequence(id.back());
  if (args.empty()) return false;
  if (auto form = forms_.OfArguments(args, {})) {
    DescribeModule(*form, key, place, frame);
  } else {
    frame->Add(WalkRole::kArguments, args);
  }
  return true;
}

void TorchWalk::DescribeObject(Value value, WalkRole role, std::string_view key, const Place& place, WalkFrame* frame) {
  const Object& object = tree_.ObjectOf(value);
  ClassName type = values_.ClassOf(value);
  auto attributes = values_.Attributes(object);
  auto args = tree_.Sequence(object.args);
  GlobalKind kind = values_.ObjectKind(value);
  if (TorchValues::IsScalar(object.callable)) {
    builder_.Note(Severity::kWarning, "call-of-value", path_, "it calls a plain value, which Python refuses");
  }
  if (auto form = forms_.Read(value)) return DescribeModule(*form, key, place, frame);
  if (type.module.starts_with("__torch__") && attributes) {
    frame->module = AddModule(type, *attributes, key, place);
    frame->Add(WalkRole::kScriptAttributes, *attributes);
    return;
  }
  // A TorchScript module with __getstate__ (quantized layers): the state is a tuple of its own making.
  bool own_state = type.module.starts_with("__torch__") && !type.module.starts_with("__torch__.torch.classes");
  const Value* state = tree_.StateOf(object);
  auto state_items = state != nullptr ? values_.Items(*state) : std::nullopt;
  if (own_state && state_items) {
    frame->module = AddModule(type, {}, key, place);
    frame->Add(WalkRole::kEntries, *state_items);
    return;
  }
  // Whatever stands among the submodules is one, also when its state does not say so: that of a __getstate__ of its
  // own, of which the names are not known.
  if (role == WalkRole::kSubmodules && state != nullptr) {
    frame->module = AddModule(type, {}, key, place);
    if (attributes) frame->Add(WalkRole::kEntries, *attributes);
    if (!attributes && state_items) frame->Add(WalkRole::kEntries, *state_items);
    return;
  }
  if (auto items = ObjectArrayItems(tree_, file_.meanings, object)) {  // an array of objects is a list of them
    frame->Add(WalkRole::kEntries, *items);
    return;
  }
  AddPlainRow(PlainKind::kObject, pickle::Print(tree_, value, 400), type.Full(), role, key, place);
  bool constructor = kind == GlobalKind::kReconstructor || kind == GlobalKind::kNewObject;
  bool scalars =
      std::all_of(args.begin(), args.end(), [](Value v) { return TorchValues::IsScalar(v) || v.Is(Kind::kGlobal); });
  if (!constructor && !scalars) frame->Add(WalkRole::kArguments, args);
  if (attributes) {
    frame->Add(WalkRole::kAttributes, *attributes);
  } else if (state_items) {
    frame->Add(WalkRole::kAttributes, *state_items);
  }
  frame->Add(WalkRole::kEntries, tree_.ItemsOf(object));
  frame->Add(WalkRole::kEntries, tree_.DictItemsOf(object));
}

void TorchWalk::DescribeModule(const ModuleForm& form, std::string_view key, const Place& place, WalkFrame* frame) {
  Place inside = place;
  // A whole module among hyper-parameters or in a list is a model of its own, with names of its own.
  if (place.module == kNone && model_.parts[place.part].path != path_ && !OfTraining(model_.parts[place.part].kind)) {
    PartKind kind = model_.parts[place.part].kind;
    inside.part = AddPart(kind == PartKind::kOther ? PartKind::kModel : kind);
    frame->part = inside.part;
  }
  frame->module = AddModule(form.type, form.attributes, key, inside);
  frame->not_persistent = form.not_persistent;
  frame->Add(WalkRole::kParameters, form.parameters);
  frame->Add(WalkRole::kBuffers, form.buffers);
  frame->Add(WalkRole::kSubmodules, form.submodules);
  frame->Add(WalkRole::kModuleAttributes, form.attributes);
}

}  // namespace pthview
