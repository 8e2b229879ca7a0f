// The recorded graph as ONNX nodes: torch's operators in domains of their own ("torch.aten"), which no runtime has.
// Structure, names, types and attributes are the file's; it is for viewing.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "converters/onnx/initializers.h"
#include "converters/onnx/unique_names.h"
#include "lib/model/model.h"
#include "pthview_onnx.pb.h"

namespace pthview {

class RecordedGraph {
 public:
  // `values` holds the initializers' names already.
  RecordedGraph(const Model& model, const Initializers& initializers, UniqueNames& values)
      : model_(model), initializers_(initializers), values_(values) {}

  // Appends a top-level graph.
  void Add(const Graph& graph);

  // Fields `node` of a GraphProto in wire format.
  const std::string& wire() const { return wire_; }
  // What goes beside them: inputs, outputs, types of values.
  const pthview_onnx::GraphProto& frame() const { return frame_; }
  const std::set<std::string>& domains() const { return domains_; }
  size_t count() const { return count_; }
  // What could not be written, a line each.
  std::vector<std::string> Notes() const;

 private:
  struct Scope {
    const Graph& graph;
    const Scope* around = nullptr;
    std::vector<std::string> names;                                 // by value; empty: not yet
    std::unordered_map<std::string_view, Index, TextHash> by_name;  // to find what a body uses
    std::unordered_set<std::string, TextHash> own;                  // names that it defines itself
  };
  Scope Open(const Graph& graph, const Scope* around) const;
  void Body(const Graph& graph, const Scope& around, pthview_onnx::GraphProto& proto);
  void Fill(const Node& node, Scope& scope, pthview_onnx::NodeProto& proto, pthview_onnx::GraphProto& frame);
  void FillInputs(const Node& node, Scope& scope, pthview_onnx::NodeProto& proto);
  void FillAttributes(const Node& node, const Scope& scope, pthview_onnx::NodeProto& proto);
  void Outputs(Scope& scope, pthview_onnx::GraphProto& frame);
  std::string NameOf(Scope& scope, Index value);
  std::string Passed(const std::string& name, pthview_onnx::GraphProto& frame);
  std::string Define(Scope& scope, Index value, pthview_onnx::GraphProto* frame);

  const Model& model_;
  const Initializers& initializers_;
  UniqueNames& values_;
  UniqueNames nodes_;
  pthview_onnx::GraphProto frame_;
  std::set<std::string> domains_;
  std::string wire_;
  size_t count_ = 0;
  size_t left_out_ = 0;
};

}  // namespace pthview
