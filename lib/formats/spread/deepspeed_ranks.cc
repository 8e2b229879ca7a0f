#include "lib/formats/spread/deepspeed_ranks.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/spread/deepspeed_join.h"
#include "lib/formats/spread/deepspeed_layout.h"

namespace pthview {
namespace {

std::string StepOf(int64_t rank) { return fmt::format("mp_rank_{:02}", rank); }

// How many tensor-parallel ranks a stage has: by the model states, else by the files of layers, else all there are.
int64_t TensorRanks(const DeepSpeedFiles& files, const DeepSpeedRanks& ranks) {
  int64_t degree = 0;
  for (const auto& [rank, share] : ranks.shares) degree = std::max(degree, share.tensor_ranks.value_or(0));
  if (degree > 0) return degree;
  for (const std::string& name : files.others) {
    if (auto layer = LayerFileOf(name)) degree = std::max(degree, layer->tensor_rank + int64_t{1});
  }
  return degree > 0 && ranks.count % degree == 0 ? degree : ranks.count;
}

class Joiner {
 public:
  Joiner(ModelBuilder& builder, const std::string& folder, DeepSpeedRanks& ranks, DeepSpeedRows& rows)
      : builder_(builder), folder_(folder), ranks_(ranks), rows_(rows) {
    size_t slices = 0;
    for (const auto& [rank, share] : ranks_.shares) slices += share.parameters.size();
    for (auto& [rank, share] : ranks_.shares) {
      const pickle::Value* info = share.model->Find("universal_checkpoint_info");
      if (info == nullptr || !share.model->values.Pairs(*info)) continue;
      layout_.emplace(*share.model, *info, slices);
      layout_rank_ = rank;
      break;
    }
  }

  void Run() {
    const bool sliced = ranks_.tensor_ranks > 1;
    if (sliced && !layout_) {
      builder_.Note(Severity::kWarning, "model-parallel", "",
                    fmt::format("the model is split over {} tensor-parallel ranks, and no universal_checkpoint_info "
                                "says how: the ranks' shares are listed apart, in parts mp_rank_..",
                                ranks_.tensor_ranks));
      for (const auto& [rank, share] : ranks_.shares) ListApart(share);
      return;
    }
    auto first = ranks_.shares.begin();
    while (first != ranks_.shares.end()) {
      int64_t stage = first->first / ranks_.tensor_ranks;
      auto last = first;
      while (last != ranks_.shares.end() && last->first / ranks_.tensor_ranks == stage) ++last;
      JoinStage(first, last);
      first = last;
    }
    Report();
  }

 private:
  using Shares = std::map<int, DeepSpeedShare>::iterator;
  struct Slices {
    std::vector<int> ranks;
    std::vector<const DeepSpeedParameter*> parameters;
  };

  void ListApart(const DeepSpeedShare& share) {
    Index part = rows_.Part(StepOf(share.rank));
    for (const DeepSpeedParameter& parameter : share.parameters) rows_.Add(part, parameter);
    for (const auto& [name, tensor] : share.buffers) rows_.AddBuffer(part, name, tensor);
    for (const auto& [name, original] : share.same_as) AddSame(StepOf(share.rank), name, original);
  }

  void AddSame(const std::string& step, const std::string& name, const std::string& original) {
    if (rows_.AddSame(step, name, original)) return;
    builder_.Note(
        Severity::kError, "zero-shared", EscapeName(name),
        fmt::format("shared_params says that it is {}, which is not there: it is not listed", EscapeName(original)));
  }

  void JoinStage(Shares first, Shares last) {
    const Index whole = rows_.Part("");
    std::vector<const std::string*> order;
    std::unordered_map<std::string_view, Slices, TextHash> by_name;
    for (auto at = first; at != last; ++at) {
      for (const DeepSpeedParameter& parameter : at->second.parameters) {
        auto [found, is_new] = by_name.try_emplace(parameter.name);
        if (is_new) order.push_back(&parameter.name);
        found->second.ranks.push_back(at->first);
        found->second.parameters.push_back(&parameter);
      }
    }
    for (const std::string* name : order) {
      const Slices& slices = by_name.at(*name);
      if (auto fault = JoinOne(*name, slices)) {
        builder_.Note(Severity::kWarning, "model-parallel", EscapeName(*name),
                      fmt::format("not joined, each rank's share is listed in a part of its own: {}", *fault));
        for (size_t i = 0; i < slices.ranks.size(); ++i) {
          rows_.Add(rows_.Part(StepOf(slices.ranks[i])), *slices.parameters[i]);
        }
      }
    }
    for (auto at = first; at != last; ++at) {
      const DeepSpeedShare& share = at->second;
      for (const auto& [name, tensor] : share.buffers) AddBuffer(share.rank, name, tensor);
      for (const auto& [name, original] : share.same_as) {
        AddSame(rows_.Find(whole, original) != nullptr ? "" : StepOf(share.rank), name, original);
      }
    }
  }

