#include "lib/formats/torch_walk.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/global_judgement.h"
#include "lib/formats/parts.h"
#include "lib/formats/torch_values.h"
#include "lib/model/path.h"
#include "lib/pickle/print.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Value;

// What the children of a container are to it.
enum class Role : uint8_t {
  kEntries,           // of a dict or list
  kAttributes,        // of an object
  kArguments,         // of a call
  kParameters,        // of an nn.Module
  kBuffers,           // of an nn.Module
  kSubmodules,        // of an nn.Module
  kModuleAttributes,  // of an nn.Module: its plain attributes
  kScriptAttributes,  // of a TorchScript object: parameters, submodules and plain values alike
};

struct Segment {
  Role role = Role::kEntries;
  std::span<const Pair> pairs;  // one of the two
  std::span<const Value> items;
  size_t size() const { return pairs.empty() ? items.size() : pairs.size(); }
};

// A container that is being walked.
struct Frame {
  std::array<Segment, 5> segments;
  uint8_t segment_count = 0;
  uint8_t segment = 0;
  bool again = false;     // walked before from another place
  bool sections = false;  // children are parts of their own
  size_t next = 0;
  size_t path_length = 0;
  uint64_t identity = 0;
  Index part = kNone;
  Index module = kNone;
  const Value* not_persistent = nullptr;  // _non_persistent_buffers_set
  void Add(Role role, std::span<const Pair> pairs) {
    if (!pairs.empty() && segment_count < segments.size()) segments[segment_count++] = {role, pairs, {}};
  }
  void Add(Role role, std::span<const Value> items) {
    if (!items.empty() && segment_count < segments.size()) segments[segment_count++] = {role, {}, items};
  }
};

// Nothing real nests deeper; a path of that many steps could not be shown either.
constexpr size_t kMaxDepth = 10000;
constexpr int kMaxSectionDepth = 4;

// Bookkeeping of nn.Module that says nothing about the model.
bool IsInternalAttribute(std::string_view name) {
  return name == "_parameters" || name == "_buffers" || name == "_modules" || name == "training" ||
         name == "_non_persistent_buffers_set" || name == "_backend" || name == "_is_full_backward_hook" ||
         name.ends_with("_hooks") || name.ends_with("_hooks_with_kwargs") || name.ends_with("_hooks_always_called") ||
         name.ends_with("_hook_is_unsafe") || name == "_version" || name == "call_super_init" || name == "dump_patches";
}

bool IsBufferName(std::string_view name) {
  size_t dot = name.rfind('.');
  if (dot != std::string_view::npos) name.remove_prefix(dot + 1);
  return name == "running_mean" || name == "running_var" || name == "num_batches_tracked";
}

class Walk {
 public:
  Walk(const TorchPickle& file, const NestedStorageReader& nested, ModelBuilder& builder, const WalkOptions& options)
      : options_(options),
        file_(file),
        tree_(file.tree),
        builder_(builder),
        model_(builder.model()),
        values_(file),
        tensors_(file, builder, nested),
        rules_(values_, tensors_),
        first_row_(file.tree.objects().size(), kNone),
        again_budget_(static_cast<int64_t>(file.tree.end / 16 + 4096)),
        first_part_(static_cast<Index>(builder.model().parts.size())),
        path_(options.path) {
    // Most objects are tensors, or belong to one.
    model_.tensors.reserve(model_.tensors.size() + tree_.persistent_ids().size());
  }

  void Run() {
    Value root = tree_.root;
    RootShape shape = rules_.ShapeOf(root);
    Place place{.part = options_.part};
    if (options_.part == kNone) {
      place.part = AddPart(options_.part_kind.value_or(KindOfRoot(root, shape)));
      place.sections = !options_.part_kind && (shape == RootShape::kCheckpoint || shape == RootShape::kOther);
    }
    Visit(root, Role::kEntries, {}, place);
    while (!stack_.empty()) Step();
    if (limited_) {
      builder_.Note(Severity::kWarning, "shared-containers", "",
                    "containers that stand in many places are listed at the first ones only");
    }
    NameDangers();
    if (options_.part != kNone) return;
    if (!options_.part_kind) PromoteRootPart();
    DropUnusedRootPart();
  }

 private:
  struct Place {
    Index part = kNone;
    Index module = kNone;
    bool again = false;
    bool sections = false;
    const Value* not_persistent = nullptr;
  };

