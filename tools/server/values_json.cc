// The values of a tensor as a JSON array; declared in tensor_json.h.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/element.h"
#include "lib/base/json.h"
#include "lib/model/tensor_data.h"
#include "tools/server/tensor_json.h"

namespace pthview::server {
namespace {

// JavaScript's numbers are doubles: whole numbers are exact up to here.
constexpr int64_t kExactInteger = int64_t{1} << 53;

bool IsExact(DType dtype, const std::byte* at) {
  if (dtype == DType::kInt64) {
    int64_t value = LoadLittle<int64_t>(at);
    return value >= -kExactInteger && value <= kExactInteger;
  }
  return dtype != DType::kUint64 || LoadLittle<uint64_t>(at) <= static_cast<uint64_t>(kExactInteger);
}

// `text` is what AppendElement wrote for the element at `at`.
void WriteElement(JsonWriter& json, const DTypeInfo& info, const std::byte* at, std::string_view text) {
  switch (info.kind) {
    case DTypeClass::kBool: json.Bool(text == "True"); return;
    case DTypeClass::kInteger: IsExact(info.dtype, at) ? json.Raw(text) : json.String(text); return;
    case DTypeClass::kFloat:
      if (text == "nan") {
        json.String("NaN");
      } else if (text.ends_with("inf")) {
        json.String(text.front() == '-' ? "-Infinity" : "Infinity");
      } else {
        text.front() == '(' ? json.String(text) : json.Raw(text);  // two floats of 4 bits stand as "(0.5, 1.0)"
      }
      return;
    case DTypeClass::kComplex: json.String(text.substr(1, text.size() - 2)); return;
    default: json.String(text);
  }
}

// The first `count` elements of a component as doubles.
Result<std::vector<double>> ReadDoubles(const Model& model, const Tensor& tensor, int64_t count) {
  count = std::min(count, tensor.numel);
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(model, tensor, 0, count));
  std::vector<double> values(static_cast<size_t>(count));
  DecodeToDouble(tensor.dtype, bytes.data(), values.size(), values.data());
  return values;
}

// One scale and zero point for each channel that the first elements of a tensor can reach.
struct Channels {
  std::vector<double> scales = {1.0};
  std::vector<double> zero_points = {0.0};
  int64_t inner = 1;  // elements of one channel in a row
  size_t Of(int64_t element) const { return static_cast<size_t>(element / inner) % scales.size(); }
};

// `end` is one past the last element that is asked for.
Result<Channels> ReadChannels(const Model& model, const Tensor& tensor, int64_t end) {
  Channels channels;
  if (tensor.quantization == kNone) return channels;
  const Quantization& q = model.quantizations[tensor.quantization];
  if (!q.per_channel) {
    channels.scales = {q.scale};
    channels.zero_points = {static_cast<double>(q.zero_point)};
    return channels;
  }
  if (q.axis < 0 || static_cast<size_t>(q.axis) >= tensor.shape.size() || q.scales == kNone || q.zero_points == kNone) {
    return Error{.code = ErrorCode::kCorrupt, .message = "its scales do not fit its shape"};
  }
  for (int64_t size : tensor.shape.subspan(static_cast<size_t>(q.axis) + 1)) channels.inner *= size;
  channels.inner = std::max<int64_t>(channels.inner, 1);
  int64_t reached = std::min(tensor.shape[static_cast<size_t>(q.axis)], end);
  PTHVIEW_ASSIGN(channels.scales, ReadDoubles(model, model.components[q.scales], reached));
  PTHVIEW_ASSIGN(channels.zero_points, ReadDoubles(model, model.components[q.zero_points], reached));
  if (channels.scales.empty() || channels.scales.size() != channels.zero_points.size()) {
    return Error{.code = ErrorCode::kCorrupt, .message = "its scales do not fit its shape"};
  }
  return channels;
}

Status WriteQuantized(JsonWriter& json, const Model& model, const Tensor& tensor, const std::byte* bytes, int64_t first,
                      size_t count) {
  PTHVIEW_ASSIGN(Channels channels, ReadChannels(model, tensor, first + static_cast<int64_t>(count)));
  std::vector<double> codes(count);
  DecodeToDouble(BlockDType(tensor.dtype), bytes, count, codes.data());
  for (size_t i = 0; i < count; ++i) {
    size_t channel = channels.Of(first + static_cast<int64_t>(i));
    json.Double((codes[i] - channels.zero_points[channel]) * channels.scales[channel]);
  }
  return Ok();
}

}  // namespace

Status WriteValues(JsonWriter& json, const Model& model, const Tensor& tensor, int64_t first, int64_t count) {
  const DTypeInfo& info = Info(tensor.dtype);
  if (info.kind == DTypeClass::kNone) {
    return Error{.code = ErrorCode::kUnsupported, .message = "the element type is not known"};
  }
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(model, tensor, first, count));
  size_t elements = std::min(static_cast<size_t>(count), bytes.size() / info.item_size);
  if (info.kind == DTypeClass::kQuantized) return WriteQuantized(json, model, tensor, bytes.data(), first, elements);
  std::string text;
  for (size_t i = 0; i < elements; ++i) {
    const std::byte* at = bytes.data() + i * info.item_size;
    text.clear();
    AppendElement(text, tensor.dtype, at);
    WriteElement(json, info, at, text);
  }
  return Ok();
}

Result<std::string> ValuesJson(const Model& model, const Tensor& tensor, int64_t count) {
  std::string out;
  JsonWriter json(&out);
  json.BeginArray();
  PTHVIEW_TRY(WriteValues(json, model, tensor, 0, std::clamp<int64_t>(count, 0, std::min(kMaxValues, tensor.numel))));
  json.EndArray();
  return out;
}

}  // namespace pthview::server