  // Why the slices of a parameter were not joined; nullopt when they are, or it is listed already.
  std::optional<std::string> JoinOne(const std::string& name, const Slices& slices) {
    const Index whole = rows_.Part("");
    if (rows_.Find(whole, name) != nullptr) {
      if (layout_ && layout_->IsPipelineReplica(name)) {
        ++replicas_;
        return std::nullopt;
      }
      return "an earlier stage of the pipeline has a parameter of this name, and nothing says that it is the same";
    }
    if (ranks_.tensor_ranks == 1 && slices.ranks.size() == 1) {
      rows_.Add(whole, *slices.parameters[0]);
      return std::nullopt;
    }
    if (std::ranges::adjacent_find(slices.ranks) != slices.ranks.end()) return "a rank has two of this name";
    if (static_cast<int64_t>(slices.ranks.size()) != ranks_.tensor_ranks) {
      return fmt::format("{} of {} ranks have it", slices.ranks.size(), ranks_.tensor_ranks);
    }
    std::vector<Shape> shapes;
    shapes.reserve(slices.parameters.size());
    for (const DeepSpeedParameter* parameter : slices.parameters) {
      if (parameter->tensor && !parameter->HasData()) return "a rank's tensor has strides, or no data";
      if (parameter->tensor && !IsPlain(*parameter->tensor)) {
        return "a rank's tensor is quantised, sparse, or a view that changes values";
      }
      shapes.push_back(parameter->shape);
    }
    auto plan = layout_->Plan(name, shapes);
    if (!plan) return plan.error().message;
    DeepSpeedParameter joined;
    std::unique_ptr<ByteSource> source;
    if (plan->kind == JoinPlan::kReplicated) {
      joined = *slices.parameters[0];
      source = SourceOf(builder_.model(), folder_, joined);
      ++replicated_;
    } else {
      auto made = JoinSlices(builder_.model(), folder_, *plan, slices.parameters, joined);
      if (!made) return made.error().message;
      source = std::move(*made);
      ++(plan->kind == JoinPlan::kMean ? means_ : joined_);
    }
    rows_.Add(whole, joined, std::move(source), RowsOf(name, *plan, joined));
    return std::nullopt;
  }

  // The rows that are no padding, or -1: all.
  int64_t RowsOf(const std::string& name, const JoinPlan& plan, const DeepSpeedParameter& joined) {
    if (plan.rows && (*plan.rows < 0 || (!joined.shape.empty() && *plan.rows > joined.shape[0]))) {
      builder_.Note(Severity::kWarning, "vocabulary-padding", EscapeName(name),
                    fmt::format("original_vocab_size is {}, which is no number of its rows: the last may be padding",
                                *plan.rows));
    }
    if (plan.padded) {
      builder_.Note(Severity::kWarning, "vocabulary-padding", EscapeName(name),
                    "its last rows may be padding: original_vocab_size is not in the file");
    }
    if (!plan.rows || joined.shape.empty() || *plan.rows < 0 || *plan.rows >= joined.shape[0]) return -1;
    builder_.Note(Severity::kInfo, "vocabulary-padding", EscapeName(name),
                  fmt::format("of {} rows the last {} are padding by original_vocab_size and left out", joined.shape[0],
                              joined.shape[0] - *plan.rows));
    return *plan.rows;
  }

