#include "lib/formats/torch/torch_walk.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/torch/fx_graph.h"
#include "lib/formats/torch/readable_values.h"
#include "lib/formats/torch/torch_content.h"
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

}  // namespace

bool IsModuleBookkeeping(std::string_view name) {
  return name == "_parameters" || name == "_buffers" || name == "_modules" || name == "training" ||
         name == "_non_persistent_buffers_set" || name == "_backend" || name == "_is_full_backward_hook" ||
         name.ends_with("_hooks") || name.ends_with("_hooks_with_kwargs") || name.ends_with("_hooks_always_called") ||
         name.ends_with("_hook_is_unsafe") || name == "_load_hook" || name == "_initialize_hook" ||
         name == "_version" || name == "call_super_init" || name == "dump_patches" ||
         // of torch.fx: the code stands as the module's source
         name == "_code" || name == "_lineno_map" || name == "_prologue_start";
}

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
  if (options_.content) {
    auto row_of = [&](Value value) {
      if (value.Is(Kind::kObject)) return first_row_[value.index];
      auto found = first_persistent_.find(value.index);
      return found == first_persistent_.end() ? kNone : found->second;
    };
    model_.content = TorchContent(file_, values_, tensors_, forms_, row_of, builder_.arena()).Read();
  }
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
      if (segment.role == WalkRole::kModuleAttributes && IsModuleBookkeeping(key_text)) return;
      AppendTextKey(path_, key_text);
    } else if (pair.first.Is(Kind::kInt)) {
      AppendIndex(path_, pair.first.integer);
    } else if (tensors_.IsTensor(pair.first)) {
      AppendIndex(path_, static_cast<int64_t>(i));  // the states of an Optimizer: its keys are the parameters
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
    if (value.Is(Kind::kNone)) {  // a bias that is not there
      if (role == WalkRole::kSubmodules && place.module != kNone && Spend(key.size() + sizeof(Module) / 8)) {
        Module& module = model_.modules[place.module];
        module.absent.emplace_back(module.children.size(), builder_.arena().Copy(EscapeName(key)));
      }
      return;
    }
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

void WalkTorchPickle(const TorchPickle& file, const NestedStorageReader& nested, ModelBuilder& builder,
                     const WalkOptions& options) {
  const auto first_module = static_cast<Index>(builder.model().modules.size());
  TorchWalk(file, nested, builder, options).Run();
  AddFxGraphs(builder, first_module);
}

}  // namespace pthview