  void Step() {
    Frame& frame = stack_.back();
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
    const Segment& segment = frame.segments[frame.segment];
    size_t i = frame.next++;
    if (frame.again && --again_budget_ < 0) {
      limited_ = true;
      return;
    }
    Place place{frame.part, frame.module, frame.again, frame.sections, frame.not_persistent};
    std::string_view key_text;
    Value child;
    if (!segment.pairs.empty()) {
      const Pair& pair = segment.pairs[i];
      if (pair.first.IsText()) {
        key_text = pair.first.Text();
        if (segment.role == Role::kModuleAttributes && IsInternalAttribute(key_text)) return;
        AppendTextKey(path_, key_text);
      } else if (pair.first.Is(Kind::kInt)) {
        AppendIndex(path_, pair.first.integer);
      } else {
        AppendOtherKey(path_, pickle::Print(tree_, pair.first, 200));
      }
      child = pair.second;
    } else {
      if (segment.role == Role::kArguments) path_ += path_.empty() ? "args" : ".args";
      AppendIndex(path_, static_cast<int64_t>(i));
      child = segment.items[i];
    }
    Visit(child, segment.role, key_text, place);
  }

  void Visit(Value value, Role role, std::string_view key, Place place) {
    if (place.sections) EnterSection(value, key, place);
    if (tensors_.IsTensor(value)) {
      if (AddTensor(value, role, key, place)) return;
      builder_.Note(Severity::kError, "tensor-unread", path_,
                    "a call that would rebuild a tensor has arguments that are not understood");
    }
    if (role == Role::kSubmodules || role == Role::kParameters || role == Role::kBuffers) {
      if (value.Is(Kind::kNone)) return;  // a bias that is not there
    }
    if (TorchValues::IsScalar(value) || value.Is(Kind::kGlobal)) return AddLeaf(value, role, key, place);
    std::string simple = values_.SimpleText(value);
    if (!simple.empty()) return AddPlainRow(PlainKind::kObject, simple, ClassOfSimple(value), role, key, place);
    Open(value, role, key, place);
  }

  // A direct child of a checkpoint may be a part of its own.
  void EnterSection(Value value, std::string_view key, Place& place) {
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
    PartKind kind = rules_.KindOf(key, value);
    if (kind == PartKind::kOther) return;
    place.part = AddPart(kind);
    place.module = kNone;
  }

  Index AddPart(PartKind kind) {
    model_.parts.push_back({.kind = kind, .path = builder_.arena().Copy(path_)});
    return static_cast<Index>(model_.parts.size() - 1);
  }

