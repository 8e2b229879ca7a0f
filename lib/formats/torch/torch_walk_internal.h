// The walk behind torch_walk.h: its state, and what each step does. Stepping is in torch_walk.cc, rows in
// torch_walk_rows.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lib/formats/torch/module_forms.h"
#include "lib/formats/torch/packed_params.h"
#include "lib/formats/torch/parts.h"
#include "lib/formats/torch/torch_values.h"
#include "lib/formats/torch/torch_walk.h"

namespace pthview {

// What the children of a container are to it.
enum class WalkRole : uint8_t {
  kEntries,           // of a dict or list
  kAttributes,        // of an object
  kArguments,         // of a call
  kParameters,        // of an nn.Module
  kBuffers,           // of an nn.Module
  kSubmodules,        // of an nn.Module
  kModuleAttributes,  // of an nn.Module: its plain attributes
  kScriptAttributes,  // of a TorchScript object: parameters, submodules and plain values alike
};

struct WalkSegment {
  WalkRole role = WalkRole::kEntries;
  std::span<const pickle::Pair> pairs;  // one of the two
  std::span<const pickle::Value> items;
  size_t size() const { return pairs.empty() ? items.size() : pairs.size(); }
};

// Whether a value stands inside a plain attribute, and of what.
enum class Within : uint8_t {
  kEntries,          // of nothing but dicts, lists and calls
  kObject,           // of an object that is no nn.Module
  kModuleAttribute,  // of an nn.Module, beside its parameters, buffers and submodules: not in its state_dict
};

// Whether an attribute of nn.Module says nothing about the model.
bool IsModuleBookkeeping(std::string_view name);

// A container that is being walked.
struct WalkFrame {
  std::array<WalkSegment, 5> segments;
  uint8_t segment_count = 0;
  uint8_t segment = 0;
  bool again = false;     // walked before from another place
  bool sections = false;  // children are parts of their own
  size_t next = 0;
  size_t path_length = 0;
  uint64_t identity = 0;
  Index part = kNone;
  Index module = kNone;
  Within within = Within::kEntries;
  const pickle::Value* not_persistent = nullptr;  // _non_persistent_buffers_set
  void Add(WalkRole role, std::span<const pickle::Pair> pairs) {
    if (!pairs.empty() && segment_count < segments.size()) segments[segment_count++] = {role, pairs, {}};
  }
  void Add(WalkRole role, std::span<const pickle::Value> items) {
    if (!items.empty() && segment_count < segments.size()) segments[segment_count++] = {role, {}, items};
  }
};

class TorchWalk {
 public:
  TorchWalk(const TorchPickle& file, const NestedStorageReader& nested, ModelBuilder& builder,
            const WalkOptions& options)
      : options_(options),
        file_(file),
        tree_(file.tree),
        builder_(builder),
        model_(builder.model()),
        values_(file),
        tensors_(file, builder, nested),
        forms_(file, values_),
        packed_(file, values_),
        rules_(values_, tensors_, forms_),
        first_row_(file.tree.objects().size(), kNone),
        again_budget_(MostAgain(file.tree)),
        first_part_(static_cast<Index>(builder.model().parts.size())),
        path_(options.path) {
    builder_.AllowInline(InlineAllowance(tree_.end));
    builder_.AllowText(tree_.end * 24);
    // Most objects are tensors, or belong to one.
    model_.tensors.reserve(model_.tensors.size() + tree_.persistent_ids().size());
  }

  void Run();

 private:
  struct Place {
    Index part = kNone;
    Index module = kNone;
    bool again = false;
    bool sections = false;
    const pickle::Value* not_persistent = nullptr;
    Within within = Within::kEntries;
    bool attribute = false;  // of an object
  };
  void Step();
  void Visit(pickle::Value value, WalkRole role, std::string_view key, Place place);

  // A direct child of a checkpoint may be a part of its own.
  void EnterSection(pickle::Value value, std::string_view key, Place& place);
  Index AddPart(PartKind kind);

  // As ModelBuilder::TakeText; false is the end of the walk.
  bool Spend(uint64_t bytes);
  void Open(pickle::Value value, WalkRole role, std::string_view key, const Place& place);

