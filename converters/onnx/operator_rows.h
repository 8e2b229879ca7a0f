// The table from torch's classes to ONNX's operators, in two parts; layer_operators.h says what has no row.
#pragma once

#include <span>
#include <string_view>

#include "converters/onnx/layer.h"

namespace pthview {

inline constexpr std::string_view kTorchDomain = "torch.nn";

struct OperatorRow {
  std::string_view classes;  // between blanks
  std::string_view op;
  int since = 1;
  std::string_view inputs = "x";  // as Layer::TakeInputs
  Rank rank = Rank::kAsInput;
  // Sets the attributes, and adds inputs that ONNX wants as values. False: the layer is not that operator after all.
  bool (*describe)(Layer&) = [](Layer&) { return true; };
  std::string_view domain = kTorchDomain;  // of the classes; of other domains how they begin
};

std::span<const OperatorRow> WeightRows();  // layers with weights: operator_rows_weights.cc
std::span<const OperatorRow> PlainRows();   // layers without: operator_rows_plain.cc

}  // namespace pthview
