#include "tools/server/figures_json.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <vector>

#include "lib/analysis/statistics/statistics.h"
#include "lib/base/element.h"
#include "lib/base/json.h"
#include "lib/base/text_hash.h"
#include "lib/model/tensor_data.h"

namespace pthview::server {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 20;

bool FileFailed(const Error& error) {
  return error.code == ErrorCode::kChanged || error.code == ErrorCode::kTruncated || error.code == ErrorCode::kIo;
}

// How much of one answer has been used.
class Stretch {
 public:
  bool full() const { return tensors_ >= kStretchTensors || bytes_ >= kStretchBytes; }
  void Add(const Tensor& tensor) {
    ++tensors_;
    bytes_ += tensor.nbytes();
  }

 private:
  size_t tensors_ = 0;
  uint64_t bytes_ = 0;
};

void WriteNext(JsonWriter& json, size_t at, size_t end) {
  json.Key("next").Int(at < end ? static_cast<int64_t>(at) : -1);
}

// What two tensors of one shape differ by.
struct Gap {
  double max = 0;
  double squares = 0;    // of a - b
  double squares_a = 0;  // of a
  bool equal = true;

  double relative() const {
    if (squares == 0) return 0;
    return squares_a > 0 ? std::sqrt(squares / squares_a) : std::numeric_limits<double>::infinity();
  }
};

bool Comparable(const Tensor& tensor) {
  return tensor.layout == Layout::kDense && tensor.data == DataState::kPresent && tensor.quantization == kNone &&
         Info(tensor.dtype).kind != DTypeClass::kNone && tensor.dtype != DType::kFloat4E2M1FNx2;
}

void AddPiece(Gap& gap, std::span<const double> a, std::span<const double> b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) {
      if (std::isfinite(a[i])) gap.squares_a += a[i] * a[i];
      continue;
    }
    gap.equal = false;
    double difference = std::abs(a[i] - b[i]);
    if (!std::isfinite(difference)) continue;
    gap.max = std::max(gap.max, difference);
    gap.squares += difference * difference;
    gap.squares_a += a[i] * a[i];
  }
}

Result<Gap> CompareValues(const Model& model_a, const Tensor& a, const Model& model_b, const Tensor& b) {
  Gap gap;
  std::vector<double> decoded_a;
  std::vector<double> decoded_b;
  for (int64_t first = 0; first < a.numel; first += kPieceElements) {
    int64_t count = std::min(kPieceElements, a.numel - first);
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes_a, ReadElements(model_a, a, first, count));
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes_b, ReadElements(model_b, b, first, count));
    decoded_a.resize(static_cast<size_t>(count));
    decoded_b.resize(static_cast<size_t>(count));
    DecodeToDouble(BlockDType(a.dtype), bytes_a.data(), decoded_a.size(), decoded_a.data());
    DecodeToDouble(BlockDType(b.dtype), bytes_b.data(), decoded_b.size(), decoded_b.data());
    AddPiece(gap, decoded_a, decoded_b);
  }
  return gap;
}

using Names = std::unordered_map<std::string_view, size_t, TextHash>;

Names NamesOf(const Model& model) {
  Names names;
  for (size_t i = 0; i < model.tensors.size(); ++i) names.try_emplace(model.tensors[i].name, i);
  return names;
}

}  // namespace

Result<std::string> FiguresJson(const Model& model, uint64_t first) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("names").BeginArray();
  for (const char* name : {"count", "min", "max", "mean", "std", "l2", "zeros", "not_finite"}) json.String(name);
  json.EndArray().Key("rows").BeginArray();
  Stretch stretch;
  size_t at = static_cast<size_t>(std::min<uint64_t>(first, model.tensors.size()));
  for (; at < model.tensors.size() && !stretch.full(); ++at) {
    const Tensor& tensor = model.tensors[at];
    stretch.Add(tensor);
    Result<Statistics> s = ComputeStatistics(model, tensor);
    if (!s && FileFailed(s.error())) return std::move(s).error();
    if (!s) continue;
    double l2 = std::sqrt(static_cast<double>(s->finite) * (s->mean * s->mean + s->std * s->std));
    json.BeginArray().Uint(at).Int(s->count).Double(s->min).Double(s->max).Double(s->mean).Double(s->std).Double(l2);
    json.Int(s->zeros).Int(s->nans + s->infinities).EndArray();
  }
  json.EndArray();
  WriteNext(json, at, model.tensors.size());
  json.EndObject();
  return text;
}

Result<std::string> CompareJson(const Model& a, const Model& b, uint64_t first) {
  Names names = NamesOf(b);
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("rows").BeginArray();
  Stretch stretch;
  size_t at = static_cast<size_t>(std::min<uint64_t>(first, a.tensors.size()));
  for (; at < a.tensors.size() && !stretch.full(); ++at) {
    const Tensor& tensor = a.tensors[at];
    auto found = names.find(tensor.name);
    json.BeginArray().Uint(at);
    auto row = [&](int64_t other, std::string_view verdict, double max, double relative) {
      json.Int(other).String(verdict).Double(max).Double(relative).EndArray();
    };
    if (found == names.end()) {
      row(-1, "only_a", 0, 0);
      continue;
    }
    const Tensor& other = b.tensors[found->second];
    auto index = static_cast<int64_t>(found->second);
    if (!std::ranges::equal(tensor.shape, other.shape)) {
      row(index, "shape", 0, 0);
      continue;
    }
    if (!Comparable(tensor) || !Comparable(other)) {
      row(index, "unread", 0, 0);
      continue;
    }
    stretch.Add(tensor);
    Result<Gap> gap = CompareValues(a, tensor, b, other);
    if (!gap && FileFailed(gap.error())) return std::move(gap).error();
    if (!gap) {
      row(index, "unread", 0, 0);
    } else {
      row(index, gap->equal ? "equal" : "differs", gap->max, gap->relative());
    }
  }
  json.EndArray();
  json.Key("only_b").BeginArray();
  if (first == 0) {
    Names known = NamesOf(a);
    for (size_t i = 0; i < b.tensors.size(); ++i) {
      if (!known.contains(b.tensors[i].name)) json.Uint(i);
    }
  }
  json.EndArray();
  WriteNext(json, at, a.tensors.size());
  json.EndObject();
  return text;
}

std::string FindJson(const Model& model, std::string_view name) {
  auto found = std::ranges::find(model.tensors, name, &Tensor::name);
  int64_t index = found == model.tensors.end() ? -1 : found - model.tensors.begin();
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("index").Int(index).EndObject();
  return text;
}

}  // namespace pthview::server
