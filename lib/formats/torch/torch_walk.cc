#include "lib/formats/torch/torch_walk.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/formats/torch/readable_values.h"
#include "lib/formats/torch/torch_walk_internal.h"
#include "lib/model/path.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Value;

namespace {

// Nothing real nests deeper; a path of that many steps could not be shown either.
constexpr size_t kMaxDepth = 10000;
constexpr int kMaxSectionDepth = 4;

bool IsUnhashable(Value key) { return key.Is(Kind::kList) || key.Is(Kind::kDict) || (key.Is(Kind::kSet) && !key.flag); }

bool IsFilled(const pickle::Tree& tree, const Object& object) {
  return !tree.ItemsOf(object).empty() || !tree.DictItemsOf(object).empty();
}

// Bookkeeping of nn.Module that says nothing about the model.
bool IsInternalAttribute(std::string_view name) {
  return name == "_parameters" || name == "_buffers" || name == "_modules" || name == "training" ||
         name == "_non_persistent_buffers_set" || name == "_backend" || name == "_is_full_backward_hook" ||
         name.ends_with("_hooks") || name.ends_with("_hooks_with_kwargs") || name.ends_with("_hooks_always_called") ||
         name.ends_with("_hook_is_unsafe") || name == "_version" || name == "call_super_init" ||
         name == "dump_patches" ||
         // of torch.fx: the code stands as the module's source
         name == "_code" || name == "_lineno_map" || name == "_prologue_start";
}

}  // namespace

void TorchWalk::Run() {
  Value root = tree_.root;
  RootShape shape = rules_.ShapeOf(root);
  Place place{.part = options_.part};
  if (options_.part == kNone) {
    place.part = AddPart(options_.part_kind.value_or(KindOfRoot(root, shape)));
    place.sections = !options_.part_kind && model_.parts[place.part].kind != PartKind::kOptimizer &&
                     (shape == RootShape::kCheckpoint || shape == RootShape::kOther);
  }
  Visit(root, WalkRole::kEntries, {}, place);
  while (!stack_.empty() && !exhausted_) Step();
  if (limited_) {
    builder_.Note(Severity::kWarning, "shared-containers", "",
                  fmt::format("containers that stand in many places are listed at the first ones only, with no more "
                              "than {} entries",
                              MostAgain(tree_)));
  }
  NameDangers();
  ReportCycles();
  tensors_.Report();
  if (options_.part != kNone) return;
  if (!options_.part_kind) PromoteRootPart();
  DropUnusedRootPart();
}

void TorchWalk::Step() {
  WalkFrame& frame = stack_.back();
  path_.resize(frame.path_length);
  while (frame.segment < frame.segment_count && frame.next == frame.segments[frame.segment].size()) {
    ++frame.segment;
    frame.next = 0;
  }
  if (frame.segment == frame.segment_count) {
    open_.erase(frame.identity);
    stack_.pop_back();
    return;
  }
  const WalkSegment& segment = frame.segments[frame.segment];
  size_t i = frame.next++;
  if (frame.again && --again_budget_ < 0) {
    limited_ = true;
    return;
  }
  Place place{frame.part, frame.module, frame.again, frame.sections, frame.not_persistent, frame.within};
  place.attribute = segment.role == WalkRole::kAttributes;
  if (segment.role == WalkRole::kModuleAttributes) place.within = Within::kModuleAttribute;
  if (place.attribute && place.within == Within::kEntries) place.within = Within::kObject;
  std::string_view key_text;
  Value child;
  if (!segment.pairs.empty()) {
    const Pair& pair = segment.pairs[i];
    if (pair.first.IsText()) {
      key_text = pair.first.Text();
      if (segment.role == WalkRole::kModuleAttributes && IsInternalAttribute(key_text)) return;
      AppendTextKey(path_, key_text);
    } else if (pair.first.Is(Kind::kInt)) {
      AppendIndex(path_, pair.first.integer);
    } else {
      AppendOtherKey(path_, pickle::Print(tree_, pair.first, 200));
      if (IsUnhashable(pair.first)) {
        builder_.Note(Severity::kWarning, "key-unhashable", path_, "Python refuses a container as a key");
      }
    }
    child = pair.second;
  } else {
    if (segment.role == WalkRole::kArguments) path_ += path_.empty() ? "args" : ".args";
    AppendIndex(path_, static_cast<int64_t>(i));
    child = segment.items[i];
  }
  Visit(child, segment.role, key_text, place);
}

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

