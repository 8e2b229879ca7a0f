#include "tools/server/tensor_json.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/analysis/statistics/figures.h"
#include "lib/analysis/statistics/packed_weight.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/base/json.h"
#include "lib/model/tied.h"
#include "tools/server/reply.h"

namespace pthview::server {
namespace {

// The file itself failed, or nobody waits any more, as opposed to this tensor having nothing that can be shown.
bool FileFailed(const Error& error) {
  return error.code == ErrorCode::kChanged || error.code == ErrorCode::kTruncated || error.code == ErrorCode::kIo ||
         error.code == ErrorCode::kInterrupted;
}

// Keeps a failure that concerns this tensor only, for `error` in the document; hands back one that concerns the file.
template <typename T>
Result<std::optional<T>> Tolerate(Result<T> result, std::string* error) {
  if (result) return std::optional<T>(std::move(*result));
  if (FileFailed(result.error())) return std::move(result).error();
  if (error->empty()) *error = PageText(result.error());
  return std::optional<T>();
}

void WriteStatistics(JsonWriter& json, const Statistics& s) {
  json.BeginObject();
  WriteFigures(json, s);
  json.Key("sparsity").Double(s.count > 0 ? static_cast<double>(s.zeros) / static_cast<double>(s.count) : 0);
  json.EndObject();
}

void WriteHistogram(JsonWriter& json, const Histogram& histogram) {
  json.BeginObject();
  json.Key("low").Double(histogram.low);
  json.Key("high").Double(histogram.high);
  json.Key("counts").BeginArray();
  for (int64_t count : histogram.counts) json.Int(count);
  json.EndArray().EndObject();
}

std::string Bracketed(std::span<const int64_t> numbers) {
  std::string text = "(";
  for (size_t i = 0; i < numbers.size(); ++i) text += (i ? ", " : "") + std::to_string(numbers[i]);
  return text + (numbers.size() == 1 ? ",)" : ")");
}

class Facts {
 public:
  explicit Facts(JsonWriter* json) : json_(json) {}
  void Add(std::string_view name, std::string_view text) {
    if (!text.empty()) json_->BeginArray().String(name).String(text).EndArray();
  }