  // Buffers are not split: the first rank's is listed, and another's only where it cannot be the same.
  void AddBuffer(int rank, const std::string& name, const Tensor& tensor) {
    const Index whole = rows_.Part("");
    const Tensor* listed = rows_.Find(whole, name);
    bool alike = listed != nullptr && listed->dtype == tensor.dtype && std::ranges::equal(listed->shape, tensor.shape);
    if (alike) {
      ++buffers_;
    } else {
      rows_.AddBuffer(listed == nullptr ? whole : rows_.Part(StepOf(rank)), name, tensor);
    }
  }

  void Report() {
    auto note = [&](std::string_view code, size_t count, std::string text) {
      if (count > 0) builder_.Note(Severity::kInfo, code, "", std::move(text));
    };
    note("mp-joined", joined_,
         fmt::format("{} parameters are joined from the slices of {} tensor-parallel ranks as "
                     "universal_checkpoint_info of {} says (the other ranks' is not compared)",
                     joined_, ranks_.tensor_ranks, StepOf(layout_rank_)));
    note("mp-replicated", replicated_,
         fmt::format("{} parameters are the same on all tensor-parallel ranks by universal_checkpoint_info: the first "
                     "rank's are listed, the others' are not compared with them",
                     replicated_));
    note("mp-mean", means_,
         fmt::format("{} parameters are the mean of the tensor-parallel ranks', as universal_checkpoint_info says; it "
                     "is taken when they are read",
                     means_));
    note("mp-replicated", replicas_,
         fmt::format("{} parameters that later stages of the pipeline have again are listed as the first has them",
                     replicas_));
    note("mp-buffers", buffers_,
         fmt::format("{} buffers of other ranks have the name, type and shape of one that is listed: they are taken to "
                     "be the same and not compared",
                     buffers_));
  }

  ModelBuilder& builder_;
  const std::string& folder_;
  DeepSpeedRanks& ranks_;
  DeepSpeedRows& rows_;
  std::optional<DeepSpeedLayout> layout_;
  int layout_rank_ = 0;
  size_t joined_ = 0;
  size_t replicated_ = 0;
  size_t means_ = 0;
  size_t replicas_ = 0;
  size_t buffers_ = 0;
};

}  // namespace

Result<DeepSpeedRanks> ReadDeepSpeedRanks(ModelBuilder& builder, const DeepSpeedFiles& files) {
  DeepSpeedRanks ranks;
  ranks.count = int64_t{files.ranks.rbegin()->first} + 1;
  std::optional<Error> first_error;
  for (const auto& [rank, of] : files.ranks) {
    auto share = ReadDeepSpeedShare(builder, files, rank, ranks.count > 1 ? " of " + StepOf(rank) : "");
    if (share) {
      ranks.shares.emplace(rank, std::move(*share));
      continue;
    }
    if (!first_error) first_error = share.error();
    if (ranks.count > 1) {
      builder.Note(Severity::kError, "shard-broken", StepOf(rank),
                   fmt::format("{}; its share is not listed", share.error().message));
    }
  }
  if (ranks.shares.empty()) return *first_error;
  ranks.tensor_ranks = TensorRanks(files, ranks);
  ranks.count = std::max(ranks.count, ranks.tensor_ranks);
  std::string missing = MissingRanks(files.ranks, ranks.count);
  if (!missing.empty()) {
    builder.Note(Severity::kError, "shard-missing", "",
                 fmt::format("no files of the model-parallel ranks {}", missing));
  }
  if (ranks.count % ranks.tensor_ranks != 0) {
    builder.Note(Severity::kWarning, "model-parallel", "",
                 fmt::format("there are {} model-parallel ranks, which are no stages of {} tensor-parallel ranks each",
                             ranks.count, ranks.tensor_ranks));
  }
  return ranks;
}

void ListDeepSpeedRanks(ModelBuilder& builder, const std::string& folder, DeepSpeedRanks& ranks, DeepSpeedRows& rows) {
  Joiner(builder, folder, ranks, rows).Run();
}

std::set<std::pair<std::string, Shape>> NamesAndShapesOf(const DeepSpeedRanks& ranks) {
  std::set<std::pair<std::string, Shape>> all;
  for (const auto& [rank, share] : ranks.shares) {
    for (const DeepSpeedParameter& parameter : share.parameters) all.emplace(parameter.name, parameter.shape);
    for (const auto& [name, tensor] : share.buffers) all.emplace(name, Shape(tensor.shape.begin(), tensor.shape.end()));
  }
  return all;
}

}  // namespace pthview
