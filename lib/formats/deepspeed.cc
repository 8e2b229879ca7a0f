// DeepSpeed ZeRO checkpoints: a folder in which every rank has written its share of the float32 weights.
//
//   latest                                           "global_step10": the folder in which the rest is
//   mp_rank_00_model_states.pt                       stages 1, 2: {'module', 'param_shapes', 'buffer_names', ...}
//   zero_pp_rank_<r>_mp_rank_00_model_states.pt      stage 3: the same
//   [bf16_]zero_pp_rank_<r>_mp_rank_00_optim_states.pt
//                                                    {'optimizer_state_dict': {'zero_stage', 'partition_count',
//                                                       'single_partition_of_fp32_groups' | 'fp32_flat_groups'}}
//
// param_shapes is a list, by parameter group, of {name: torch.Size}. In stages 1 and 2 the ranks' flat tensors of a
// group in a row hold the group's parameters in a row. In stage 3 each rank has ceil(numel / ranks) elements of every
// parameter, one parameter behind the other through all groups.
// Source: deepspeed/utils/zero_to_fp32.py.
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/formats/folder.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/pieces.h"
#include "lib/formats/tensor_kind.h"
#include "lib/formats/torch_file.h"
#include "lib/formats/torch_values.h"
#include "lib/model/path.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Value;

constexpr std::string_view kOptimSuffix = "_optim_states.pt";
constexpr std::string_view kModelSuffix = "_model_states.pt";

// The number behind `word` in a file name; nullopt when there is none.
std::optional<int> NumberAfter(std::string_view name, std::string_view word) {
  size_t at = name.find(word);
  if (at == name.npos) return std::nullopt;
  int number = 0;
  const char* from = name.data() + at + word.size();
  if (std::from_chars(from, name.data() + name.size(), number).ec != std::errc()) return std::nullopt;
  return number;
}

// The files of one model-parallel rank.
struct Files {
  std::string folder;
  std::vector<std::string> model;        // in the order of their ranks; one in stages 1 and 2
  std::map<int, std::string> optimizer;  // by rank
  bool more_model_ranks = false;
};

Files FilesIn(const std::string& folder) {
  Files files{.folder = folder};
  for (const std::string& name : ListFolder(folder)) {
    bool optim = name.ends_with(kOptimSuffix);
    if (!optim && !name.ends_with(kModelSuffix)) continue;
    if (name.starts_with("layer_") || name.starts_with("expp_")) continue;  // experts of a mixture: not merged
    if (NumberAfter(name, "mp_rank_").value_or(0) != 0) {
      files.more_model_ranks = true;
    } else if (!optim) {
      files.model.push_back(name);
    } else if (auto rank = NumberAfter(name, "pp_rank_"); rank && *rank >= 0) {
      files.optimizer.emplace(*rank, name);
    }
  }
  return files;
}

// The folder itself, or the one that its `latest` names.
std::optional<Files> FindFiles(const std::string& folder) {
  Files here = FilesIn(folder);
  if (!here.optimizer.empty() && !here.model.empty()) return here;
  auto latest = OpenInFolder(folder, "latest");
  if (!latest || (*latest)->size() > 256) return std::nullopt;
  auto bytes = (*latest)->Read(0, (*latest)->size());
  if (!bytes) return std::nullopt;
  std::string name(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.pop_back();
  if (!IsPlainFileName(name)) return std::nullopt;
  Files inside = FilesIn(folder + "/" + name);
  if (inside.optimizer.empty() || inside.model.empty()) return std::nullopt;
  return inside;
}

// A torch file of the checkpoint, with what looks at it.
struct Loaded {
  explicit Loaded(TorchPickle pickle, ModelBuilder& builder)
      : file(std::move(pickle)), values(file), tensors(file, builder, MakeNestedReader(builder)) {}

  TorchPickle file;
  TorchValues values;
  TensorReader tensors;

  const Value* Find(Value dict, std::string_view key) {
    auto pairs = values.Pairs(dict);
    return pairs ? TorchValues::Find(*pairs, key) : nullptr;
  }
  const Value* Find(std::string_view key) { return Find(file.tree.root, key); }
};

struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
  int64_t numel = 0;
};