  void Open(Value value, Role role, std::string_view key, const Place& place) {
    Frame frame;
    frame.path_length = path_.size();
    frame.part = place.part;
    frame.module = place.module;
    frame.sections = place.sections;
    frame.again = place.again;
    frame.identity = pickle::Tree::Identity(value);
    bool known = Describe(value, role, key, place, &frame);
    if (!known || frame.segment_count == 0) return;
    if (open_.contains(frame.identity)) {
      builder_.Note(Severity::kInfo, "cycle", path_, "it contains itself");
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

  // Sets up the frame for a container; false when the value was dealt with as a leaf.
  bool Describe(Value value, Role role, std::string_view key, const Place& place, Frame* frame) {
    if (auto pairs = values_.Pairs(value)) {
      if (pairs->empty() && !HasState(value)) return AddPlainRow(PlainKind::kEmpty, "{}", {}, role, key, place), false;
      frame->Add(Role::kEntries, *pairs);
      // OrderedDict carries `_metadata` (the modules' versions) as an attribute.
      if (auto attributes = values_.AttributesOf(value)) frame->Add(Role::kAttributes, *attributes);
      return true;
    }
    if (auto items = values_.Items(value)) {
      if (items->empty()) {
        return AddPlainRow(PlainKind::kEmpty, value.Is(Kind::kTuple) ? "()" : "[]", {}, role, key, place), false;
      }
      if (std::all_of(items->begin(), items->end(), TorchValues::IsScalar)) {
        Value printed = value;
        return AddPlainRow(PlainKind::kSequence, pickle::Print(tree_, printed, SIZE_MAX), {}, role, key, place), false;
      }
      frame->Add(Role::kEntries, *items);
      return true;
    }
    if (value.Is(Kind::kObject)) {
      DescribeObject(value, role, key, place, frame);
      return true;
    }
    AddPlainRow(PlainKind::kObject, pickle::Print(tree_, value, 400), {}, role, key, place);
    return false;
  }

  bool HasState(Value value) const { return value.Is(Kind::kObject) && tree_.ObjectOf(value).has_state; }

  void DescribeObject(Value value, Role role, std::string_view key, const Place& place, Frame* frame) {
    const Object& object = tree_.ObjectOf(value);
    ClassName type = values_.ClassOf(value);
    auto attributes = values_.Attributes(object);
    auto args = tree_.Sequence(object.args);
    GlobalKind kind = values_.ObjectKind(value);
    if (kind == GlobalKind::kRestoreTypeTag && !args.empty()) {  // (value, "List[int]")
      frame->Add(Role::kEntries, args.first(1));
      return;
    }
    if (rules_.IsModule(value)) return DescribeModule(type, *attributes, key, place, frame);
    if (type.module.starts_with("__torch__") && attributes) {
      frame->module = AddModule(type, *attributes, key, place);
      frame->Add(Role::kScriptAttributes, *attributes);
      return;
    }
    AddPlainRow(PlainKind::kObject, pickle::Print(tree_, value, 400), type.Full(), role, key, place);
    bool constructor = kind == GlobalKind::kReconstructor || kind == GlobalKind::kNewObject;
    bool scalars =
        std::all_of(args.begin(), args.end(), [](Value v) { return TorchValues::IsScalar(v) || v.Is(Kind::kGlobal); });
    if (!constructor && !scalars) frame->Add(Role::kArguments, args);
    if (attributes) {
      frame->Add(Role::kAttributes, *attributes);
    } else if (object.has_state && values_.Items(object.state)) {
      frame->Add(Role::kAttributes, *values_.Items(object.state));
    }
    frame->Add(Role::kEntries, tree_.ItemsOf(object));
    frame->Add(Role::kEntries, tree_.DictItemsOf(object));
  }

  static bool OfTraining(PartKind kind) { return kind == PartKind::kOptimizer || kind == PartKind::kScheduler; }

  void DescribeModule(const ClassName& type, std::span<const Pair> attributes, std::string_view key, const Place& place,
                      Frame* frame) {
    Place inside = place;
    // A whole module among hyper-parameters or in a list is a model of its own, with names of its own.
    if (place.module == kNone && model_.parts[place.part].path != path_ && !OfTraining(model_.parts[place.part].kind)) {
      PartKind kind = model_.parts[place.part].kind;
      inside.part = AddPart(kind == PartKind::kOther ? PartKind::kModel : kind);
      frame->part = inside.part;
    }
    frame->module = AddModule(type, attributes, key, inside);
    auto dict = [&](std::string_view name) {
      const Value* value = TorchValues::Find(attributes, name);
      auto pairs = value != nullptr ? values_.Pairs(*value) : std::nullopt;
      return pairs.value_or(std::span<const Pair>{});
    };
    frame->not_persistent = TorchValues::Find(attributes, "_non_persistent_buffers_set");
    frame->Add(Role::kParameters, dict("_parameters"));
    frame->Add(Role::kBuffers, dict("_buffers"));
    frame->Add(Role::kSubmodules, dict("_modules"));
    frame->Add(Role::kModuleAttributes, attributes);
  }

  Index AddModule(const ClassName& type, std::span<const Pair> attributes, std::string_view key, const Place& place) {
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
    if (!type.source.empty()) module.source = builder_.arena().Copy(EscapeName(type.source));
    model_.modules.push_back(std::move(module));
    return index;
  }

  bool AddTensor(Value value, Role role, std::string_view key, const Place& place) {
    Index* first = value.Is(Kind::kObject) ? &first_row_[value.index] : nullptr;
    Tensor tensor;
    if (first != nullptr && *first != kNone) {
      tensor = model_.tensors[*first];
      tensor.same_as = *first;
    } else {
      auto read = tensors_.Read(value, path_);
      if (!read) return false;
      tensor = *read;
    }
    const Part& part = model_.parts[place.part];
    tensor.path = builder_.arena().Copy(path_);
    tensor.name = NameWithin(tensor.path, part.path.size());
    tensor.part = place.part;
    tensor.kind = KindOf(value, role, part, tensor);
    tensor.persistent = role != Role::kModuleAttributes && !(role == Role::kBuffers && IsNotPersistent(key, place));
    Index index = builder_.AddTensor(tensor);
    if (first != nullptr && *first == kNone) *first = index;
    if (place.module != kNone) model_.modules[place.module].tensors.push_back(index);
    return true;
  }

  TensorKind KindOf(Value value, Role role, const Part& part, const Tensor& tensor) const {
    if (options_.kind) return *options_.kind;
    switch (role) {
      case Role::kParameters: return TensorKind::kParameter;
      case Role::kBuffers: return TensorKind::kBuffer;
      case Role::kModuleAttributes: return TensorKind::kConstant;
      default: break;
    }
    if (tensors_.IsParameter(value)) return TensorKind::kParameter;
    if (part.kind != PartKind::kModel && part.kind != PartKind::kEma) return TensorKind::kState;
    if (IsBufferName(tensor.name)) return TensorKind::kBuffer;
    DTypeClass kind = Info(tensor.dtype).kind;
    bool floating = kind == DTypeClass::kFloat || kind == DTypeClass::kComplex || kind == DTypeClass::kQuantized;
    return floating ? TensorKind::kParameter : TensorKind::kBuffer;
  }

  bool IsNotPersistent(std::string_view key, const Place& place) {
    if (place.not_persistent == nullptr) return false;
    auto names = values_.Items(*place.not_persistent);
    return names && std::any_of(names->begin(), names->end(), [&](Value v) { return v.IsText() && v.Text() == key; });
  }

  void AddLeaf(Value value, Role role, std::string_view key, const Place& place) {
    static constexpr std::pair<Kind, PlainKind> kKinds[] = {
        {Kind::kNone, PlainKind::kNone},   {Kind::kBool, PlainKind::kBool},       {Kind::kInt, PlainKind::kInt},
        {Kind::kBigInt, PlainKind::kInt},  {Kind::kFloat, PlainKind::kFloat},     {Kind::kString, PlainKind::kString},
        {Kind::kBytes, PlainKind::kBytes}, {Kind::kByteArray, PlainKind::kBytes}, {Kind::kGlobal, PlainKind::kObject},
    };
    PlainKind kind = PlainKind::kObject;
    for (auto [from, to] : kKinds) {
      if (from == value.kind) kind = to;
    }
    bool python2_text = value.Is(Kind::kBytes) && value.flag;
    if (python2_text) kind = PlainKind::kString;
    bool text = value.IsText();
    std::string printed = text                      ? EscapeName(value.Text())
                          : value.Is(Kind::kGlobal) ? values_.SimpleText(value)
                                                    : pickle::Print(tree_, value, SIZE_MAX);
    AddPlainRow(kind, printed, value.Is(Kind::kGlobal) ? "type" : "", role, key, place);
  }

  std::string ClassOfSimple(Value value) const {
    ClassName name = values_.ClassOf(value);
    return name.Full();
  }

  void AddPlainRow(PlainKind kind, std::string_view text, std::string_view class_name, Role role, std::string_view key,
                   const Place& place) {
    bool of_module = role == Role::kModuleAttributes || role == Role::kScriptAttributes;
    if (of_module && place.module != kNone && kind != PlainKind::kEmpty) {
      if (role == Role::kScriptAttributes && key == "training") return;
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

  PartKind KindOfRoot(Value root, RootShape shape) {
    if (shape == RootShape::kStateDict || shape == RootShape::kModule || tensors_.IsTensor(root))
      return PartKind::kModel;
    auto pairs = values_.Pairs(root);
    bool optimizer =
        pairs && TorchValues::Find(*pairs, "param_groups") != nullptr && TorchValues::Find(*pairs, "state") != nullptr;
    return optimizer ? PartKind::kOptimizer : PartKind::kOther;
  }

  // What the file would call when Python loads it, and is known for harm. `scan` tells about all the others.
  void NameDangers() {
    for (const pickle::Global& global : tree_.globals()) {
      if (JudgeGlobal(global.module, global.name) != Judgement::kDangerous) continue;
      builder_.Note(
          Severity::kDanger, "dangerous-global", ClassName{global.module, global.name, {}}.Full(),
          fmt::format("loading this file with Python would reach {} (byte {} of the pickle); pthview runs nothing",
                      ClassName{global.module, global.name, {}}.Full(), global.position));
    }
  }

  // A file without any section that looks like a model, but with tensors, is taken as one.
  void PromoteRootPart() {
    bool any = std::any_of(model_.parts.begin() + first_part_, model_.parts.end(), [](const Part& part) {
      return part.kind == PartKind::kModel || part.kind == PartKind::kEma;
    });
    Part& root = model_.parts[first_part_];
    if (!any && root.kind == PartKind::kOther && UsesRootPart(model_.tensors)) root.kind = PartKind::kModel;
  }

  template <typename Rows>
  bool UsesRootPart(const Rows& rows) const {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.part == first_part_; });
  }

  // The part of the whole file stays only when something belongs to it.
  void DropUnusedRootPart() {
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

  const WalkOptions options_;
  const TorchPickle& file_;
  const pickle::Tree& tree_;
  ModelBuilder& builder_;
  Model& model_;
  TorchValues values_;
  TensorReader tensors_;
  PartRules rules_;
  std::vector<Index> first_row_;  // by object index: the row of a tensor that was listed already
  int64_t again_budget_;
  bool limited_ = false;
  const Index first_part_;  // the root's own part, when it has one
  std::string path_;
  std::vector<Frame> stack_;
  std::unordered_set<uint64_t> open_;
  std::unordered_set<uint64_t> seen_;
};

}  // namespace

void WalkTorchPickle(const TorchPickle& file, const NestedStorageReader& nested, ModelBuilder& builder,
                     const WalkOptions& options) {
  Walk(file, nested, builder, options).Run();
}

}  // namespace pthview