void TorchWalk::Visit(Value value, WalkRole role, std::string_view key, Place place) {
  value = Unpacked(WithoutConfigNodes(tree_, Untagged(value)), place);
  if (place.sections) EnterSection(value, key, place);
  if (tensors_.IsTensor(value)) {
    if (AddTensor(value, role, key, place)) {
      if (value.Is(Kind::kObject) && IsFilled(tree_, tree_.ObjectOf(value))) {
        builder_.Note(Severity::kWarning, "tensor-filled", path_,
                      "loading it sets or appends items to this tensor, which is not done here");
      }
      return;
    }
    builder_.Note(Severity::kError, "tensor-unread", path_,
                  "a call that would rebuild a tensor has arguments that are not understood");
  }
  if (role == WalkRole::kSubmodules || role == WalkRole::kParameters || role == WalkRole::kBuffers) {
    if (value.Is(Kind::kNone)) return;  // a bias that is not there
  }
  if (TorchValues::IsScalar(value) || value.Is(Kind::kGlobal)) return AddLeaf(value, role, key, place);
  std::string simple = values_.SimpleText(value);
  if (!simple.empty()) return AddPlainRow(PlainKind::kObject, simple, ClassOfSimple(value), role, key, place);
  Open(value, role, key, place);
}

void TorchWalk::EnterSection(Value value, std::string_view key, Place& place) {
  place.sections = false;
  if (stack_.empty()) {  // the root itself: its children are the sections
    place.sections = true;
    return;
  }
  if (TorchValues::IsScalar(value) || tensors_.IsTensor(value)) return;
  if (static_cast<int>(stack_.size()) < kMaxSectionDepth && rules_.IsNestedCheckpoint(value)) {
    place.sections = true;
    return;
  }
  PartKind kind = place.attribute ? rules_.KindOfAttribute(key, value) : rules_.KindOf(key, value);
  if (kind == PartKind::kOther) return;
  place.part = AddPart(kind);
  place.module = kNone;
}

bool TorchWalk::Spend(uint64_t bytes) {
  if (!exhausted_ && !builder_.TakeText(bytes)) exhausted_ = true;
  return !exhausted_;
}

void TorchWalk::Open(Value value, WalkRole role, std::string_view key, const Place& place) {
  if (!Spend(path_.size())) return;
  WalkFrame frame;
  frame.path_length = path_.size();
  frame.part = place.part;
  frame.module = place.module;
  frame.sections = place.sections;
  frame.again = place.again;
  frame.within = place.within;
  frame.identity = pickle::Tree::Identity(value);
  bool known = Describe(value, role, key, place, &frame);
  if (!known || frame.segment_count == 0) return;
  if (open_.contains(frame.identity)) {
    NoteCycle(value);
    return;
  }
  if (stack_.size() >= kMaxDepth) {
    builder_.Note(Severity::kError, "nesting", path_.substr(0, 200),
                  fmt::format("what is nested more than {} levels deep is not listed", kMaxDepth));
    return;
  }
  if (!seen_.insert(frame.identity).second) frame.again = true;
  open_.insert(frame.identity);
  stack_.push_back(frame);
}

void TorchWalk::NoteCycle(Value value) {
  std::string kind = value.Is(Kind::kObject) ? values_.ClassOf(value).Full() : value.Is(Kind::kDict) ? "dict" : "list";
  for (Cycle& cycle : cycles_) {
    if (cycle.kind != kind) continue;
    ++cycle.count;
    return;
  }
  constexpr size_t kMostKinds = 20;
  if (cycles_.size() < kMostKinds) cycles_.push_back({std::move(kind), path_, 1});
}

void TorchWalk::ReportCycles() {
  for (const Cycle& cycle : cycles_) {
    std::string more = cycle.count == 1 ? "" : fmt::format(", as do {} more of {}", cycle.count - 1, cycle.kind);
    builder_.Note(Severity::kInfo, "cycle", cycle.where, "it contains itself" + more);
  }
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

void WalkTorchPickle(const TorchPickle& file, const NestedStorageReader& nested, ModelBuilder& builder,
                     const WalkOptions& options) {
  TorchWalk(file, nested, builder, options).Run();
}

}  // namespace pthview