class Merger {
 public:
  Merger(ModelBuilder& builder, Files files) : builder_(builder), files_(std::move(files)) {
    builder_.model().parts.push_back({.kind = PartKind::kModel});
  }

  Status Run() {
    PTHVIEW_ASSIGN(model_, Load(files_.model.front()));
    PTHVIEW_TRY(ReadShapes());
    PTHVIEW_TRY(ReadRanks());
    if (stage_ == 3) {
      MergeInterleaved();
    } else {
      MergeRows();
    }
    AddBuffers();
    AddShared();
    for (std::string_view key : {"ds_version", "global_steps", "global_samples"}) AddPlain(key);
    return Ok();
  }

  int stage() const { return stage_; }
  size_t ranks() const { return flat_.size(); }

 private:
  Result<std::unique_ptr<Loaded>> Load(const std::string& name) {
    PTHVIEW_ASSIGN(std::unique_ptr<ByteSource> bytes, OpenInFolder(files_.folder, name));
    Index source = builder_.AddSource(std::move(bytes));
    const ByteSource& file = *builder_.model().sources[source];
    PTHVIEW_ASSIGN(std::vector<std::byte> head, file.Read(0, std::min<uint64_t>(file.size(), 64)));
    if (LooksLikeZip(head)) {
      PTHVIEW_ASSIGN(ZipArchive zip, ZipArchive::Open(file, &builder_.findings()));
      PTHVIEW_ASSIGN(TorchPickle pickle, LoadTorchZip(builder_, source, zip, "data.pkl", "data/", 1));
      return std::make_unique<Loaded>(std::move(pickle), builder_);
    }
    PTHVIEW_ASSIGN(LegacyFile legacy, LoadTorchLegacy(builder_, source, 0, 1));
    return std::make_unique<Loaded>(std::move(legacy.pickle), builder_);
  }

  // A torch.Size or a plain sequence of ints.
  static std::optional<std::vector<int64_t>> Ints(const pickle::Tree& tree, Value value) {
    if (value.Is(Kind::kObject)) {
      auto args = tree.Sequence(tree.ObjectOf(value).args);
      if (args.size() != 1) return std::nullopt;
      value = args[0];
    }
    if (!value.Is(Kind::kTuple) && !value.Is(Kind::kList)) return std::nullopt;
    std::vector<int64_t> ints;
    for (Value item : tree.Sequence(value)) {
      if (!item.Is(Kind::kInt)) return std::nullopt;
      ints.push_back(item.integer);
    }
    return ints;
  }

  Status ReadShapes() {
    const Value* shapes = model_->Find("param_shapes");
    if (shapes == nullptr) {
      return Error{
          .code = ErrorCode::kCorrupt,
          .message = fmt::format("{} has no param_shapes: its weights cannot be put together", files_.model.front())};
    }
    std::vector<Value> groups;
    if (auto list = model_->values.Items(*shapes)) {
      groups.assign(list->begin(), list->end());
    } else {  // older: one dict for all
      groups.push_back(*shapes);
    }
    for (Value group : groups) {
      groups_.emplace_back();
      auto pairs = model_->values.Pairs(group);
      if (!pairs) continue;
      for (const auto& [name, size] : *pairs) {
        auto shape = Ints(model_->file.tree, size);
        auto numel = shape ? CheckedNumel(*shape) : std::nullopt;
        if (!name.IsText() || !numel) {
          return Error{.code = ErrorCode::kCorrupt,
                       .message = "param_shapes holds something else than names and sizes"};
        }
        groups_.back().push_back({std::string(name.Text()), std::move(*shape), *numel});
      }
    }
    return Ok();
  }

