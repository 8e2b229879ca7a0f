// The data-parallel ranks of one model-parallel rank have each written a share of its float32 weights:
//
//   ..._model_states.pt  {'param_shapes', ...}
//   ..._optim_states.pt  {'optimizer_state_dict': {'zero_stage', 'partition_count', 'param_alignment_paddings',
//                           'single_partition_of_fp32_groups' | 'fp32_flat_groups'}}
//
// param_shapes is a list, by parameter group, of {name: torch.Size}. In stages 1 and 2 the ranks' flat tensors of a
// group in a row hold the group's parameters in a row, each with the padding behind it that param_alignment_paddings
// (elements, by group and parameter; may be absent) says. In stage 3 each rank has ceil(numel / ranks) elements of
// every parameter, one parameter behind the other through all groups.
// Source: deepspeed/utils/zero_to_fp32.py.
#include "lib/formats/deepspeed_shares.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"

namespace pthview {

using pickle::Kind;
using pickle::Value;

std::vector<ByteRange> CutRanges(const std::vector<ByteRange>& row, uint64_t from, uint64_t nbytes) {
  std::vector<ByteRange> pieces;
  for (const ByteRange& range : row) {
    if (nbytes == 0) break;
    if (from >= range.nbytes) {
      from -= range.nbytes;
      continue;
    }
    uint64_t take = std::min(range.nbytes - from, nbytes);
    pieces.push_back({range.source, range.offset + from, take});
    from = 0;
    nbytes -= take;
  }
  if (nbytes > 0) pieces.clear();
  return pieces;
}

namespace {

// zero_stage is an int, or a member of ZeroStageEnum: pickled by value or, by some Pythons, as getattr(class, name).
// One that is neither is told by what stages 1 and 2 have in common.
int StageOf(const DeepSpeedFile& file, Value stage) {
  if (auto number = file.Int(stage)) return static_cast<int>(std::clamp<int64_t>(*number, 0, 99));
  constexpr std::string_view kNames[] = {"disabled", "optimizer_states", "gradients", "weights"};
  constexpr int kEither = 2;
  if (!stage.Is(Kind::kObject)) return kEither;
  auto args = file.file.tree.Sequence(file.file.tree.ObjectOf(stage).args);
  if (args.size() != 2 || !args[1].IsText()) return kEither;
  const auto* found = std::find(std::begin(kNames), std::end(kNames), args[1].Text());
  return found == std::end(kNames) ? kEither : static_cast<int>(found - std::begin(kNames));
}

class Merger {
 public:
  Merger(ModelBuilder& builder, const DeepSpeedFiles& files, int rank, std::string_view label)
      : builder_(builder), files_(files), of_rank_(files.ranks.at(rank)), label_(label) {
    share_.rank = rank;
  }

  Result<DeepSpeedShare> Run() {
    if (of_rank_.model.empty()) {
      return Error{.code = ErrorCode::kNotFound, .message = "it has no file of model states"};
    }
    PTHVIEW_ASSIGN(share_.model, Load(of_rank_.model.begin()->second));
    PTHVIEW_TRY(ReadShapes());
    PTHVIEW_TRY(ReadRanks());
    if (share_.stage == 3) {
      MergeInterleaved();
    } else {
      MergeRows();
    }
    ReadDeepSpeedStates(builder_, files_, ranks_, share_);
    share_.data_ranks = flat_.size();
    return std::move(share_);
  }

 private:
  Result<std::unique_ptr<DeepSpeedFile>> Load(const std::string& name) {
    return LoadDeepSpeedFile(builder_, files_.folder, name);
  }

  struct Group {
    std::vector<size_t> parameters;  // into share_.parameters
    std::vector<int64_t> paddings;   // behind each, in elements; empty: none
    int64_t partitions = 0;          // 0: the file does not say
  };

