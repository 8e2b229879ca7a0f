#include "tools/server/figures_json.h"

#include <algorithm>
#include <vector>

#include "lib/analysis/compare/difference.h"
#include "lib/analysis/compare/match.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/base/json.h"

namespace pthview::server {
namespace {

// Or nobody waits for the rest any more.
bool FileFailed(const Error& error) {
  return error.code == ErrorCode::kChanged || error.code == ErrorCode::kTruncated || error.code == ErrorCode::kIo ||
         error.code == ErrorCode::kInterrupted;
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

std::vector<Index> AllTensors(const Model& model) {
  std::vector<Index> all(model.tensors.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
  return all;
}

}  // namespace

Result<std::string> FiguresJson(const Model& model, uint64_t first, const std::atomic<bool>* cancelled) {
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
    Result<Statistics> s = ComputeStatistics(model, tensor, {.cancelled = cancelled});
    if (!s && FileFailed(s.error())) return std::move(s).error();
    if (!s) continue;
    json.BeginArray().Uint(at).Int(s->count).Double(s->min).Double(s->max).Double(s->mean).Double(s->std).Double(s->l2);
    json.Int(s->zeros).Int(s->nans + s->infinities).EndArray();
  }
  json.EndArray();
  WriteNext(json, at, model.tensors.size());
  json.EndObject();
  return text;
}

Result<std::string> CompareJson(const Model& a, const Model& b, uint64_t first, const std::atomic<bool>* cancelled) {
  std::vector<Index> all_a = AllTensors(a);
  std::vector<Index> all_b = AllTensors(b);
  PTHVIEW_ASSIGN(Matching matching, MatchTensors(a, all_a, b, all_b, {.by_content = false}));
  std::vector<Index> partner(a.tensors.size(), kNone);
  for (const Match& match : matching.matches) partner[match.a] = match.b;
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("rows").BeginArray();
  Stretch stretch;
  size_t at = static_cast<size_t>(std::min<uint64_t>(first, a.tensors.size()));
  for (; at < a.tensors.size() && !stretch.full(); ++at) {
    const Tensor& tensor = a.tensors[at];
    json.BeginArray().Uint(at);
    auto row = [&](Index other, std::string_view verdict, double max, double relative) {
      json.Int(other == kNone ? -1 : static_cast<int64_t>(other)).String(verdict).Double(max).Double(relative);
      json.EndArray();
    };
    if (partner[at] == kNone) {
      row(kNone, "only_a", 0, 0);
      continue;
    }
    const Tensor& other = b.tensors[partner[at]];
    if (!std::ranges::equal(tensor.shape, other.shape)) {
      row(partner[at], "shape", 0, 0);
      continue;
    }
    stretch.Add(tensor);
    Result<Difference> difference = Compare(a, tensor, b, other, {.cancelled = cancelled});
    if (!difference && FileFailed(difference.error())) return std::move(difference).error();
    if (!difference || difference->verdict == Verdict::kIncomparable) {
      row(partner[at], "unread", 0, 0);
    } else if (difference->verdict == Verdict::kEqual) {
      row(partner[at], "equal", 0, 0);
    } else {
      row(partner[at], VerdictName(difference->verdict), difference->max, difference->relative);
    }
  }
  json.EndArray();
  json.Key("only_b").BeginArray();
  if (first == 0) {
    for (Index index : matching.only_b) json.Uint(index);
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
