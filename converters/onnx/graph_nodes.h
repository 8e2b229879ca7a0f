// The inferred graph as ONNX nodes: containers are dissolved, each layer is a node, values run from one to the next.
#pragma once

#include <string>
#include <vector>

#include "converters/onnx/initializers.h"
#include "converters/onnx/unique_names.h"
#include "lib/model/model.h"
#include "pthview_onnx.pb.h"

namespace pthview {

inline constexpr char kNodeDomain[] = "pthview";

class GraphNodes {
 public:
  // `values` holds the initializers' names already.
  GraphNodes(const Model& model, const Initializers& initializers, UniqueNames& values)
      : model_(model), initializers_(initializers), values_(values) {}

  // Appends the nodes of a top-level graph, and its inputs and outputs, unless nothing of it is selected.
  void Add(const Graph& graph);

  // Fields `node` of a GraphProto in wire format.
  const std::string& wire() const { return wire_; }
  // What goes beside them: inputs and outputs.
  const pthview_onnx::GraphProto& frame() const { return frame_; }
  size_t count() const { return count_; }

 private:
  struct Frame;
  Frame Open(const Graph& graph, std::string prefix) const;
  Frame Enter(const Frame& outer, const Node& node) const;
  void Leave(const Frame& inner, Frame& outer) const;
  void AddNode(const Node& node, Frame& frame);
  void AddInputs(const std::vector<Index>& values, const Frame& frame, pthview_onnx::NodeProto& proto) const;
  std::string NodeName(const Node& node, const Frame& frame);
  bool PassedBy(const Node& node, const Graph& graph) const;
  std::string Port(const Graph& graph, std::string_view name, bool input);

  const Model& model_;
  const Initializers& initializers_;
  UniqueNames& values_;
  UniqueNames nodes_;
  pthview_onnx::GraphProto frame_;
  std::string wire_;
  size_t count_ = 0;
};

}  // namespace pthview