  // Sets up the frame for a container; false when the value was dealt with as a leaf.
  bool Describe(pickle::Value value, WalkRole role, std::string_view key, const Place& place, WalkFrame* frame);
  bool HasState(pickle::Value value) const {
    return value.Is(pickle::Kind::kObject) && tree_.StateOf(tree_.ObjectOf(value)) != nullptr;
  }

  // What TorchScript's pickler wraps in restore_type_tag(value, "List[int]").
  pickle::Value Untagged(pickle::Value value) const;
  // The list inside build_intlist([1, 2]) and its like.
  pickle::Value PlainList(pickle::Value value) const;
  // torch.package's persistent id ('reduce_package', id, function, args): a torch.fx module whose attributes are the
  // first argument, or anything else.
  bool DescribePackaged(pickle::Value value, std::string_view key, const Place& place, WalkFrame* frame);

  void DescribeObject(pickle::Value value, WalkRole role, std::string_view key, const Place& place, WalkFrame* frame);
  static bool OfTraining(PartKind kind) { return kind == PartKind::kOptimizer || kind == PartKind::kScheduler; }

  void DescribeModule(const ModuleForm& form, std::string_view key, const Place& place, WalkFrame* frame);
  // What stands for one object of C++; which is in the state_dict, though it is an attribute.
  pickle::Value Unpacked(pickle::Value value, Place& place);
  void NoteCycle(pickle::Value value);
  void ReportCycles();
  Index AddModule(const ClassName& type, std::span<const pickle::Pair> attributes, std::string_view key,
                  const Place& place);
  bool AddTensor(pickle::Value value, WalkRole role, std::string_view key, const Place& place);
  TensorKind KindOf(pickle::Value value, WalkRole role, const Place& place, const Tensor& tensor) const;
  bool IsNotPersistent(std::string_view key, const Place& place);
  void AddLeaf(pickle::Value value, WalkRole role, std::string_view key, const Place& place);
  std::string ClassOfSimple(pickle::Value value) const;
  void AddPlainRow(PlainKind kind, std::string_view text, std::string_view class_name, WalkRole role,
                   std::string_view key, const Place& place);
  PartKind KindOfRoot(pickle::Value root, RootShape shape);

  // What the file would call when Python loads it, and is known for harm. `scan` tells about all the others.
  void NameDangers();

  // A file without any section that looks like a model, but with tensors, is taken as one.
  void PromoteRootPart();
  template <typename Rows>
  bool UsesRootPart(const Rows& rows) const {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.part == first_part_; });
  }

  // The part of the whole file stays only when something belongs to it.
  void DropUnusedRootPart();

  // Entries of containers that were listed before, and stand in other places too.
  static int64_t MostAgain(const pickle::Tree& tree) { return static_cast<int64_t>(tree.end / 16 + 4096); }

  const WalkOptions options_;
  const TorchPickle& file_;
  const pickle::Tree& tree_;
  ModelBuilder& builder_;
  Model& model_;
  TorchValues values_;
  TensorReader tensors_;
  ModuleForms forms_;
  PackedReader packed_;
  PartRules rules_;
  std::vector<Index> first_row_;  // by object index: the row of a tensor that was listed already
  std::unordered_map<uint32_t, Index> first_persistent_;  // the same by persistent id; only for the content
  int64_t again_budget_;                                  // steps inside containers that were listed before
  bool exhausted_ = false;                                // no text may be written out any more
  bool limited_ = false;
  const Index first_part_;                                     // the root's own part, when it has one
  std::unordered_map<const char*, std::string_view> sources_;  // classes' source texts by where they stand: once each
  std::string path_;
  std::vector<WalkFrame> stack_;
  std::unordered_set<uint64_t> open_;
  std::unordered_set<uint64_t> seen_;
  struct Cycle {
    std::string kind;   // a class, or "dict", "list"
    std::string where;  // the first
    uint64_t count = 0;
  };
  std::vector<Cycle> cycles_;
};

}  // namespace pthview
