// What the model states of a DeepSpeed ZeRO checkpoint have beside the weights that are shared out:
//
//   {'module': {name: tensor}, 'buffer_names': [name], 'shared_params': {name: name of the parameter that it is},
//    'frozen_param_shapes': {name: torch.Size} | None, 'frozen_param_fragments': {name: tensor} | None, ...}
//
// Frozen parameters are whole in stages 1 and 2; in stage 3 each rank's states have their fragment, flat and of
// ceil(numel / ranks) elements. Source: deepspeed/utils/zero_to_fp32.py.
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/spread/deepspeed_shares.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using pickle::Value;

class States {
 public:
  States(ModelBuilder& builder, const DeepSpeedFiles& files, int64_t ranks, DeepSpeedShare& share)
      : builder_(builder), files_(files), ranks_(ranks), share_(share), model_(*share.model) {}

  void Read() {
    ReadFrozen();
    ReadBuffers();
    ReadShared();
    ReadDegrees();
  }

  void ReadModule() {
    const Value* module = model_.Find("module");
    auto pairs = module != nullptr ? model_.values.Pairs(*module) : std::nullopt;
    size_t others = 0;
    if (pairs) {
      const auto buffers = BufferNames();
      for (const auto& [name, value] : *pairs) {
        auto tensor = name.IsText() ? ReadTensor(name.Text(), value) : std::nullopt;
        if (!tensor) {
          ++others;
        } else if (buffers.contains(name.Text())) {
          share_.buffers.emplace_back(name.Text(), *tensor);
        } else {
          AddWhole(name.Text(), *tensor);
        }
      }
    }
    if (others > 0) {
      builder_.Note(Severity::kInfo, "zero-module", "",
                    fmt::format("{} entries of the module are no tensors and not listed", others));
    }
    ReadShared();
    ReadDegrees();
  }

 private:
  void ReadFrozen() {
    const Value* shapes = model_.Find("frozen_param_shapes");
    auto pairs = shapes != nullptr ? model_.values.Pairs(*shapes) : std::nullopt;
    if (!pairs || pairs->empty()) return;
    const size_t first = share_.parameters.size();
    std::unordered_map<std::string_view, size_t, TextHash> by_name;  // of share_.parameters
    for (const auto& [name, size] : *pairs) {
      auto shape = model_.Ints(size);
      if (!name.IsText() || !shape || !CheckedNumel(*shape)) {
        builder_.Note(Severity::kError, "zero-frozen", "", "frozen_param_shapes holds something else than sizes");
        continue;
      }
      by_name.emplace(name.Text(), share_.parameters.size());
      share_.parameters.push_back({.name = std::string(name.Text()), .shape = std::move(*shape), .lost = true});
    }
    std::vector<std::vector<Tensor>> fragments(share_.parameters.size() - first);
    AddFragments(model_, by_name, first, fragments);
    if (share_.stage == 3) {
      const auto& names = files_.ranks.at(share_.rank).model;
      for (auto at = std::next(names.begin()); at != names.end(); ++at) {
        auto file = LoadDeepSpeedFile(builder_, files_.folder, at->second);
        if (file) {
          AddFragments(**file, by_name, first, fragments);
        } else {
          builder_.Note(Severity::kError, "shard-broken", EscapeName(at->second), file.error().message);
        }
      }
    }
    for (size_t i = 0; i < fragments.size(); ++i) Assemble(share_.parameters[first + i], fragments[i]);
  }

  // As it stands in the file, so that strides stay what they are.
  void AddWhole(std::string_view name, const Tensor& tensor) {
    DeepSpeedParameter& parameter =
        share_.parameters.emplace_back(DeepSpeedParameter{.name = std::string(name), .dtype = tensor.dtype});
    parameter.shape.assign(tensor.shape.begin(), tensor.shape.end());
    parameter.tensor = tensor;
    parameter.nbytes = BytesFor(tensor.dtype, tensor.numel).value_or(0);
    parameter.lost = tensor.data != DataState::kPresent;
    auto range = ContiguousRange(builder_.model(), tensor);
    if (range && range->nbytes > 0) parameter.pieces.push_back(*range);
  }

  std::optional<Tensor> ReadTensor(std::string_view name, Value value) {
    std::string path;
    AppendTextKey(path, name);
    return model_.tensors.Read(value, path);
  }

