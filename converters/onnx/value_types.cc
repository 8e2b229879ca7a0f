#include "converters/onnx/value_types.h"

#include "lib/base/dtype.h"

namespace pthview {
namespace {

using pthview_onnx::TensorProto;
using pthview_onnx::TensorShapeProto;
using pthview_onnx::ValueInfoProto;

constexpr char kAnyShape[] = "...";

TensorShapeProto& Shape(ValueInfoProto& info, int type) {
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type == 0 ? static_cast<int>(TensorProto::FLOAT) : type);
  tensor.mutable_shape()->clear_dim();
  return *tensor.mutable_shape();
}

int TypeOf(const Tensor* weight) { return weight == nullptr ? 0 : Info(weight->dtype).onnx; }

}  // namespace

ValueFacts ValueTypes::Of(const std::string& name) const {
  auto found = facts_.find(name);
  return found == facts_.end() ? ValueFacts() : found->second;
}

void ValueTypes::Set(const std::string& name, ValueFacts facts) {
  if (facts.type != 0 || facts.rank >= 0) facts_[name] = facts;
}

void DescribeUnknown(ValueInfoProto& info) { Shape(info, 0).add_dim()->set_dim_param(kAnyShape); }

ValueFacts DescribeInput(const LayerOperator& made, ValueInfoProto& info) {
  ValueFacts facts;
  facts.type = made.rank == Rank::kOneMore ? static_cast<int>(TensorProto::INT64) : TypeOf(made.weight);
  TensorShapeProto& shape = Shape(info, facts.type);
  for (int64_t size : made.takes) {
    auto& dim = *shape.add_dim();
    if (size == kAnyDims) dim.set_dim_param(kAnyShape);
    if (size >= 0) dim.set_dim_value(size);
  }
  if (made.takes.empty()) shape.add_dim()->set_dim_param(kAnyShape);
  facts.rank = shape.dim_size();
  return facts;
}

void DescribeOutput(ValueFacts facts, ValueInfoProto& info) {
  TensorShapeProto& shape = Shape(info, facts.type);
  for (int i = 0; i < facts.rank; ++i) shape.add_dim();
  if (facts.rank < 0) shape.add_dim()->set_dim_param(kAnyShape);
}

ValueFacts ResultOf(const LayerOperator& made, ValueFacts input) {
  ValueFacts result{made.weight == nullptr ? input.type : TypeOf(made.weight), input.rank};
  if (made.rank == Rank::kTwo) result.rank = 2;
  if (made.rank == Rank::kAsWeight && made.weight != nullptr) result.rank = static_cast<int>(made.weight->shape.size());
  if (made.rank == Rank::kOneMore) result.rank = input.rank < 0 ? -1 : input.rank + 1;
  return result;
}

}  // namespace pthview