  Status AddShapes(Value dict, std::vector<size_t>* added) {
    auto pairs = share_.model->values.Pairs(dict);
    if (!pairs) return Ok();
    for (const auto& [name, size] : *pairs) {
      auto shape = share_.model->Ints(size);
      auto numel = shape ? CheckedNumel(*shape) : std::nullopt;
      auto nbytes = numel ? BytesFor(DType::kFloat32, *numel) : std::nullopt;
      if (!name.IsText() || !nbytes) {
        return Error{.code = ErrorCode::kCorrupt, .message = "param_shapes holds something else than names and sizes"};
      }
      added->push_back(share_.parameters.size());
      share_.parameters.push_back({.name = std::string(name.Text()), .shape = std::move(*shape), .nbytes = *nbytes});
    }
    return Ok();
  }

  Status ReadShapes() {
    const Value* shapes = share_.model->Find("param_shapes");
    if (shapes == nullptr) {
      return Error{.code = ErrorCode::kCorrupt,
                   .message = fmt::format("{} has no param_shapes: its weights cannot be put together",
                                          of_rank_.model.begin()->second)};
    }
    std::vector<Value> groups;
    if (auto list = share_.model->values.Items(*shapes)) {
      groups.assign(list->begin(), list->end());
    } else {  // older: one dict for all
      groups.push_back(*shapes);
    }
    for (Value group : groups) {
      groups_.emplace_back();
      PTHVIEW_TRY(AddShapes(group, &groups_.back().parameters));
    }
    return Ok();
  }

  Status ReadRanks() {
    int64_t partitions = 0;
    for (const auto& [rank, name] : of_rank_.optimizer) {
      auto loaded = Load(name);
      if (!loaded) {
        builder_.Note(Severity::kError, "shard-broken", EscapeName(name), loaded.error().message);
        continue;
      }
      DeepSpeedFile& file = **loaded;
      const Value* state = file.Find("optimizer_state_dict");
      if (state == nullptr) continue;
      if (const Value* stage = file.Find(*state, "zero_stage")) share_.stage = StageOf(file, *stage);
      partitions = std::max(partitions, ReadPartitions(file, *state));
      ReadPaddings(file, *state);
      const char* key = share_.stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups";
      if (const Value* groups = file.Find(*state, key)) ReadFlat(file, rank, *groups);
    }
    if (flat_.empty()) {
      return Error{.code = ErrorCode::kCorrupt, .message = "no rank has a share of the float32 weights"};
    }
    int64_t highest = flat_.rbegin()->first;
    ranks_ = std::max(partitions, highest + 1);
    if (ranks_ > kMaxRanks)
      return Error{.code = ErrorCode::kLimit, .message = "more ranks than any real checkpoint has"};
    for (int64_t rank = 0; rank < ranks_; ++rank) {
      if (!flat_.contains(static_cast<int>(rank))) {
        complete_ = false;
        builder_.Note(
            Severity::kError, "shard-missing", "",
            fmt::format("the share of rank {}{} is missing; what needs it is listed without data", rank, label_));
      }
    }
    return Ok();
  }

  // partition_count: one for all, or by group.
  int64_t ReadPartitions(DeepSpeedFile& file, Value state) {
    const Value* count = file.Find(state, "partition_count");
    if (count == nullptr) return 0;
    if (count->Is(Kind::kInt)) return count->integer;
    auto list = file.Ints(*count);
    if (!list || list->empty()) return 0;
    for (size_t i = 0; i < std::min(list->size(), groups_.size()); ++i) groups_[i].partitions = (*list)[i];
    return *std::max_element(list->begin(), list->end());
  }

  void ReadPaddings(DeepSpeedFile& file, Value state) {
    const Value* paddings = file.Find(state, "param_alignment_paddings");
    auto groups = paddings != nullptr ? file.values.Items(*paddings) : std::nullopt;
    if (!groups) return;
    for (size_t i = 0; i < std::min(groups->size(), groups_.size()); ++i) {
      if (auto list = file.Ints((*groups)[i])) groups_[i].paddings = std::move(*list);
    }
  }

