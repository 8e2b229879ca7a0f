// What can be told of the values between ONNX's operators: element type and number of dimensions. Enough to declare
// inputs and outputs that fit what shape inference finds.
#pragma once

#include <string>
#include <unordered_map>

#include "converters/onnx/layer.h"
#include "lib/base/text_hash.h"
#include "pthview_onnx.pb.h"

namespace pthview {

struct ValueFacts {
  int type = 0;   // TensorProto.DataType; 0: not known
  int rank = -1;  // -1: not known
};

class ValueTypes {
 public:
  ValueFacts Of(const std::string& name) const;
  void Set(const std::string& name, ValueFacts facts);

 private:
  std::unordered_map<std::string, ValueFacts, TextHash> facts_;
};

// An input of the graph: as an operator with a weight takes it that it goes into, or float32 of any shape where there
// is none. The checker wants a shape: a dimension "..." stands for any number of them.
ValueFacts DescribeInput(const LayerOperator& made, pthview_onnx::ValueInfoProto& info);
void DescribeUnknown(pthview_onnx::ValueInfoProto& info);
// An output of which `facts` is known.
void DescribeOutput(ValueFacts facts, pthview_onnx::ValueInfoProto& info);

// What comes out of an operator that is given `input`.
ValueFacts ResultOf(const LayerOperator& made, ValueFacts input);

}  // namespace pthview
