// A layer on its way to becoming one of ONNX's operators: its tensors by name, what is known of its settings, and the
// operator that a row of layer_operators.cc makes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "converters/onnx/initializers.h"
#include "lib/model/model.h"
#include "pthview_onnx.pb.h"

namespace pthview {

struct OperatorInput {
  enum class Kind : uint8_t { kData, kTensor, kConstant, kAbsent };
  Kind kind = Kind::kAbsent;
  Index value = kNone;                                // kData: into Graph::values, kNone: nothing is known to feed it
  std::string initializer;                            // kTensor: its name
  std::string name;                                   // kConstant: "ratio"
  std::optional<pthview_onnx::TensorProto> constant;  // kConstant
};

// How many dimensions an operator's result has.
enum class Rank : uint8_t {
  kAsInput,
  kAsWeight,  // of convolutions
  kTwo,
  kOneMore,  // of a lookup
};

inline constexpr int64_t kOneDim = -1;   // one dimension of unknown size
inline constexpr int64_t kAnyDims = -2;  // any number of dimensions

struct LayerOperator {
  std::string_view op;
  int since = 1;  // the opset that first had it
  Rank rank = Rank::kAsInput;
  std::vector<OperatorInput> inputs;
  std::vector<pthview_onnx::AttributeProto> attributes;
  std::vector<std::string_view> unknown;  // attributes that it has and the file does not tell
  std::vector<std::string> unused;        // initializers of the layer that no input of the operator is for
  const Tensor* weight = nullptr;         // the first tensor among the inputs
  std::vector<int64_t> takes;             // shape of what it is given; kOneDim and kAnyDims stand for what is not known
};

class Layer {
 public:
  Layer(const Initializers& initializers, const Model& model, const Graph& graph, const Node& node)
      : initializers_(initializers), model_(model), graph_(graph), node_(node) {}

  // ---- what is known ----
  std::string_view class_name() const { return node_.op; }
  // 2 for "MaxPool2d"; 0 where the class has no number.
  size_t Dimensions() const;
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // Empty where it is not known.
  std::string_view Text(std::string_view name) const;
  bool IsNone(std::string_view name) const { return Text(name) == "None"; }
  std::optional<int64_t> Int(std::string_view name) const;  // True is 1
  std::optional<float> Float(std::string_view name) const;
  // `count` whole numbers; one number stands for as many. `count` 0: as many as there are.
  std::optional<std::vector<int64_t>> Ints(std::string_view name, size_t count) const;
  std::optional<std::vector<float>> Floats(std::string_view name, size_t count) const;
  // Of a tensor; empty where there is none.
  std::span<const int64_t> ShapeOf(std::string_view name) const;
  std::span<const int64_t> WeightShape() const { return ShapeOf("weight"); }
  // Of the first tensor that TakeInputs took.
  DType WeightType() const { return made_.weight == nullptr ? DType::kUnknown : made_.weight->dtype; }

  // ---- what becomes of it ----
  // "x weight bias?": which tensors stand where; '?' where one may be missing, 1 and 0 for as many ones or zeros as the
  // layer has features. False when they are not so, or when the
  // layer has others that say that it is not what it seems (a weight that is computed, codes).
  bool TakeInputs(std::string_view spec);
  void SetInt(std::string_view name, int64_t value);
  void SetInts(std::string_view name, std::span<const int64_t> values);
  void SetFloat(std::string_view name, float value);
  void SetText(std::string_view name, std::string_view value);
  // From a setting of the layer's; what is not known is left out and listed.
  void CopyInt(std::string_view to, std::string_view from);
  void CopyInts(std::string_view to, std::string_view from, size_t count);
  void CopyFloat(std::string_view to, std::string_view from);
  // Of `count` dimensions, both ends of each.
  void CopyPads(size_t count);
  void Takes(std::vector<int64_t> shape) { made_.takes = std::move(shape); }
  void Unknown(std::string_view name) { made_.unknown.push_back(name); }
  // Inputs that ONNX wants as values.
  void AddConstant(std::string_view name, float value);
  void AddConstant(std::string_view name, std::span<const float> values);
  void AddConstant(std::string_view name, std::span<const int64_t> values);
  void AddAbsent() { made_.inputs.emplace_back(); }

  LayerOperator Take() { return std::move(made_); }

 private:
  const Attribute* Find(std::string_view name) const;
  const Argument* FindTensor(std::string_view name) const;
  bool AddFilled(float value);
  bool AddTensor(const Argument& argument);
  pthview_onnx::AttributeProto& Add(std::string_view name);
  pthview_onnx::TensorProto& AddConstantOf(std::string_view name);

  const Initializers& initializers_;
  const Model& model_;
  const Graph& graph_;
  const Node& node_;
  LayerOperator made_;
};

}  // namespace pthview
