#include "tools/cli/json_rows.h"

#include "lib/analysis/graphs/operators.h"
#include "lib/base/distant_source.h"
#include "lib/base/error.h"
#include "lib/model/tensor_data.h"
#include "lib/model/tied.h"
#include "tools/cli/console.h"

namespace pthview {
namespace {

void WriteInts(JsonWriter& json, std::span<const int64_t> numbers) {
  json.BeginArray(true);
  for (int64_t number : numbers) json.Int(number);
  json.EndArray();
}

void WriteStorage(JsonWriter& json, const Model& model, Index index) {
  if (index == kNone) {
    json.Null();
    return;
  }
  const Storage& storage = model.storages[index];
  json.BeginObject();
  json.Key("key").String(storage.key);
  json.Key("file");
  if (storage.source == kNone || !IsWholeFile(*model.sources[storage.source])) {
    json.Null();
  } else {
    json.String(model.sources[storage.source]->name());
  }
  json.Key("record").String(storage.record);
  json.Key("offset").Uint(storage.offset);
  json.Key("nbytes").Uint(storage.nbytes);
  json.EndObject();
}

void WriteFields(JsonWriter& json, const Model& model, const Tensor& tensor, std::string_view name,
                 std::string_view sha256, std::span<const std::string> hashes);

void WriteComponents(JsonWriter& json, const Model& model, const Tensor& tensor, std::span<const std::string> hashes) {
  json.Key("components").BeginArray();
  size_t i = 0;
  for (const Component& component : model.ComponentsOf(tensor)) {
    json.BeginObject();
    WriteFields(json, model, model.components[component.tensor], component.name,
                i < hashes.size() ? hashes[i] : std::string_view(), {});
    json.EndObject();
    ++i;
  }
  json.EndArray();
}

void WriteQuantization(JsonWriter& json, const Quantization& quantization) {
  json.Key("quantization").BeginObject();
  json.Key("scheme").String(quantization.per_channel ? "per_channel_affine" : "per_tensor_affine");
  if (quantization.per_channel) {
    json.Key("axis").Int(quantization.axis);
  } else {
    json.Key("scale").Double(quantization.scale);
    json.Key("zero_point").Int(quantization.zero_point);
  }
  json.EndObject();
}

void WriteFields(JsonWriter& json, const Model& model, const Tensor& tensor, std::string_view name,
                 std::string_view sha256, std::span<const std::string> hashes) {
  json.Key("name").String(name);
  json.Key("path").String(tensor.path);
  json.Key("part").String(tensor.part == kNone ? std::string_view() : model.parts[tensor.part].path);
  json.Key("kind").String(KindName(tensor.kind));
  json.Key("dtype").String(DTypeName(tensor.dtype));
  json.Key("shape");
  WriteInts(json, tensor.shape);
  json.Key("strides");
  if (tensor.layout == Layout::kDense) {
    WriteInts(json, tensor.strides);
  } else {
    json.Null();
  }
  json.Key("offset").Int(tensor.offset);
  json.Key("numel").Int(tensor.numel);
  json.Key("nbytes").Uint(tensor.nbytes());
  json.Key("device").String(tensor.device);
  json.Key("requires_grad");
  if (tensor.requires_grad) {
    json.Bool(*tensor.requires_grad);
  } else {
    json.Null();
  }
  json.Key("layout").String(LayoutName(tensor.layout));
  json.Key("storage");
  WriteStorage(json, model, tensor.storage);
  if (tensor.component_count > 0) json.Key("stored_nbytes").Uint(StoredBytes(model, tensor));
  if (tensor.state_of != kNone) json.Key("state_of").String(model.tensors[tensor.state_of].path);
  if (tensor.same_as != kNone) json.Key("same_as").String(model.tensors[tensor.same_as].path);
  // Another name of the same view of the same bytes, in this object or another.
  if (tensor.tied != kNone && model.tensors[tensor.tied].path != tensor.path) {
    json.Key("tied_to").String(model.tensors[tensor.tied].path);
  }
  if (!sha256.empty()) json.Key("sha256").String(sha256);
  if (tensor.data != DataState::kPresent) json.Key("data").String(DataStateName(tensor.data));
  if (!tensor.class_name.empty()) json.Key("class").String(tensor.class_name);
  if (tensor.conj) json.Key("conj").Bool(true);
  if (tensor.neg) json.Key("neg").Bool(true);
  if (!tensor.persistent) json.Key("persistent").Bool(false);
  if (tensor.quantization != kNone) WriteQuantization(json, model.quantizations[tensor.quantization]);
  if (tensor.component_count > 0) WriteComponents(json, model, tensor, hashes);
}

}  // namespace

void WriteTensorRow(JsonWriter& json, const Model& model, const Tensor& tensor, std::string_view name,
                    std::string_view sha256, std::span<const std::string> hashes, std::span<const WeightUse> uses) {
  json.BeginObject();
  WriteFields(json, model, tensor, name, sha256, hashes);
  if (!uses.empty()) json.Key("used_by").BeginArray();
  for (const WeightUse& use : uses) {
    const Graph& graph = model.graphs[use.graph];
    const Node& node = graph.nodes[use.node];
    json.BeginObject().Key("graph").String(graph.name).Key("node").String(node.name);
    json.Key("operator").String(OperatorName(node)).Key("argument").String(node.inputs[use.argument].name).EndObject();
  }
  if (!uses.empty()) json.EndArray();
  json.EndObject();
}

Result<std::vector<std::string>> HashComponents(const Model& model, const Tensor& tensor) {
  std::vector<std::string> hashes;
  for (const Component& row : model.ComponentsOf(tensor)) {
    const Tensor& component = model.components[row.tensor];
    std::string hash;
    if (component.layout == Layout::kDense && component.data == DataState::kPresent) {
      PTHVIEW_ASSIGN(hash, HashTensor(model, component));
    }
    hashes.push_back(std::move(hash));
  }
  return hashes;
}

void WriteFindings(JsonWriter& json, std::span<const Finding> findings) {
  json.BeginArray();
  for (const Finding& finding : findings) {
    json.BeginObject();
    json.Key("severity").String(SeverityName(finding.severity));
    json.Key("code").String(finding.code);
    json.Key("where").String(finding.where);
    json.Key("text").String(finding.text);
    json.EndObject();
  }
  json.EndArray();
}

void WriteError(JsonWriter& json, const Error& plain) {
  const Error error = WithNearFile(plain);
  json.BeginObject();
  json.Key("code").String(ErrorCodeName(error.code));
  json.Key("message").String(error.message);
  if (!error.file.empty()) json.Key("file").String(error.file);
  if (!error.record.empty()) json.Key("record").String(error.record);
  if (error.offset) json.Key("offset").Uint(*error.offset);
  if (!error.hint.empty()) json.Key("hint").String(error.hint);
  json.EndObject();
}

}  // namespace pthview