  std::unordered_set<std::string_view, TextHash> BufferNames() {
    std::unordered_set<std::string_view, TextHash> found;
    const Value* names = model_.Find("buffer_names");
    auto items = names != nullptr ? model_.values.Items(*names) : std::nullopt;
    if (!items) return found;
    for (Value name : *items) {
      if (name.IsText()) found.insert(name.Text());
    }
    return found;
  }

  void AddFragments(DeepSpeedFile& file, const std::unordered_map<std::string_view, size_t, TextHash>& by_name,
                    size_t first, std::vector<std::vector<Tensor>>& fragments) {
    const Value* dict = file.Find("frozen_param_fragments");
    auto pairs = dict != nullptr ? file.values.Pairs(*dict) : std::nullopt;
    if (!pairs) return;
    for (const auto& [name, value] : *pairs) {
      if (!name.IsText()) continue;
      auto found = by_name.find(name.Text());
      if (found == by_name.end()) continue;
      if (auto tensor = file.tensors.Read(value, EscapeName(name.Text()))) {
        fragments[found->second - first].push_back(*tensor);
      }
    }
  }

  // Fragments in a row, without the padding behind the last; or the whole.
  void Assemble(DeepSpeedParameter& parameter, const std::vector<Tensor>& fragments) {
    const int64_t numel = CheckedNumel(parameter.shape).value_or(0);
    const bool whole = share_.stage != 3;
    const int64_t ranks = whole ? 1 : ranks_;
    const int64_t each = numel / ranks + (numel % ranks != 0);
    bool good = static_cast<int64_t>(fragments.size()) == ranks;
    FlatRow row;
    for (const Tensor& fragment : fragments) {
      auto range = ContiguousRange(builder_.model(), fragment);
      good = good && fragment.dtype == fragments[0].dtype && IsPlain(fragment) && fragment.numel == each &&
             (each == 0 || range) && (!whole || std::ranges::equal(fragment.shape, parameter.shape));
      if (good && range) row.Append(*range);
    }
    if (!fragments.empty()) parameter.dtype = fragments[0].dtype;
    const auto nbytes = BytesFor(parameter.dtype, numel);
    if (good && nbytes) parameter.pieces = row.Cut(0, *nbytes);
    parameter.nbytes = nbytes.value_or(0);
    parameter.lost = !good || !nbytes || (*nbytes > 0 && parameter.pieces.empty());
    if (!parameter.lost) return;
    builder_.Note(Severity::kError, "zero-frozen", EscapeName(parameter.name),
                  "a frozen parameter whose values are not in the files, not whole, or not of its shape");
  }

  // Buffers are not shared out: the module's own state has them.
  void ReadBuffers() {
    const auto names = BufferNames();
    const Value* module = model_.Find("module");
    auto pairs = module != nullptr ? model_.values.Pairs(*module) : std::nullopt;
    if (names.empty() || !pairs) return;
    for (const auto& [name, value] : *pairs) {
      if (!name.IsText() || !names.contains(name.Text())) continue;
      if (auto tensor = ReadTensor(name.Text(), value)) {
        share_.buffers.emplace_back(name.Text(), *tensor);
      } else {
        builder_.Note(Severity::kError, "zero-buffer", EscapeName(name.Text()),
                      "buffer_names has it, and in the module it is no tensor: it is not listed");
      }
    }
  }

  void ReadShared() {
    const Value* shared = model_.Find("shared_params");
    auto pairs = shared != nullptr ? model_.values.Pairs(*shared) : std::nullopt;
    if (!pairs) return;
    for (const auto& [name, original] : *pairs) {
      if (name.IsText() && original.IsText()) share_.same_as.emplace_back(name.Text(), original.Text());
    }
  }

  // {'pp_degree': int, 'tp_degree': int}
  void ReadDegrees() {
    const Value* degrees = model_.Find("checkpoint_parallel_dimensions");
    if (degrees == nullptr) return;
    const Value* tensor = model_.Find(*degrees, "tp_degree");
    if (tensor != nullptr) share_.tensor_ranks = model_.Int(*tensor);
  }

  ModelBuilder& builder_;
  const DeepSpeedFiles& files_;
  int64_t ranks_;
  DeepSpeedShare& share_;
  DeepSpeedFile& model_;
};

}  // namespace

void ReadDeepSpeedStates(ModelBuilder& builder, const DeepSpeedFiles& files, int64_t ranks, DeepSpeedShare& share) {
  States(builder, files, ranks, share).Read();
}

void ReadDeepSpeedModule(ModelBuilder& builder, const DeepSpeedFiles& files, DeepSpeedShare& share) {
  States(builder, files, 1, share).ReadModule();
}

}  // namespace pthview
