// The tables of an annotated JSON document, row by row, into a model. Rows refer to rows of other tables by index; each
// table may be read once those that it points into have been (parts, storages, quantizations, components, tensors,
// modules, graphs), and what points forwards is checked by CheckStructure.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/formats/json/json_row.h"
#include "lib/model/builder.h"

namespace pthview {

// annotated_json_types.cc: the member `key` of `object` as a typed value or type. What is none fails `row`, which reads
// the same object.
AttributeValue ReadTypedValue(JsonRow& row, const nlohmann::json& object, const char* key);
ValueType ReadType(JsonRow& row, const nlohmann::json& object, const char* key);

class AnnotatedJsonTables {
 public:
  explicit AnnotatedJsonTables(ModelBuilder& builder) : builder_(builder), model_(builder.model()) {}

  void ReadFinding(JsonRow& row);
  void ReadPart(JsonRow& row);
  void ReadQuantization(JsonRow& row);
  void ReadTensor(JsonRow& row, bool component);
  void ReadPlain(JsonRow& row);
  void ReadModule(JsonRow& row);
  void ReadGraph(JsonRow& row);
  Status ReadGraphRoots(const nlohmann::json& list);
  // Module trees are trees with parents before children; graphs are acyclic, in SSA form, and drawn in one place each.
  Status CheckStructure();
  // The document's findings come first, and what was found again is not said twice.
  Model Finish();

  DType ReadDType(JsonRow& row, const char* key);

 private:
  void ReadComponents(JsonRow& row, Tensor& tensor, size_t limit);
  void CheckQuantization(JsonRow& row, const Tensor& tensor, size_t limit);
  std::vector<Attribute> ReadAttributes(JsonRow& row);
  void ReadNode(const nlohmann::json& object, const std::string& what, JsonRow& graph_row, Graph& graph);
  std::vector<Argument> ReadArguments(JsonRow& row, const char* key, const Graph& graph);
  void ReadSymbols(JsonRow& row, Graph& graph);
  Status CheckModules() const;
  Status CheckGraphs() const;

  ModelBuilder& builder_;
  Model& model_;
  std::vector<Finding> findings_;  // of the document
  std::vector<bool> component_used_;
};

}  // namespace pthview
