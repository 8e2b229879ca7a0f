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
    if (of_rank_.optimizer.empty()) {
      share_.stage = 0;
      share_.data_ranks = 1;
      ReadDeepSpeedModule(builder_, files_, share_);
      return std::move(share_);
    }
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
      ReadPartitionGroups(file, *state);
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
    std::string missing = MissingRanks(flat_, ranks_);
    if (!missing.empty()) {
      builder_.Note(
          Severity::kError, "shard-missing", "",
          fmt::format("no share of the weights from rank {}{}; what needs it is listed without data", missing, label_));
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

  // Stage 3 with experts: [{'partition_count': int, ...}], by group.
  void ReadPartitionGroups(DeepSpeedFile& file, Value state) {
    const Value* groups = file.Find(state, "ds_zero_partition_groups");
    auto items = groups != nullptr ? file.values.Items(*groups) : std::nullopt;
    for (size_t i = 0; items && i < std::min(items->size(), groups_.size()); ++i) {
      const Value* count = file.Find((*items)[i], "partition_count");
      if (count != nullptr && count->Is(Kind::kInt)) groups_[i].partitions = count->integer;
    }
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
      const bool floats = tensor && tensor->dtype == DType::kFloat32;
      if (floats) range = tensor->numel == 0 ? ByteRange{.source = 0} : ContiguousRange(builder_.model(), *tensor);
      if (!range) {
        builder_.Note(Severity::kError, "zero-share", "",
                      fmt::format("a share of rank {}{} is no flat float32 tensor with data", rank, label_));
      }
      flat.push_back(range.value_or(ByteRange{}));
    }
  }

  // What ranks have of a group, one behind the other, up to the first that lacks it.
  FlatRow RowOf(size_t group) const {
    FlatRow row;
    for (int64_t rank = 0; rank < ranks_ && row.whole(); ++rank) {
      auto flat = flat_.find(static_cast<int>(rank));
      bool has = flat != flat_.end() && group < flat->second.size();
      row.Append(has ? flat->second[group] : ByteRange{});
    }
    return row;
  }

  // Stages 1 and 2: the ranks' shares of a group in a row, the parameters in a row over them.
  void MergeRows() {
    for (size_t group = 0; group < groups_.size(); ++group) {
      const Group& of = groups_[group];
      std::vector<uint64_t> starts;
      uint64_t at = 0;
      for (size_t i = 0; i < of.parameters.size(); ++i) {
        starts.push_back(at);
        Advance(at, share_.parameters[of.parameters[i]].nbytes);
        Advance(at, i < of.paddings.size() ? BytesFor(DType::kFloat32, of.paddings[i]).value_or(0) : 0);
      }
      const FlatRow row = RowOf(group);
      // What is shared out is padded to two elements a rank.
      const uint64_t align = 8 * static_cast<uint64_t>(ranks_);
      if (!Agrees(group) || !Fills(row, at, align, fmt::format("group {}{}", group, label_))) continue;
      for (size_t i = 0; i < of.parameters.size(); ++i) {
        DeepSpeedParameter& parameter = share_.parameters[of.parameters[i]];
        parameter.pieces = row.Cut(starts[i], parameter.nbytes);
      }
    }
  }

  static void Advance(uint64_t& at, uint64_t nbytes) { at += std::min(nbytes, UINT64_MAX - at); }

  // Parameters that need another size than there is are others than those that were saved: where one begins is then
  // not known. Both sizes are in bytes, and may differ within one unit of `align`.
  bool Fills(const FlatRow& row, uint64_t needed, uint64_t align, const std::string& what) {
    auto units = [&](uint64_t size) { return size / align + (size % align != 0); };
    if (!row.whole() || units(row.size()) == units(needed)) return true;
    builder_.Note(
        Severity::kError, "zero-share", "",
        fmt::format("the parameters of {} need {} bytes, and its shares have {}: they are listed without data", what,
                    needed, row.size()));
    return false;
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
    std::vector<FlatRow> rows;
    for (auto at = flat_.begin(); at != flat_.end() && at->first == static_cast<int>(rows.size()); ++at) {
      FlatRow& row = rows.emplace_back();
      for (const ByteRange& range : at->second) row.Append(range);
    }
    uint64_t end = 0;
    std::vector<bool> agrees;
    for (size_t group = 0; group < groups_.size(); ++group) {
      agrees.push_back(Agrees(group));
      for (size_t i : groups_[group].parameters) {
        Place(share_.parameters[i], end, groups_[group].partitions > 0 ? groups_[group].partitions : ranks_);
      }
    }
    for (size_t rank = 0; rank < rows.size(); ++rank) {
      if (!Fills(rows[rank], end, 4, fmt::format("rank {}{}", rank, label_))) return;
    }
    auto shares = std::make_shared<const FlatShares>(builder_.model(), rows);
    for (size_t group = 0; group < groups_.size(); ++group) {
      for (size_t i : groups_[group].parameters) {
        DeepSpeedParameter& parameter = share_.parameters[i];
        if (!agrees[group] || parameter.nbytes == 0) continue;
        if (!shares->Have(parameter.at, parameter.share, parameter.nbytes)) continue;
        if (parameter.nbytes <= parameter.share) {  // all at the first rank
          parameter.pieces = rows[0].Cut(parameter.at, parameter.nbytes);
        } else {
          parameter.shares = shares;
        }
      }
    }
  }

  // Puts a parameter at the end of the ranks' rows.
  static void Place(DeepSpeedParameter& parameter, uint64_t& end, int64_t ranks) {
    auto numel = static_cast<int64_t>(parameter.nbytes / 4);
    int64_t count = numel / ranks + (numel % ranks != 0);
    parameter.at = end;
    parameter.share = BytesFor(DType::kFloat32, count).value_or(0);
    Advance(end, parameter.share);
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
};

}  // namespace

Result<DeepSpeedShare> ReadDeepSpeedShare(ModelBuilder& builder, const DeepSpeedFiles& files, int rank,
                                          std::string_view label) {
  return Merger(builder, files, rank, label).Run();
}

}  // namespace pthview
