// The data-parallel ranks of one model-parallel rank have each written a share of its float32 weights:
//
//   ..._model_states.pt  {'param_shapes', ...}
//   ..._optim_states.pt  {'optimizer_state_dict': {'zero_stage', 'partition_count', 'param_alignment_paddings',
//                           'single_partition_of_fp32_groups' | 'fp32_flat_groups'}}
//
// param_shapes is a list, by parameter group, of {name: torch.Size}; the groups of the other lists are the same. How
// the flat tensors make the parameters is told in deepspeed_merge.h. Source: deepspeed/utils/zero_to_fp32.py.
#include "lib/formats/spread/deepspeed_shares.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/base/allowance.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/formats/spread/deepspeed_merge.h"

namespace pthview {

using pickle::Kind;
using pickle::Value;

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

class Reader {
 public:
  Reader(ModelBuilder& builder, const DeepSpeedFiles& files, int rank, std::string_view label)
      : builder_(builder), files_(files), of_rank_(files.ranks.at(rank)) {
    share_.rank = rank;
    saved_.label = label;
  }

  Result<DeepSpeedShare> Run() {
    if (of_rank_.model.empty()) {
      return Error{.code = ErrorCode::kNotFound, .message = "it has no file of model states"};
    }
    PTHVIEW_ASSIGN(share_.model, Load(of_rank_.model.begin()->second));
    if (of_rank_.optimizer.empty()) {
      share_.shared_out = false;
      share_.data_ranks = 1;
      ReadDeepSpeedModule(builder_, files_, share_);
      return std::move(share_);
    }
    budget_ = Allowance::OfFile(share_.model->file.tree.end);
    PTHVIEW_TRY(ReadShapes());
    PTHVIEW_TRY(ReadRanks());
    MergeDeepSpeedShares(builder_, saved_, share_);
    ReadDeepSpeedStates(builder_, files_, saved_.ranks, share_);
    share_.data_ranks = saved_.flat.size();
    return std::move(share_);
  }

 private:
  Result<std::unique_ptr<DeepSpeedFile>> Load(const std::string& name) {
    return LoadDeepSpeedFile(builder_, files_.folder, name);
  }

  Status AddShapes(Value dict, std::vector<size_t>* added) {
    auto pairs = share_.model->values.Pairs(dict);
    if (!pairs) return Ok();
    for (const auto& [name, size] : *pairs) {
      auto shape = share_.model->Ints(size);
      auto numel = shape ? CheckedNumel(*shape) : std::nullopt;
      auto nbytes = numel ? BytesFor(DType::kFloat32, *numel) : std::nullopt;
      // A pickle may name one dict many times.
      if (name.IsText() && nbytes && !budget_->Take(name.Text().size() + 8 * shape->size() + 64)) {
        return Error{.code = ErrorCode::kLimit,
                     .message = fmt::format("param_shapes names parameters again and again: more than the {} bytes of "
                                            "names and sizes that are allowed (8 times its pickle's size and 4 MB)",
                                            budget_->total())};
      }
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
      saved_.groups.emplace_back();
      PTHVIEW_TRY(AddShapes(group, &saved_.groups.back().parameters));
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
      if (!TakeStage(file, *state, name)) continue;
      partitions = std::max(partitions, ReadPartitions(file, *state));
      ReadPaddings(file, *state);
      ReadPartitionGroups(file, *state);
      const char* key = share_.stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups";
      if (const Value* groups = file.Find(*state, key)) ReadFlat(file, rank, *groups);
    }
    if (std::ranges::any_of(saved_.groups, &DeepSpeedGroup::conflict)) {
      builder_.Note(Severity::kError, "zero-share", "",
                    fmt::format("the ranks{} say different paddings or numbers of ranks of a group: its parameters "
                                "have no data here",
                                saved_.label));
    }
    if (saved_.flat.empty()) {
      return Error{.code = ErrorCode::kCorrupt, .message = "no rank has a share of the float32 weights"};
    }
    int64_t highest = saved_.flat.rbegin()->first;
    saved_.ranks = std::max(partitions, highest + 1);
    if (saved_.ranks > kMaxRanks)
      return Error{.code = ErrorCode::kLimit, .message = "more ranks than any real checkpoint has"};
    std::string missing = MissingRanks(saved_.flat, saved_.ranks);
    if (!missing.empty()) {
      builder_.Note(Severity::kError, "shard-missing", "",
                    fmt::format("no share of the weights from rank {}{}; what needs it is listed without data", missing,
                                saved_.label));
    }
    return Ok();
  }