  // The flat tensors of one rank, one a group.
  void ReadFlat(DeepSpeedFile& file, int rank, Value groups) {
    auto items = file.values.Items(groups);
    if (!items) return;
    auto& flat = flat_[rank];
    for (Value item : *items) {
      auto tensor = file.tensors.Read(item, "fp32");
      std::optional<ByteRange> range;
      if (tensor && tensor->dtype == DType::kFloat32) range = ContiguousRange(builder_.model(), *tensor);
      if (!range) {
        builder_.Note(Severity::kError, "zero-share", "",
                      fmt::format("a share of rank {}{} is no flat float32 tensor with data", rank, label_));
      }
      flat.push_back(range.value_or(ByteRange{}));
    }
  }

  // Stages 1 and 2: the ranks' shares of a group in a row, the parameters in a row over them.
  void MergeRows() {
    for (size_t group = 0; group < groups_.size(); ++group) {
      std::vector<ByteRange> row;
      bool whole = complete_ && Agrees(group);
      for (const auto& [rank, flat] : flat_) {
        if (group < flat.size() && flat[group].source != kNone) {
          row.push_back(flat[group]);
        } else {
          whole = false;
        }
      }
      uint64_t at = 0;
      const Group& of = groups_[group];
      for (size_t i = 0; i < of.parameters.size(); ++i) {
        DeepSpeedParameter& parameter = share_.parameters[of.parameters[i]];
        if (whole) parameter.pieces = CutRanges(row, at, parameter.nbytes);
        at += std::min(parameter.nbytes, UINT64_MAX - at);
        uint64_t padding = i < of.paddings.size() ? BytesFor(DType::kFloat32, of.paddings[i]).value_or(0) : 0;
        at += std::min(padding, UINT64_MAX - at);
      }
    }
  }

  // Experts of a mixture are shared out over fewer ranks than the rest, and every rank has others.
  bool Agrees(size_t group) {
    const Group& of = groups_[group];
    bool split = of.partitions != 0 && of.partitions != ranks_;
    bool padded = of.paddings.empty() || of.paddings.size() == of.parameters.size();
    if (split) {
      builder_.Note(Severity::kWarning, "zero-experts", "",
                    fmt::format("the {} parameters of group {}{} are split over {} ranks where others are over {}, as "
                                "experts are: which are whose the file does not say, so they have no data here",
                                of.parameters.size(), group, label_, of.partitions, ranks_));
    } else if (!padded) {
      builder_.Note(Severity::kError, "zero-share", "",
                    fmt::format("group {}{} has {} paddings for {} parameters", group, label_, of.paddings.size(),
                                of.parameters.size()));
    }
    return !split && padded;
  }

  // Stage 3: every rank has its share of every parameter.
  void MergeInterleaved() {
    uint64_t at = 0;  // in each rank's flat tensors taken in a row
    for (DeepSpeedParameter& parameter : share_.parameters) {
      auto numel = static_cast<int64_t>(parameter.nbytes / 4);
      int64_t count = numel / ranks_ + (numel % ranks_ != 0);
      auto share_bytes = BytesFor(DType::kFloat32, count).value_or(0);
      uint64_t left = parameter.nbytes;
      for (const auto& [rank, flat] : flat_) {
        uint64_t take = std::min(left, share_bytes);
        auto here = CutRanges(flat, at, take);
        if (take > 0 && here.empty()) break;
        parameter.pieces.insert(parameter.pieces.end(), here.begin(), here.end());
        left -= take;
      }
      if (left > 0 || !complete_) parameter.pieces.clear();
      at += std::min(share_bytes, UINT64_MAX - at);
    }
  }

  static constexpr int64_t kMaxRanks = 100'000;

  ModelBuilder& builder_;
  const DeepSpeedFiles& files_;
  const DeepSpeedRankFiles& of_rank_;
  std::string label_;
  DeepSpeedShare share_;
  std::vector<Group> groups_;
  std::map<int, std::vector<ByteRange>> flat_;  // by data-parallel rank: the flat tensor of each group
  int64_t ranks_ = 0;
  bool complete_ = true;
};

}  // namespace

Result<DeepSpeedShare> ReadDeepSpeedShare(ModelBuilder& builder, const DeepSpeedFiles& files, int rank,
                                          std::string_view label) {
  return Merger(builder, files, rank, label).Run();
}

}  // namespace pthview
