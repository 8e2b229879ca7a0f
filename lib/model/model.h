// The model: what every format is read into and everything else works from.
//
// A Model owns its sources, an arena for names and shapes, and flat tables; rows refer to each other by index. Tensors
// are views: no weight is read to be listed. Invariants, checked once by ModelBuilder and relied on everywhere after:
// every tensor with data lies inside its storage; strides, offsets and products do not overflow; indices are in range;
// module trees are trees; graphs are in SSA form and acyclic (graph_check.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/dtype.h"
#include "lib/base/finding.h"
#include "lib/base/source.h"
#include "lib/model/attribute_value.h"
#include "lib/model/content.h"
#include "lib/model/index.h"
#include "lib/model/value_type.h"

namespace pthview {

// Where bytes of tensors are. Several tensors may share one (tied weights, views).
struct Storage {
  Index source = kNone;   // into Model::sources; kNone when there are no bytes
  uint64_t offset = 0;    // of the first byte in the source
  uint64_t nbytes = 0;    // bytes really there
  bool left_out = false;  // by its writer, on purpose: that tensors over it have no data is no error
  DType dtype = DType::kUnknown;
  std::string_view key;     // "0", a memory address, ... as the file names it
  std::string_view record;  // "archive/data/0"; empty in legacy files
  std::string_view device;  // "cpu", "cuda:0"
};

// kDense tensors are described by shape/strides/offset over their storage. The others have `components`: the stored
// tensors that make them up (indices, values; scales, zero_points; ...), each a kDense tensor of its own.
enum class Layout : uint8_t { kDense, kSparseCoo, kSparseCsr, kSparseCsc, kSparseBsr, kSparseBsc, kNested, kWrapper };
std::string_view LayoutName(Layout layout);  // "strided", "sparse_coo", ... as torch prints it, without "torch."

enum class TensorKind : uint8_t { kParameter, kBuffer, kConstant, kState };
std::string_view KindName(TensorKind kind);

// Why a tensor has no bytes, or kPresent.
enum class DataState : uint8_t {
  kPresent,
  kMissing,      // its storage record is not in the file, or the file is cut short
  kOutOfBounds,  // it reaches past its storage
  kMeta,         // a meta tensor: never had any
};
std::string_view DataStateName(DataState state);  // "present", "missing", "oob", "meta"

struct Quantization {
  bool per_channel = false;
  double scale = 1.0;      // per tensor
  int64_t zero_point = 0;  // per tensor
  Index scales = kNone;    // per channel: component tensors (into Model::components)
  Index zero_points = kNone;
  int64_t axis = 0;  // per channel
};

struct Component {
  std::string_view name;  // "indices", "values", "crow_indices", "col_indices", "scales", "zero_points", "buffer", ...
  Index tensor = kNone;   // into Model::components
};

struct Tensor {
  std::string_view path;  // where it stands in the file, in escaped form: "state_dict.conv1.weight"
  std::string_view name;  // PyTorch's name: "conv1.weight"
  std::span<const int64_t> shape;
  std::span<const int64_t> strides;  // in elements; same length as shape; empty for layouts other than kDense
  int64_t offset = 0;                // in elements, from the start of the storage
  int64_t numel = 0;
  Index storage = kNone;          // into Model::storages
  Index part = kNone;             // into Model::parts
  Index same_as = kNone;          // an earlier tensor of Model::tensors that is the same Python object
  Index tied = kNone;             // the first tensor of Model::tensors that is this view of the same bytes: itself when
                                  // it is the first of several, kNone when it is alone (tied.h)
  Index state_of = kNone;         // of an optimizer's state: the parameter that it belongs to (Model::tensors)
  Index quantization = kNone;     // into Model::quantizations
  Index first_component = kNone;  // into Model::component_rows; component_count rows from there
  uint32_t component_count = 0;
  DType dtype = DType::kUnknown;
  TensorKind kind = TensorKind::kState;
  Layout layout = Layout::kDense;
  DataState data = DataState::kMissing;
  std::optional<bool> requires_grad;  // nullopt: the file does not say
  bool conj = false;                  // a lazily conjugated view: values are the conjugates of what is stored
  bool neg = false;                   // a lazily negated view
  bool contiguous = false;            // row-major without gaps
  bool persistent = true;             // false for a buffer in _non_persistent_buffers_set
  std::string_view device;            // "cpu", "cuda:0", "meta"; empty when the file does not say
  std::string_view class_name;        // of a tensor subclass, else empty

