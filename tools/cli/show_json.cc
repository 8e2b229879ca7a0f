#include "tools/cli/show_json.h"

#include <string>
#include <vector>

#include "lib/analysis/statistics/figures.h"
#include "lib/analysis/statistics/packed_weight.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/model/tensor_data.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/overview_table.h"
#include "tools/cli/slice.h"
#include "tools/cli/tensor_view.h"
#include "tools/cli/value_text.h"

namespace pthview {
namespace {

constexpr int64_t kValuesInJson = 10000;
constexpr size_t kPartsInJson = 1000;

Status WriteValues(JsonWriter& json, const Model& model, const TensorWindow& window) {
  PTHVIEW_ASSIGN(std::vector<std::string> values, FlatValues(model, window, kValuesInJson));
  json.Key("shape").BeginArray(true);
  for (int64_t size : window.shape) json.Int(size);
  json.EndArray();
  json.Key("values").BeginArray(true);
  for (const std::string& value : values) json.String(value);
  json.EndArray();
  json.Key("truncated").Bool(static_cast<int64_t>(values.size()) < window.tensor.numel);
  return Ok();
}

// What a tensor of another layout than strided is made of; `shape` and `values` of a part without data are absent.
Status WriteParts(JsonWriter& json, const Model& model, const TensorView& view) {
  json.Key("parts").BeginArray();
  for (const TensorPart& part : view.parts) {
    json.BeginObject().Key("name").String(part.name).Key("dtype").String(DTypeName(part.tensor.dtype));
    if (part.tensor.data == DataState::kPresent && part.tensor.layout == Layout::kDense) {
      PTHVIEW_ASSIGN(TensorWindow window, SliceTensor(part.tensor, {}));
      window.Bind();
      PTHVIEW_TRY(WriteValues(json, model, window));
    } else {
      json.Key("data").String(DataStateName(part.tensor.data));
    }
    json.EndObject();
  }
  json.EndArray();
  return Ok();
}

// The values of a hit stand in `values` as texts in row-major order: numbers that JSON cannot hold stay exact. Those of
// a sparse tensor are its dense values.
Status WriteTensor(JsonWriter& json, const Model& model, const Tensor& tensor, Index index, bool alone,
                   const Arguments& arguments) {
  bool readable = tensor.layout == Layout::kDense && tensor.data == DataState::kPresent;
  std::string hash;
  if (arguments.Flag("hash") && readable) {
    PTHVIEW_ASSIGN(hash, HashTensor(model, tensor));
  }
  std::vector<std::string> inner;
  if (arguments.Flag("hash")) {
    PTHVIEW_ASSIGN(inner, HashComponents(model, tensor));
  }
  TensorView view;
  if (alone) ViewTensor(model, tensor, kPartsInJson, &view);
  if (alone) PTHVIEW_TRY(CheckSlice(model, tensor, view, arguments.Value("slice")));
  json.BeginObject().Key("tensor");
  WriteTensorRow(json, model, tensor, tensor.name, hash, inner,
                 alone && index != kNone ? WeightUses(model).Of(index) : std::span<const WeightUse>());
  if (!alone) {
    json.Key("first_values").BeginArray(true);
    for (const std::string& value : FirstValues(model, tensor, 3)) json.String(value);
    json.EndArray();
  }
  if (view.values != nullptr) {
    PTHVIEW_ASSIGN(TensorWindow window, SliceTensor(*view.values, arguments.Value("slice")));
    window.Bind();
    json.Key("slice").String(arguments.Value("slice"));
    PTHVIEW_TRY(WriteValues(json, *view.model, window));
    if (!StatisticsAreFar(*view.model, *view.values, arguments.Value("slice"))) {
      if (auto statistics = ComputeStatistics(*view.model, *view.values)) {
        json.Key("statistics").BeginObject();
        WriteFigures(json, *statistics);
        json.EndObject();
      }
    }
    const bool per_channel =
        view.values->quantization != kNone && view.model->quantizations[view.values->quantization].per_channel;
    if (arguments.Flag("slice") && !per_channel && !StatisticsAreFar(*view.model, window.tensor, "0")) {
      if (auto statistics = ComputeStatistics(*view.model, window.tensor)) {
        json.Key("slice_statistics").BeginObject();
        WriteFigures(json, *statistics);
        json.EndObject();
      }
    }
  }
  if (!view.parts.empty()) PTHVIEW_TRY(WriteParts(json, model, view));
  if (alone && view.note.empty() && index != kNone) view.note = PackedNote(model, index);
  if (!view.note.empty()) json.Key("note").String(view.note);
  json.EndObject();
  return Ok();
}

}  // namespace

Status PrintShownJson(const Model& model, const Lookup& lookup, const Arguments& arguments) {
  Output out;
  JsonWriter json(&out.buffer());
  json.BeginObject()
      .Key("schema")
      .String("pthview.show/1")
      .Key("file")
      .String(model.file)
      .Key("format")
      .String(model.format);
  json.Key("query")
      .String(arguments.files.size() > 1 ? arguments.files[1] : "")
      .Key("match")
      .String(lookup.explanation);
  json.Key("hits").BeginArray();
  auto write = [&](const Tensor& tensor, Index index) {
    auto written = WriteTensor(json, model, tensor, index, lookup.size() == 1, arguments);
    if (!written) out.buffer().clear();
    if (written && lookup.size() > 1) out.MaybeFlush();
    return written;
  };
  for (Index t : lookup.tensors) PTHVIEW_TRY(write(model.tensors[t], t));
  for (Index c : lookup.components) PTHVIEW_TRY(write(model.components[c], kNone));
  json.EndArray().Key("plain").BeginArray();
  for (Index p : lookup.plain) {
    const PlainValue& plain = model.plain[p];
    json.BeginObject().Key("path").String(plain.path).Key("kind").String(PlainKindName(plain.kind));
    json.Key("text").String(plain.text).Key("class").String(plain.class_name).EndObject();
  }
  json.EndArray().Key("findings");
  WriteFindings(json, model.findings);
  json.EndObject();
  out << "\n";
  return Ok();
}

}  // namespace pthview
