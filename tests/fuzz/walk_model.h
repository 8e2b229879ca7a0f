// Uses everything that a model offers, so that the sanitizers see a row that points nowhere or a loop that never ends.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/analysis/statistics/packed_weight.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/structure/structure.h"
#include "lib/model/graph_check.h"
#include "lib/model/model.h"
#include "lib/model/tensor_data.h"

namespace pthview {

inline constexpr int64_t kMostElements = 4096;

inline size_t Touch(std::string_view text) {
  size_t sum = 0;
  for (const char c : text) sum += static_cast<unsigned char>(c);
  return sum;
}

// `row` must be kNone or a row of `rows`.
template <typename Rows>
void ExpectRow(Index row, const Rows& rows) {
  if (row != kNone && row >= rows.size()) std::abort();
}

inline size_t TouchTensor(const Model& model, const Tensor& tensor, int* reads) {
  ExpectRow(tensor.storage, model.storages);
  ExpectRow(tensor.part, model.parts);
  ExpectRow(tensor.same_as, model.tensors);
  ExpectRow(tensor.tied, model.tensors);
  if (tensor.tied != kNone && model.tensors[tensor.tied].tied != tensor.tied) std::abort();
  ExpectRow(tensor.quantization, model.quantizations);
  size_t sum = Touch(tensor.path) + Touch(tensor.name) + Touch(tensor.device) + Touch(tensor.class_name);
  for (const int64_t size : tensor.shape) sum += static_cast<size_t>(size);
  for (const int64_t stride : tensor.strides) sum += static_cast<size_t>(stride);
  for (const Component& component : model.ComponentsOf(tensor)) {
    if (component.tensor >= model.components.size()) std::abort();
    sum += Touch(component.name);
  }
  if ((*reads)-- <= 0) return sum;
  if (tensor.numel <= 16 * kMostElements) {
    if (const auto dense = DenseCopy(model, tensor)) sum += dense->tensors.front().shape.size();
  }
  if (const auto parts = NestedParts(model, tensor, 8)) {
    for (const TensorPart& part : *parts) {
      if (const auto bytes = ReadElements(model, part.tensor, 0, kMostElements)) sum += bytes->size();
    }
  }
  if (const auto bytes = ReadElements(model, tensor, 0, kMostElements)) {
    for (const std::byte b : *bytes) sum += static_cast<size_t>(b);
  }
  if (tensor.numel > kMostElements) {
    if (const auto bytes = ReadElements(model, tensor, tensor.numel - 1, 1)) sum += bytes->size();
  } else if (const auto statistics = ComputeStatistics(model, tensor)) {
    if (statistics->finite + statistics->nans + statistics->infinities != statistics->count) std::abort();
  }
  return sum;
}

inline size_t TouchGraph(const Model& model, const Graph& graph) {
  size_t sum = 0;
  for (const GraphValue& value : graph.values) {
    ExpectRow(value.tensor, model.tensors);
    sum += Touch(value.name) + Touch(value.type) + Touch(TypeText(value.value_type));
  }
  for (const Mutation& mutation : graph.mutations) {
    if (mutation.value >= graph.values.size()) std::abort();
    ExpectRow(mutation.tensor, model.tensors);
    ExpectRow(mutation.input, graph.values);
  }
  for (const Node& node : graph.nodes) {
    sum += Touch(node.name) + Touch(node.op) + Touch(node.location) + Touch(node.source);
    for (const Attribute& attribute : node.attributes) {
      sum += Touch(attribute.text) + Touch(AttributeText(attribute.value));
      // What is typed has a text.
      if (attribute.value.typed() && !attribute.value.Is<std::string>() && attribute.text.empty()) std::abort();
    }
    ExpectRow(node.module, model.modules);
    for (const Index block : node.blocks) {
      if (block >= model.graphs.size()) std::abort();
    }
    for (const auto* arguments : {&node.inputs, &node.outputs}) {
      for (const Argument& argument : *arguments) {
        for (const Index value : argument.values) {
          if (value >= graph.values.size()) std::abort();
        }
        ExpectRow(argument.evidence, graph.evidence);
      }
    }
  }
  return sum;
}

inline void WalkModel(Model& model) {
  if (CheckGraphs(model)) std::abort();
  InferModules(model);
  InferGraphs(model);
  if (CheckGraphs(model)) std::abort();
  size_t sum = 0;
  int reads = 50;
  for (const auto* tensors : {&model.tensors, &model.components}) {
    for (const Tensor& tensor : *tensors) sum += TouchTensor(model, tensor, &reads);
  }
  for (size_t t = 0; t < std::min<size_t>(model.tensors.size(), 50); ++t) {
    sum += Touch(PackedNote(model, static_cast<Index>(t)));
  }
  for (const PlainValue& plain : model.plain) {
    sum += Touch(plain.path) + Touch(plain.text) + Touch(plain.class_name);
    ExpectRow(plain.part, model.parts);
  }
  for (const Part& part : model.parts) {
    sum += Touch(part.path) + Touch(part.prefix);
    ExpectRow(part.root, model.modules);
  }
  for (size_t m = 0; m < model.modules.size(); ++m) {
    const Module& module = model.modules[m];
    sum += Touch(module.path) + Touch(module.class_name) + Touch(module.source);
    if (module.parent != kNone && module.parent >= m) std::abort();  // parents come first
    for (const Index child : module.children) {
      if (child >= model.modules.size() || model.modules[child].parent != m) std::abort();
    }
    for (const Index tensor : module.tensors) {
      if (tensor >= model.tensors.size()) std::abort();
    }
  }
  for (const Graph& graph : model.graphs) sum += TouchGraph(model, graph);
  for (const Finding& finding : model.findings) sum += Touch(finding.text) + Touch(finding.where);
  volatile size_t used = sum;
  (void)used;
}

}  // namespace pthview
