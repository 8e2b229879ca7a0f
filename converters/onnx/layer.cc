#include "converters/onnx/layer.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "converters/onnx/attributes.h"
#include "lib/base/dtype.h"

namespace pthview {
namespace {

using pthview_onnx::AttributeProto;
using pthview_onnx::TensorProto;

// Cuts the word before the first blank off the front of `rest`.
std::string_view NextWord(std::string_view& rest) {
  std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  return word;
}

AttributeProto Parsed(const Attribute& attribute) {
  AttributeProto proto;
  SetFromPythonText(attribute.text, proto);
  return proto;
}

}  // namespace

size_t Layer::Dimensions() const {
  std::string_view name = node_.op;
  if (name.size() < 2 || name.back() != 'd' || std::isdigit(static_cast<unsigned char>(name[name.size() - 2])) == 0) {
    return 0;
  }
  return static_cast<size_t>(name[name.size() - 2] - '0');
}

const Attribute* Layer::Find(std::string_view name) const {
  for (const Attribute& attribute : node_.attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

std::string_view Layer::Text(std::string_view name) const {
  const Attribute* attribute = Find(name);
  if (attribute == nullptr) return {};
  std::string_view text = attribute->text;
  const bool quoted = text.size() >= 2 && text.front() == text.back() && (text[0] == '"' || text[0] == '\'');
  return quoted ? text.substr(1, text.size() - 2) : text;  // as TorchScript has a str
}

std::optional<int64_t> Layer::Int(std::string_view name) const {
  const Attribute* attribute = Find(name);
  if (attribute == nullptr) return std::nullopt;
  AttributeProto proto = Parsed(*attribute);
  return proto.type() == AttributeProto::INT ? std::optional(proto.i()) : std::nullopt;
}

std::optional<float> Layer::Float(std::string_view name) const {
  const Attribute* attribute = Find(name);
  if (attribute == nullptr) return std::nullopt;
  AttributeProto proto = Parsed(*attribute);
  if (proto.type() == AttributeProto::INT) return static_cast<float>(proto.i());
  return proto.type() == AttributeProto::FLOAT ? std::optional(proto.f()) : std::nullopt;
}

std::optional<std::vector<int64_t>> Layer::Ints(std::string_view name, size_t count) const {
  const Attribute* attribute = Find(name);
  if (attribute == nullptr) return std::nullopt;
  AttributeProto proto = Parsed(*attribute);
  if (proto.type() == AttributeProto::INT) return std::vector<int64_t>(std::max<size_t>(count, 1), proto.i());
  if (proto.type() != AttributeProto::INTS) return std::nullopt;
  std::vector<int64_t> values(proto.ints().begin(), proto.ints().end());
  if (count != 0 && values.size() == 1) values.resize(count, values[0]);
  if (count != 0 && values.size() != count) return std::nullopt;
  return values;
}

const Argument* Layer::FindTensor(std::string_view name) const {
  for (const Argument& argument : node_.inputs) {
    if (argument.name == name && argument.values.size() == 1 && graph_.values[argument.values[0]].tensor != kNone) {
      return &argument;
    }
  }
  return nullptr;
}

std::optional<std::vector<float>> Layer::Floats(std::string_view name, size_t count) const {
  const Attribute* attribute = Find(name);
  if (attribute == nullptr) return std::nullopt;
  AttributeProto proto = Parsed(*attribute);
  std::vector<float> values;
  if (proto.type() == AttributeProto::INTS) values.assign(proto.ints().begin(), proto.ints().end());
  if (proto.type() == AttributeProto::FLOATS) values.assign(proto.floats().begin(), proto.floats().end());
  if (auto one = Float(name)) values.assign(count, *one);
  return values.size() == count && count > 0 ? std::optional(std::move(values)) : std::nullopt;
}

std::span<const int64_t> Layer::ShapeOf(std::string_view name) const {
  const Argument* argument = FindTensor(name);
  if (argument == nullptr) return {};
  return model_.tensors[graph_.values[argument->values[0]].tensor].shape;
}

// Only what is one initializer of floating point numbers.
bool Layer::AddTensor(const Argument& argument) {
  const Index index = graph_.values[argument.values[0]].tensor;
  const Tensor& tensor = model_.tensors[index];
  std::span<const Initializer> rows = initializers_.Of(index);
  const DTypeInfo& type = Info(tensor.dtype);
  if (rows.size() != 1 || type.kind != DTypeClass::kFloat || type.item_size < 2) return false;
  if (made_.weight == nullptr) made_.weight = &tensor;
  OperatorInput input;
  input.kind = OperatorInput::Kind::kTensor;
  input.initializer = rows[0].name;
  made_.inputs.push_back(std::move(input));
  return true;
}

bool Layer::TakeInputs(std::string_view spec) {
  size_t taken = 0;
  for (std::string_view rest = spec; !rest.empty();) {
    std::string_view word = NextWord(rest);
    if (word == "x") {
      OperatorInput data;
      data.kind = OperatorInput::Kind::kData;
      for (const Argument& argument : node_.inputs) {
        for (Index value : argument.values) {
          if (graph_.values[value].tensor != kNone) continue;
          if (data.value != kNone) return false;  // it takes one
          data.value = value;
        }
      }
      made_.inputs.push_back(std::move(data));
      continue;
    }
    if (word == "1" || word == "0") {
      if (!AddFilled(word == "1" ? 1.0F : 0.0F)) return false;
      continue;
    }
    const bool optional = word.ends_with('?');
    if (optional) word.remove_suffix(1);
    if (const Argument* argument = FindTensor(word)) {
      if (!AddTensor(*argument)) return false;
      ++taken;
    } else if (!optional) {
      return false;
    } else if (!rest.empty()) {
      AddAbsent();
    }
  }
  size_t tensors = 0;
  for (const Argument& argument : node_.inputs) {
    for (Index value : argument.values) {
      const Index tensor = graph_.values[value].tensor;
      if (tensor == kNone) continue;
      if (argument.name == "num_batches_tracked") {
        for (const Initializer& row : initializers_.Of(tensor)) made_.unused.push_back(row.name);
      } else {
        ++tensors;
      }
    }
  }
  return tensors == taken;
}

// A layer without weight and bias computes as if they were ones and zeros.
bool Layer::AddFilled(float value) {
  constexpr int64_t kMost = 1 << 16;  // the number may be one that a file claims
  int64_t count = 0;
  if (std::span<const int64_t> mean = ShapeOf("running_mean"); mean.size() == 1) {
    count = mean[0];
  } else if (auto features = Int("num_features")) {
    count = *features;
  } else if (auto shape = Ints("normalized_shape", 0); shape && shape->size() == 1) {
    count = (*shape)[0];
  }
  if (count <= 0 || count > kMost) return false;
  AddConstant(value == 1 ? "weight" : "bias", std::vector<float>(static_cast<size_t>(count), value));
  return true;
}

AttributeProto& Layer::Add(std::string_view name) {
  AttributeProto& attribute = made_.attributes.emplace_back();
  attribute.set_name(std::string(name));
  return attribute;
}

void Layer::SetInt(std::string_view name, int64_t value) {
  AttributeProto& attribute = Add(name);
  attribute.set_type(AttributeProto::INT);
  attribute.set_i(value);
}

void Layer::SetInts(std::string_view name, std::span<const int64_t> values) {
  AttributeProto& attribute = Add(name);
  attribute.set_type(AttributeProto::INTS);
  for (int64_t value : values) attribute.add_ints(value);
}

void Layer::SetFloat(std::string_view name, float value) {
  AttributeProto& attribute = Add(name);
  attribute.set_type(AttributeProto::FLOAT);
  attribute.set_f(value);
}

void Layer::SetText(std::string_view name, std::string_view value) {
  AttributeProto& attribute = Add(name);
  attribute.set_type(AttributeProto::STRING);
  attribute.set_s(std::string(value));
}

void Layer::CopyInt(std::string_view to, std::string_view from) {
  if (auto value = Int(from)) {
    SetInt(to, *value);
  } else {
    Unknown(to);
  }
}

void Layer::CopyInts(std::string_view to, std::string_view from, size_t count) {
  if (auto values = Ints(from, count)) {
    SetInts(to, *values);
  } else {
    Unknown(to);
  }
}

void Layer::CopyFloat(std::string_view to, std::string_view from) {
  if (auto value = Float(from)) {
    SetFloat(to, *value);
  } else {
    Unknown(to);
  }
}

// torch's padding is as much at both ends, or a word: "same" puts what is odd at the end.
void Layer::CopyPads(size_t count) {
  std::string_view text = Text("padding");
  if (text == "same" || text == "valid") {
    SetText("auto_pad", text == "same" ? "SAME_UPPER" : "VALID");
    return;
  }
  auto values = Ints("padding", count);
  if (!values) {
    Unknown("pads");
    return;
  }
  values->insert(values->end(), values->begin(), values->end());
  SetInts("pads", *values);
}

TensorProto& Layer::AddConstantOf(std::string_view name) {
  OperatorInput& input = made_.inputs.emplace_back();
  input.kind = OperatorInput::Kind::kConstant;
  input.name = std::string(name);
  return input.constant.emplace();
}

void Layer::AddConstant(std::string_view name, float value) {
  TensorProto& constant = AddConstantOf(name);
  constant.set_data_type(TensorProto::FLOAT);
  constant.add_float_data(value);
}

void Layer::AddConstant(std::string_view name, std::span<const float> values) {
  TensorProto& constant = AddConstantOf(name);
  constant.set_data_type(TensorProto::FLOAT);
  constant.add_dims(static_cast<int64_t>(values.size()));
  for (float value : values) constant.add_float_data(value);
}

void Layer::AddConstant(std::string_view name, std::span<const int64_t> values) {
  TensorProto& constant = AddConstantOf(name);
  constant.set_data_type(TensorProto::INT64);
  constant.add_dims(static_cast<int64_t>(values.size()));
  for (int64_t value : values) constant.add_int64_data(value);
}

}  // namespace pthview
