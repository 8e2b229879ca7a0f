// The inferred graph as ONNX nodes: containers are dissolved, each layer is a node, values run where an edge of the
// graph does.
//
// A layer that ONNX has an operator for is that operator (layer_operators.h), the rest are nodes of domain `pthview`
// whose op_type is the layer's class, with all its weights. What nothing is known to feed takes an input of its own,
// for ONNX's operators cannot be without.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "converters/onnx/initializers.h"
#include "converters/onnx/join_operators.h"
#include "converters/onnx/layer.h"
#include "converters/onnx/unique_names.h"
#include "converters/onnx/value_types.h"
#include "lib/base/text_hash.h"
#include "lib/model/model.h"
#include "pthview_onnx.pb.h"

namespace pthview {

inline constexpr char kNodeDomain[] = "pthview";
inline constexpr std::string_view kParameter = "Parameter";  // lib/analysis/structure's node for a tensor beside layers

class GraphNodes {
 public:
  // `values` holds the initializers' names already. Operators that opset `newest` does not have are not used.
  GraphNodes(const Model& model, const Initializers& initializers, UniqueNames& values, int newest)
      : model_(model), initializers_(initializers), values_(values), newest_(newest) {}

  // Appends the nodes of a top-level graph, and its inputs and outputs, unless nothing of it is selected.
  void Add(const Graph& graph);
  // After all graphs. Where every node is ONNX's own, a runtime could take the model for one that runs, with settings
  // that nobody knows: a last node of domain `pthview` keeps it from that.
  void Finish();

  // Fields `node` of a GraphProto in wire format.
  const std::string& wire() const { return wire_; }
  // What goes beside them: inputs and outputs.
  const pthview_onnx::GraphProto& frame() const { return frame_; }
  size_t count() const { return count_; }
  // The oldest opset that has all operators.
  int opset() const { return opset_; }

 private:
  // One graph on the way from the root to the node that is being added.
  struct Frame {
    const Graph& graph;
    std::string prefix;               // path of the module whose body this is
    std::vector<std::string> names;   // of its values, as far as they are known
    std::vector<std::string> wanted;  // names that values must get
    size_t next = 0;                  // node
    std::vector<Channels> channels;   // of its values
    std::vector<bool> used;           // values that a node takes, or the graph gives
  };
  Frame Open(const Graph& graph, std::string prefix) const;
  Frame Enter(const Frame& outer, const Node& node) const;
  void Leave(const Frame& inner, Frame& outer) const;
  void AddNode(const Node& node, Frame& frame);
  std::optional<LayerOperator> OperatorFor(const Node& node, const Frame& frame) const;
  ValueFacts FillStandard(const LayerOperator& made, const Frame& frame, pthview_onnx::NodeProto& proto);
  void FillOwn(const Node& node, const Frame& frame, pthview_onnx::NodeProto& proto) const;
  void Describe(const Node& node, const Frame& frame, pthview_onnx::NodeProto& proto) const;
  void Append(const pthview_onnx::NodeProto& proto);
  std::string InputOfOwn(const pthview_onnx::NodeProto& proto);
  std::string Constant(const OperatorInput& input, const std::string& node);
  std::string NodeName(const Node& node, const Frame& frame);
  bool PassedBy(const Node& node, const Graph& graph) const;
  std::string Port(const Graph& graph, std::string_view name, bool input);

  const Model& model_;
  const Initializers& initializers_;
  UniqueNames& values_;
  const int newest_;
  UniqueNames nodes_;
  pthview_onnx::GraphProto frame_;
  ValueTypes types_;
  std::unordered_map<std::string, int, TextHash> open_inputs_;  // of frame_, of which nothing is known yet
  std::string wire_;
  size_t count_ = 0;
  bool has_own_ = false;
  int opset_ = 1;
};

}  // namespace pthview