  // Bytes of the logical elements (numel times item size; 0 when unknown).
  uint64_t nbytes() const { return BytesFor(dtype, numel).value_or(0); }
};

// A plain (non-tensor) leaf of the file: epoch, learning rate, a hyper-parameter. A list or tuple of scalars is one
// leaf; larger structures are walked into. Objects that are not understood are a row of kind kObject, and what is
// inside them follows as rows below it.
enum class PlainKind : uint8_t { kNone, kBool, kInt, kFloat, kString, kBytes, kSequence, kEmpty, kObject };
std::string_view PlainKindName(PlainKind kind);

struct PlainValue {
  std::string_view path;  // "hyper_parameters.lr", "optimizer.param_groups[0].betas"
  std::string_view
      text;  // Python notation without quotes around strings: `0.001`, `adam`, `(0.9, 0.999)`; escaped form
  std::string_view class_name;  // kObject: "argparse.Namespace"
  Index part = kNone;
  PlainKind kind = PlainKind::kNone;
};

enum class Origin : uint8_t { kRecorded, kInferred };
std::string_view OriginName(Origin origin);

struct Attribute {
  std::string name;  // "kernel_size"
  std::string text;  // "(3, 3)": what is shown; never empty where `value` is typed (TypedAttribute)
  Origin origin = Origin::kRecorded;
  AttributeValue value;    // what one computes with; not typed where only the text is known
  Index position = kNone;  // among the operator's arguments, inputs and attributes counted together; kNone: not known
};
// With the text of the value.
Attribute TypedAttribute(std::string name, AttributeValue value, Index position = kNone);

// A node of a module tree. Index 0.. into Model::modules; parents come before their children.
struct Module {
  std::string_view name;              // the last step of the path: "conv1", "0"; empty for a root
  std::string_view path;              // "layer1.0.conv1" (torch's name, relative to the part's root); empty for a root
  std::string_view class_name;        // "torch.nn.modules.conv.Conv2d", or "Conv2d" when inferred; empty: unknown
  Origin origin = Origin::kRecorded;  // of class_name
  Index parent = kNone;
  std::vector<Index> children;  // in the file's order
  std::vector<std::pair<size_t, std::string_view>>
      absent;                  // submodules that are None: children before it, and its name
  std::vector<Index> tensors;  // direct parameters and buffers, in the file's order (into Model::tensors)
  std::vector<Attribute> attributes;
  std::optional<bool> training;
  std::string_view source;  // Python source text that old files carry for the class
};

enum class PartKind : uint8_t { kModel, kEma, kOptimizer, kScheduler, kOther };
std::string_view PartKindName(PartKind kind);

// A top-level section of a checkpoint.
struct Part {
  PartKind kind = PartKind::kOther;
  std::string_view path;    // "state_dict", "optimizer_states[0]"; empty when the whole file is the part
  Index root = kNone;       // its module tree: recorded, or inferred later from names (analysis/structure.h)
  std::string_view prefix;  // a wrapper prefix that all its names carry ("module."), reported and never removed
};

// ---- graphs ----

struct GraphValue {
  std::string name;      // unique within its graph; empty: an argument that is absent
  std::string type;      // what is shown: "float32[1, 3, 224, 224]"; empty: unknown
  Index tensor = kNone;  // into Model::tensors when the value is a weight
  ValueType value_type;  // what one computes with; unknown where only the text is known
};

// Why an edge is in a graph that no file records. Without evidence there is no edge: order in a file is no flow.
enum class EvidenceKind : uint8_t {
  kClass,    // the forward of a recorded class is known
  kPattern,  // names and shapes fit a row of the table of patterns
  kShapes,   // siblings whose sizes chain, and cannot chain otherwise
};
std::string_view EvidenceName(EvidenceKind kind);  // "class", "pattern", "shapes"

struct Evidence {
  EvidenceKind kind = EvidenceKind::kPattern;
  std::string text;  // a short reason: "residual block with a downsample", "torch.nn.Sequential"
};

struct Argument {
  std::string name;           // "input", "weight"
  std::vector<Index> values;  // into Graph::values
  Index evidence = kNone;     // into Graph::evidence: why these values arrive here; kNone: recorded, or a weight
  Index position = kNone;     // as Attribute::position
};

struct Graph;

struct Node {
  std::string name;    // unique within its graph
  std::string domain;  // "torch.nn", "aten", ...
  std::string op;      // "Conv2d", "conv2d"
  std::string overload;
  Index module = kNone;  // into Model::modules: the innermost module whose code the node is of
  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
  std::vector<Attribute> attributes;
  std::vector<Index> blocks;  // into Model::graphs: bodies that are drawn inside this node
  std::string location;       // source line, when the file has it: "model.py:97"
  std::string source;         // the text of that line, where the file has it: "x = self.conv(x)"
  uint32_t call = 0;          // which call of its module it belongs to, where one is called more than once
};

// A named size of the graph's types and the range that it was exported for.
struct SymbolRange {
  std::string name;  // "s0"
  std::optional<int64_t> low;
  std::optional<int64_t> high;
};

// A value that is written back when the graph has run: into a buffer, or into what was passed in.
struct Mutation {
  Index value = kNone;   // into Graph::values
  Index tensor = kNone;  // into Model::tensors: the buffer; or
  Index input = kNone;   // into Graph::values: the input
};

// A method's graph, or the body of a node (a branch of an If, a loop's body, what cond or map call). Nodes stand in the
// order in which they run. A node of a body may use values of the graphs around it: then the body has a value of the
// same name that nothing in it makes.
struct Graph {
  std::string name;  // of the method: "forward"; of an exported program; of a body
  Origin origin = Origin::kRecorded;
  Index part = kNone;
  std::vector<GraphValue> values;
  std::vector<Index> inputs;       // into values; weights are not among them
  std::vector<Index> outputs;      // into values
  std::vector<Node> nodes;         // in topological order
  std::vector<Evidence> evidence;  // kInferred: what Argument::evidence refers to
  std::vector<SymbolRange> symbols;
  std::vector<Mutation> mutations;
};

// ---- the whole ----

struct Model {
  std::string file;         // path as the user gave it
  std::string format;       // "torch-zip", "torch-legacy", ... : the row of the format table
  std::string format_text;  // "PyTorch zip archive, version 3"
  std::string producer;     // "torch 1.6 or later", when it can be told; else empty
  std::vector<std::unique_ptr<ByteSource>> sources;
  std::vector<Storage> storages;
  std::vector<Tensor> tensors;     // every tensor reachable, in the file's order
  std::vector<Tensor> components;  // tensors that stand behind others (sparse indices, scales, ...)
  std::vector<Component> component_rows;
  std::vector<Quantization> quantizations;
  std::vector<PlainValue> plain;  // metadata: every plain leaf, in the file's order
  std::vector<Part> parts;
  std::vector<Module> modules;
  std::vector<Graph> graphs;  // top-level graphs first; graph_roots says which they are
  std::vector<Index> graph_roots;
  std::vector<Finding> findings;
  Content content;  // only when it was asked for
  Arena arena;

  std::span<const Component> ComponentsOf(const Tensor& t) const {
    if (t.first_component == kNone) return {};
    return std::span(component_rows).subspan(t.first_component, t.component_count);
  }
};

}  // namespace pthview
