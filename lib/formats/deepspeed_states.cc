// What the model states of a DeepSpeed ZeRO checkpoint have beside the weights that are shared out:
//
//   {'module': {name: tensor}, 'buffer_names': [name], 'shared_params': {name: name of the parameter that it is},
//    'frozen_param_shapes': {name: torch.Size} | None, 'frozen_param_fragments': {name: tensor} | None, ...}
//
// Frozen parameters are whole in stages 1 and 2; in stage 3 each rank's states have their fragment, flat and of
// ceil(numel / ranks) elements. Source: deepspeed/utils/zero_to_fp32.py.
#include <algorithm>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/formats/deepspeed_shares.h"
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

 private:
  void ReadFrozen() {
    const Value* shapes = model_.Find("frozen_param_shapes");
    auto pairs = shapes != nullptr ? model_.values.Pairs(*shapes) : std::nullopt;
    if (!pairs || pairs->empty()) return;
    size_t first = share_.parameters.size();
    for (const auto& [name, size] : *pairs) {
      auto shape = model_.Ints(size);
      if (!name.IsText() || !shape || !CheckedNumel(*shape)) {
        builder_.Note(Severity::kError, "zero-frozen", "", "frozen_param_shapes holds something else than sizes");
        continue;
      }
      share_.parameters.push_back({.name = std::string(name.Text()), .shape = std::move(*shape)});
    }
    AddFragments(model_, first);
    if (share_.stage == 3) {
      const auto& names = files_.ranks.at(share_.rank).model;
      for (auto at = std::next(names.begin()); at != names.end(); ++at) {
        auto file = LoadDeepSpeedFile(builder_, files_.folder, at->second);
        if (file) {
          AddFragments(**file, first);
        } else {
          builder_.Note(Severity::kError, "shard-broken", EscapeName(at->second), file.error().message);
        }
      }
    }
    for (size_t i = first; i < share_.parameters.size(); ++i) Finish(share_.parameters[i]);
  }

  void AddFragments(DeepSpeedFile& file, size_t first) {
    const Value* fragments = file.Find("frozen_param_fragments");
    if (fragments == nullptr) return;
    for (size_t i = first; i < share_.parameters.size(); ++i) {
      DeepSpeedParameter& parameter = share_.parameters[i];
      const Value* value = file.Find(*fragments, parameter.name);
      auto tensor = value != nullptr ? file.tensors.Read(*value, EscapeName(parameter.name)) : std::nullopt;
      if (!tensor) continue;
      bool first_piece = parameter.pieces.empty();
      if (first_piece) parameter.dtype = tensor->dtype;
      auto range = ContiguousRange(builder_.model(), *tensor);
      if (range && tensor->dtype == parameter.dtype) parameter.pieces.push_back(*range);
    }
  }

  // Fragments in a row, without the padding behind the last.
  void Finish(DeepSpeedParameter& parameter) {
    auto numel = CheckedNumel(parameter.shape).value_or(0);
    parameter.nbytes = BytesFor(parameter.dtype, numel).value_or(0);
    bool whole = share_.stage != 3 || static_cast<int64_t>(parameter.pieces.size()) == ranks_;
    parameter.pieces = whole ? CutRanges(parameter.pieces, 0, parameter.nbytes) : std::vector<ByteRange>();
    if (!parameter.pieces.empty() || numel == 0) return;
    builder_.Note(Severity::kError, "zero-frozen", EscapeName(parameter.name),
                  "a frozen parameter whose values are not in the files, or not whole");
  }

  // Buffers are not shared out: the module's own state has them.
  void ReadBuffers() {
    const Value* names = model_.Find("buffer_names");
    const Value* module = model_.Find("module");
    auto items = names != nullptr ? model_.values.Items(*names) : std::nullopt;
    if (!items || module == nullptr) return;
    for (Value name : *items) {
      const Value* value = name.IsText() ? model_.Find(*module, name.Text()) : nullptr;
      if (value == nullptr) continue;
      std::string path;
      AppendTextKey(path, name.Text());
      if (auto tensor = model_.tensors.Read(*value, path)) share_.buffers.emplace_back(name.Text(), *tensor);
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

}  // namespace pthview