 private:
  JsonWriter* json_;
};

void WriteFacts(JsonWriter& json, const Model& model, Index index) {
  const Tensor& tensor = model.tensors[index];
  json.BeginArray();
  Facts facts(&json);
  facts.Add("kind", KindName(tensor.kind));
  facts.Add("device", tensor.device);
  if (tensor.requires_grad) facts.Add("requires_grad", *tensor.requires_grad ? "True" : "False");
  facts.Add("class", tensor.class_name);
  facts.Add("layout", tensor.layout == Layout::kDense ? "" : LayoutName(tensor.layout));
  if (tensor.layout == Layout::kDense && !tensor.contiguous) facts.Add("strides", Bracketed(tensor.strides));
  if (tensor.offset != 0) facts.Add("offset", std::to_string(tensor.offset) + " elements");
  facts.Add("bytes", std::to_string(StoredBytes(model, tensor)));
  if (tensor.storage != kNone) {
    const Storage& storage = model.storages[tensor.storage];
    facts.Add("storage", storage.record.empty() ? storage.key : storage.record);
    if (storage.source != kNone) facts.Add("byte in file", std::to_string(storage.offset));
  }
  facts.Add("packed", PackedNote(model, index));
  if (tensor.tied != kNone && tensor.tied != index) facts.Add("same tensor as", model.tensors[tensor.tied].path);
  if (tensor.conj) facts.Add("conjugated", "True");
  if (tensor.neg) facts.Add("negated", "True");
  if (tensor.quantization != kNone) {
    const Quantization& q = model.quantizations[tensor.quantization];
    if (q.per_channel) {
      facts.Add("quantized per channel", "axis " + std::to_string(q.axis));
    } else {
      std::string scale;
      JsonWriter(&scale).Double(q.scale);
      facts.Add("scale", scale);
      facts.Add("zero point", std::to_string(q.zero_point));
    }
  }
  for (const Component& component : model.ComponentsOf(tensor)) {
    const Tensor& stored = model.components[component.tensor];
    facts.Add(component.name, std::string(DTypeName(stored.dtype)) + " " + Bracketed(stored.shape));
  }
  json.EndArray();
}

constexpr size_t kPartsInJson = 64;
constexpr int64_t kMaxValuesOfPart = 1000;

// The tensors that one of another layout than strided is made of, each with its first values.
Result<std::string> PartsJson(const Model& model, const Tensor& tensor, int64_t max_values) {
  std::vector<TensorPart> parts;
  auto nested = NestedParts(model, tensor, kPartsInJson);
  if (nested) {
    parts = std::move(*nested);
  } else if (FileFailed(nested.error())) {
    return std::move(nested).error();
  } else {
    for (const Component& component : model.ComponentsOf(tensor)) {
      if (parts.size() == kPartsInJson) break;
      parts.push_back({.name = std::string(component.name), .tensor = model.components[component.tensor]});
    }
  }
  std::string text;
  JsonWriter json(&text);
  json.BeginArray();
  for (const TensorPart& part : parts) {
    json.BeginObject().Key("name").String(part.name).Key("dtype").String(DTypeName(part.tensor.dtype));
    json.Key("shape").BeginArray();
    for (int64_t size : part.tensor.shape) json.Int(size);
    json.EndArray();
    std::string error;
    std::optional<std::string> values;
    if (part.tensor.layout == Layout::kDense && part.tensor.data == DataState::kPresent) {
      PTHVIEW_ASSIGN(values, Tolerate(ValuesJson(model, part.tensor, max_values), &error));
    }
    json.Key("values").Raw(values ? *values : "[]");
    json.Key("count").Int(part.tensor.numel);
    json.EndObject();
  }
  json.EndArray();
  return text;
}

}  // namespace

Result<std::string> TensorJson(const Model& model, uint64_t index, int64_t max_values,
                               const std::atomic<bool>* cancelled) {
  if (index >= model.tensors.size()) {
    return Error{.code = ErrorCode::kNotFound, .message = "there is no tensor " + std::to_string(index)};
  }
  const Tensor& tensor = model.tensors[index];
  int64_t count = std::clamp<int64_t>(max_values, 0, std::min(kMaxValues, tensor.numel));

  std::string error;
  std::optional<std::string> values;
  std::optional<Statistics> statistics;
  std::optional<Histogram> histogram;
  if (tensor.data == DataState::kPresent) {
    // A sparse tensor is shown as the dense one that it stands for.
    const bool sparse = tensor.layout >= Layout::kSparseCoo && tensor.layout <= Layout::kSparseBsc;
    std::optional<Model> made;
    if (sparse) {
      PTHVIEW_ASSIGN(made, Tolerate(DenseCopy(model, tensor), &error));
    } else if (tensor.layout != Layout::kDense) {
      error = "its values are those of the tensors that it is made of";
    }
    if (made || tensor.layout == Layout::kDense) {
      const Model& from = made ? *made : model;
      const Tensor& dense = made ? made->tensors.front() : tensor;
      PTHVIEW_ASSIGN(values, Tolerate(ValuesJson(from, dense, count), &error));
      PTHVIEW_ASSIGN(statistics, Tolerate(ComputeStatistics(from, dense, {.cancelled = cancelled}), &error));
      if (statistics && statistics->finite > 0) {
        PTHVIEW_ASSIGN(histogram, Tolerate(ComputeHistogram(from, dense, *statistics, {.bins = kHistogramBins},
                                                            {.cancelled = cancelled}),
                                           &error));
      }
    }
  } else {
    error = tensor.data == DataState::kMeta          ? "a meta tensor: it never had values"
            : tensor.data == DataState::kOutOfBounds ? "its storage is too short for it"
                                                     : "its values are not in the file";
  }

  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("index").Uint(index);
  json.Key("path").String(tensor.path);
  json.Key("dtype").String(DTypeName(tensor.dtype));
  json.Key("shape").BeginArray();
  for (int64_t size : tensor.shape) json.Int(size);
  json.EndArray();
  json.Key("encoding").String("|");
  json.Key("values").Raw(values ? *values : "[]");
  json.Key("count").Int(tensor.numel);
  json.Key("truncated").Bool(values && count < tensor.numel);
  json.Key("statistics");
  statistics ? WriteStatistics(json, *statistics) : (void)json.Null();
  json.Key("histogram");
  histogram ? WriteHistogram(json, *histogram) : (void)json.Null();
  json.Key("data").String(DataStateName(tensor.data));
  json.Key("error");
  error.empty() ? json.Null() : json.String(error);
  json.Key("facts");
  WriteFacts(json, model, static_cast<Index>(index));
  if (tensor.layout != Layout::kDense) {
    PTHVIEW_ASSIGN(std::string parts, PartsJson(model, tensor, std::min(max_values, kMaxValuesOfPart)));
    json.Key("parts").Raw(parts);
  }
  json.EndObject();
  return text;
}

}  // namespace pthview::server