  Status ReadRanks() {
    int64_t partitions = 0;
    for (const auto& [rank, name] : files_.optimizer) {
      auto loaded = Load(name);
      if (!loaded) {
        builder_.Note(Severity::kError, "shard-broken", EscapeName(name), loaded.error().message);
        continue;
      }
      Loaded& file = **loaded;
      const Value* state = file.Find("optimizer_state_dict");
      if (state == nullptr) continue;
      if (const Value* stage = file.Find(*state, "zero_stage"); stage && stage->Is(Kind::kInt)) {
        stage_ = static_cast<int>(std::clamp<int64_t>(stage->integer, 0, 99));
      }
      const Value* count = file.Find(*state, "partition_count");
      if (count != nullptr) {
        if (auto list = Ints(file.file.tree, *count); list && !list->empty()) {
          partitions = *std::max_element(list->begin(), list->end());
        } else if (count->Is(Kind::kInt)) {
          partitions = count->integer;
        }
      }
      const Value* groups = file.Find(*state, stage_ == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups");
      if (groups != nullptr) ReadFlat(file, rank, *groups);
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
        builder_.Note(Severity::kError, "shard-missing", "",
                      fmt::format("the share of rank {} is missing; what needs it is listed without data", rank));
      }
    }
    return Ok();
  }

  // The flat tensors of one rank, one a group.
  void ReadFlat(Loaded& file, int rank, Value groups) {
    auto items = file.values.Items(groups);
    if (!items) return;
    auto& flat = flat_[rank];
    for (Value item : *items) {
      auto tensor = file.tensors.Read(item, "fp32");
      std::optional<ByteRange> range;
      if (tensor && tensor->dtype == DType::kFloat32) range = ContiguousRange(builder_.model(), *tensor);
      if (!range) {
        builder_.Note(Severity::kError, "zero-share", "",
                      fmt::format("a share of rank {} is no flat float32 tensor with data", rank));
      }
      flat.push_back(range.value_or(ByteRange{}));
    }
  }

  // Stages 1 and 2: the ranks' shares of a group in a row, the parameters in a row over them.
  void MergeRows() {
    for (size_t group = 0; group < groups_.size(); ++group) {
      std::vector<ByteRange> row;
      bool whole = complete_;
      for (const auto& [rank, flat] : flat_) {
        if (group < flat.size() && flat[group].source != kNone) {
          row.push_back(flat[group]);
        } else {
          whole = false;
        }
      }
      uint64_t at = 0;
      for (const Parameter& parameter : groups_[group]) {
        auto nbytes = BytesFor(DType::kFloat32, parameter.numel).value_or(0);
        std::vector<ByteRange> pieces = whole ? Cut(row, at, nbytes) : std::vector<ByteRange>();
        AddParameter(parameter, pieces, nbytes);
        at += std::min(nbytes, UINT64_MAX - at);
      }
    }
  }