  // partition_count: one for all, or by group.
  int64_t ReadPartitions(DeepSpeedFile& file, Value state) {
    const Value* count = file.Find(state, "partition_count");
    if (count == nullptr) return 0;
    if (count->Is(Kind::kInt)) return count->integer;
    auto list = file.Ints(*count, kMostGroups);
    if (!list || list->empty()) return 0;
    for (size_t i = 0; i < std::min(list->size(), saved_.groups.size()); ++i) SetPartitions(i, (*list)[i]);
    return *std::max_element(list->begin(), list->end());
  }

  // Stage 3 with experts: [{'partition_count': int, ...}], by group.
  void ReadPartitionGroups(DeepSpeedFile& file, Value state) {
    const Value* groups = file.Find(state, "ds_zero_partition_groups");
    auto items = groups != nullptr ? file.values.Items(*groups) : std::nullopt;
    for (size_t i = 0; items && i < std::min(items->size(), saved_.groups.size()); ++i) {
      const Value* count = file.Find((*items)[i], "partition_count");
      if (count != nullptr && count->Is(Kind::kInt)) SetPartitions(i, count->integer);
    }
  }

  void ReadPaddings(DeepSpeedFile& file, Value state) {
    const Value* paddings = file.Find(state, "param_alignment_paddings");
    auto groups = paddings != nullptr ? file.values.Items(*paddings) : std::nullopt;
    if (!groups) return;
    for (size_t i = 0; i < std::min(groups->size(), saved_.groups.size()); ++i) {
      DeepSpeedGroup& of = saved_.groups[i];
      auto list = file.Ints((*groups)[i], of.parameters.size() + 1);  // one more shows that they do not fit
      if (!list) continue;
      if (!of.paddings) {
        of.paddings = std::move(*list);
      } else if (*of.paddings != *list) {
        of.conflict = true;
      }
    }
  }

  // What one rank says, and another may say differently.
  void SetPartitions(size_t group, int64_t partitions) {
    DeepSpeedGroup& of = saved_.groups[group];
    if (of.partitions != 0 && of.partitions != partitions) of.conflict = true;
    of.partitions = partitions;
  }

  // False for a rank that was saved by another stage than the first: its share is cut otherwise.
  bool TakeStage(DeepSpeedFile& file, Value state, const std::string& name) {
    const Value* stage = file.Find(state, "zero_stage");
    if (stage == nullptr) return true;
    const int number = StageOf(file, *stage);
    if (!stage_known_) share_.stage = number;
    stage_known_ = true;
    if (number == share_.stage) return true;
    builder_.Note(Severity::kError, "zero-share", EscapeName(name),
                  fmt::format("it says ZeRO stage {}, and ranks before it stage {}: its share is not used", number,
                              share_.stage));
    return false;
  }

  // The flat tensors of one rank, one a group.
  void ReadFlat(DeepSpeedFile& file, int rank, Value groups) {
    auto items = file.values.Items(groups);
    if (!items) return;
    auto& flat = saved_.flat[rank];
    for (Value item : *items) {
      auto tensor = file.tensors.Read(item, "fp32");
      std::optional<ByteRange> range;
      const bool floats = tensor && tensor->dtype == DType::kFloat32;
      if (floats && tensor->data == DataState::kPresent) {
        range = tensor->numel == 0 ? ByteRange{.source = 0} : ContiguousRange(builder_.model(), *tensor);
      }
      if (!range) {
        builder_.Note(Severity::kError, "zero-share", "",
                      fmt::format("a share of rank {}{} is no flat float32 tensor with data", rank, saved_.label));
      }
      flat.push_back(range.value_or(ByteRange{}));
    }
  }

  static constexpr int64_t kMaxRanks = 100'000;
  static constexpr size_t kMostGroups = 100'000;

  ModelBuilder& builder_;
  const DeepSpeedFiles& files_;
  const DeepSpeedRankFiles& of_rank_;
  DeepSpeedShare share_;
  DeepSpeedSaved saved_;
  std::optional<Allowance> budget_;  // for names and sizes of parameters
  bool stage_known_ = false;
};

}  // namespace

Result<DeepSpeedShare> ReadDeepSpeedShare(ModelBuilder& builder, const DeepSpeedFiles& files, int rank,
                                          std::string_view label) {
  return Reader(builder, files, rank, label).Run();
}

}  // namespace pthview