  // The part [from, from + nbytes) of ranges in a row; empty when they end before.
  static std::vector<ByteRange> Cut(const std::vector<ByteRange>& row, uint64_t from, uint64_t nbytes) {
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

  // Stage 3: every rank has its share of every parameter.
  void MergeInterleaved() {
    uint64_t at = 0;  // in each rank's flat tensors taken in a row
    for (const auto& group : groups_) {
      for (const Parameter& parameter : group) {
        int64_t share = parameter.numel / ranks_ + (parameter.numel % ranks_ != 0);
        auto share_bytes = BytesFor(DType::kFloat32, share).value_or(0);
        auto nbytes = BytesFor(DType::kFloat32, parameter.numel).value_or(0);
        std::vector<ByteRange> pieces;
        uint64_t left = nbytes;
        for (const auto& [rank, flat] : flat_) {
          uint64_t take = std::min(left, share_bytes);
          auto here = Cut(flat, at, take);
          if (take > 0 && here.empty()) break;
          pieces.insert(pieces.end(), here.begin(), here.end());
          left -= take;
        }
        if (left > 0 || !complete_) pieces.clear();
        AddParameter(parameter, pieces, nbytes);
        at += std::min(share_bytes, UINT64_MAX - at);
      }
    }
  }

  void AddParameter(const Parameter& parameter, const std::vector<ByteRange>& pieces, uint64_t nbytes) {
    std::string path;
    AppendTextKey(path, parameter.name);
    TensorDraft draft{.shape = parameter.shape, .dtype = DType::kFloat32};
    if (!pieces.empty()) {
      Storage storage{
          .nbytes = nbytes, .dtype = DType::kFloat32, .key = builder_.arena().Copy(EscapeName(parameter.name))};
      if (pieces.size() == 1) {
        storage.source = pieces[0].source;
        storage.offset = pieces[0].offset;
      } else {
        std::vector<Piece> joined;
        joined.reserve(pieces.size());
        for (const ByteRange& piece : pieces) {
          joined.push_back({builder_.model().sources[piece.source].get(), piece.offset, piece.nbytes});
        }
        storage.source = builder_.AddSource(Join(files_.folder, std::move(joined)));
      }
      draft.storage = builder_.AddStorage(storage);
    }
    Add(builder_.Check(draft, path), path, TensorKind::kParameter);
  }

  void Add(Tensor tensor, std::string_view path, TensorKind kind) {
    tensor.path = tensor.name = builder_.arena().Copy(path);
    tensor.part = 0;
    tensor.kind = kind;
    rows_.emplace(std::string(path), builder_.AddTensor(tensor));
  }

  // Buffers are not shared out: the module's own state has them.
  void AddBuffers() {
    const Value* names = model_->Find("buffer_names");
    const Value* module = model_->Find("module");
    auto items = names != nullptr ? model_->values.Items(*names) : std::nullopt;
    if (!items || module == nullptr) return;
    for (Value name : *items) {
      const Value* value = name.IsText() ? model_->Find(*module, name.Text()) : nullptr;
      if (value == nullptr) continue;
      std::string path;
      AppendTextKey(path, name.Text());
      if (auto tensor = model_->tensors.Read(*value, path)) Add(*tensor, path, TensorKind::kBuffer);
    }
  }

  // {name: name of the parameter that it is}
  void AddShared() {
    const Value* shared = model_->Find("shared_params");
    auto pairs = shared != nullptr ? model_->values.Pairs(*shared) : std::nullopt;
    if (!pairs) return;
    for (const auto& [name, original] : *pairs) {
      if (!name.IsText() || !original.IsText()) continue;
      std::string path;
      std::string of;
      AppendTextKey(path, name.Text());
      AppendTextKey(of, original.Text());
      auto found = rows_.find(of);
      if (found == rows_.end() || rows_.contains(path)) continue;
      Tensor tensor = builder_.model().tensors[found->second];
      tensor.same_as = found->second;
      Add(tensor, path, TensorKind::kParameter);
    }
  }

  void AddPlain(std::string_view key) {
    const Value* value = model_->Find(key);
    if (value == nullptr) return;
    PlainValue row{.path = builder_.arena().Copy(key), .part = 0, .kind = PlainKind::kString};
    if (value->IsText()) {
      row.text = builder_.arena().Copy(EscapeName(value->Text()));
    } else if (value->Is(Kind::kInt)) {
      row.kind = PlainKind::kInt;
      row.text = builder_.arena().Copy(std::to_string(value->integer));
    } else {
      return;
    }
    builder_.AddPlain(row);
  }

  static constexpr int64_t kMaxRanks = 100'000;

  ModelBuilder& builder_;
  Files files_;
  std::unique_ptr<Loaded> model_;
  std::vector<std::vector<Parameter>> groups_;
  std::map<int, std::vector<ByteRange>> flat_;  // by rank: the flat tensor of each group
  std::map<std::string, Index> rows_;           // by path
  int stage_ = 2;
  int64_t ranks_ = 0;
  bool complete_ = true;
};

int Match(const OpenContext& context) { return context.directory && FindFiles(context.folder) ? 70 : 0; }

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  auto files = FindFiles(context.folder);
  if (!files) return Error{.code = ErrorCode::kNotFound, .message = "the folder's files are gone"};
  if (files->more_model_ranks) {
    builder.Note(Severity::kWarning, "model-parallel", "",
                 "the model is split over several model-parallel ranks; the first one's share is listed");
  }
  Merger merger(builder, std::move(*files));
  PTHVIEW_TRY(merger.Run());
  builder.model().format_text =
      fmt::format("DeepSpeed ZeRO stage {} checkpoint of {} ranks, merged to float32", merger.stage(), merger.ranks());
  return std::move(builder).Finish();
}

}  // namespace

const Format kDeepSpeed = {"deepspeed", "DeepSpeed ZeRO checkpoint (folder), stages 1 to 3", Match, Open};

}  // namespace pthview
