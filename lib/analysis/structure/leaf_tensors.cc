#include "lib/analysis/structure/leaf_tensors.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <utility>

#include "lib/analysis/structure/module_tree.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

using enum LeafName;

// Children whose tensors belong to the layer above them, and how deep such tensors lie.
constexpr int kMaxDepth = 3;
constexpr auto kOwnedChildren = std::to_array<std::string_view>({
    "out_proj",
    "lora_A",
    "lora_B",
    "lora_down",
    "lora_up",
    "lora_magnitude_vector",
    "base_layer",
    "_packed_params",
    "weight",
    "parametrizations",
});

const std::unordered_map<std::string_view, LeafName>& NameTable() {
  static const std::unordered_map<std::string_view, LeafName> table = {
      {"weight", kWeight},
      {"bias", kBias},
      {"running_mean", kRunningMean},
      {"running_var", kRunningVar},
      {"num_batches_tracked", kNumBatchesTracked},
      {"in_proj_weight", kInProjWeight},
      {"in_proj_bias", kInProjBias},
      {"q_proj_weight", kQProjWeight},
      {"k_proj_weight", kKProjWeight},
      {"v_proj_weight", kVProjWeight},
      {"bias_k", kBiasK},
      {"bias_v", kBiasV},
      {"out_proj.weight", kOutProjWeight},
      {"out_proj.bias", kOutProjBias},
      {"weight_ih", kWeightIh},
      {"weight_hh", kWeightHh},
      {"bias_ih", kBiasIh},
      {"bias_hh", kBiasHh},
      {"lora_A", kLoraDown},
      {"lora_B", kLoraUp},
      {"lora_down.weight", kLoraDown},
      {"lora_up.weight", kLoraUp},
      {"alpha", kLoraScale},
      {"dora_scale", kLoraScale},
      {"base_layer.weight", kBaseWeight},
      {"base_layer.bias", kBaseBias},
      {"scale", kScale},
      {"zero_point", kZeroPoint},
      {"_packed_params._packed_params[0]", kPackedWeight},
      {"_packed_params._packed_params[1]", kPackedBias},
      {"_packed_params.dtype", kPackedDtype},
      {"SCB", kScb},
      {"weight_format", kWeightFormat},
      {"weight.absmax", kAbsmax},
      {"weight.quant_map", kQuantMap},
      {"weight.nested_absmax", kNested},
      {"weight.nested_quant_map", kNested},
      {"weight.quant_state.bitsandbytes__nf4", kQuantStateNf4},
      {"weight.quant_state.bitsandbytes__fp4", kQuantStateFp4},
      {"qweight", kQWeight},
      {"qzeros", kQZeros},
      {"scales", kScales},
      {"g_idx", kGIdx},
      {"weight_scale", kWeightScale},
      {"weight_scale_inv", kWeightScale},
      {"input_scale", kInputScale},
      {"input_global_scale", kInputScale},
      {"weight_packed", kWeightPacked},
      {"weight_shape", kWeightShape},
      {"weight_zero_point", kWeightZeroPoint},
      {"weight_g_idx", kGIdx},
      {"weight_scale_2", kWeightScale2},
      {"weight_global_scale", kWeightScale2},
      {"W_q", kHqqCodes},
      {"zero", kHqqZero},
      {"_flat_param", kFlatParameter},
      {"flat_param", kFlatParameter},
      {"weight_g", kWeightG},
      {"weight_v", kWeightV},
      {"weight_orig", kWeightOrig},
      {"weight_u", kWeightU},
      {"weight_mask", kWeightMask},
      {"bias_orig", kBiasOrig},
      {"bias_mask", kBiasMask},
      {"parametrizations.weight.original", kOriginal},
      {"parametrizations.weight.original0", kOriginal0},
      {"parametrizations.weight.original1", kOriginal1},
      {"parametrizations.weight.0._u", kSpectralState},
      {"parametrizations.weight.0._v", kSpectralState},
  };
  return table;
}

LeafName Classify(std::string_view name) {
  auto at = NameTable().find(name);
  if (at != NameTable().end()) return at->second;
  // PEFT puts the adapter's name between: lora_A.default.weight.
  if (name.starts_with("lora_A.") && name.ends_with("weight")) return kLoraDown;
  if (name.starts_with("lora_B.") && name.ends_with("weight")) return kLoraUp;
  if (name.starts_with("lora_magnitude_vector")) return kLoraScale;
  return kCount;
}

bool IsDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsLetter(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

std::string_view RelativeName(const Model& model, const Tensor& tensor, size_t skip) {
  std::string_view name = NameInPart(model, tensor);
  return name.substr(std::min(skip, name.size()));
}

LeafTensors::LeafTensors(const Model& model, const Module& module) : model_(&model), path_(module.path) {
  known_ = true;
  Gather(model, module, module.parent == kNone ? 0 : module.path.size() + 1, 0);
  if (count_ == 0) known_ = false;
}

void LeafTensors::Gather(const Model& model, const Module& module, size_t skip, int depth) {
  if (module.tensors.size() > kMost - count_) known_ = false;
  for (size_t i = 0; i < module.tensors.size() && known_; ++i) {
    const Tensor& tensor = model.tensors[module.tensors[i]];
    LeafName name = Classify(RelativeName(model, tensor, skip));
    // Two adapters on one layer, or two spellings of one thing: nothing that a rule describes.
    if (name == kCount || (Has(name) && name != kNested && name != kSpectralState && name != kLoraScale)) {
      known_ = false;
      return;
    }
    rows_[count_++] = {name, &tensor};
    names_ |= Names({name});
  }
  for (size_t i = 0; i < module.children.size() && known_; ++i) {
    const Module& child = model.modules[module.children[i]];
    bool owned =
        depth > 0 || std::find(kOwnedChildren.begin(), kOwnedChildren.end(), child.name) != kOwnedChildren.end();
    if (!owned || depth == kMaxDepth) {
      known_ = false;
      return;
    }
    Gather(model, child, skip, depth + 1);
  }
}

std::span<const int64_t> LeafTensors::Shape(LeafName name) const {
  for (size_t i = 0; i < count_; ++i) {
    if (rows_[i].name == name) return rows_[i].tensor->shape;
  }
  return {};
}

DType LeafTensors::Type(LeafName name) const {
  for (size_t i = 0; i < count_; ++i) {
    if (rows_[i].name == name) return rows_[i].tensor->dtype;
  }
  return DType::kUnknown;
}

int64_t LeafTensors::Dim(LeafName name, size_t dimension) const {
  std::span<const int64_t> shape = Shape(name);
  return dimension < shape.size() ? shape[dimension] : -1;
}

std::string LeafTensors::SmallBytes(LeafName name) const {
  constexpr uint64_t kMost = 4096;
  for (size_t i = 0; i < count_; ++i) {
    const Tensor& tensor = *rows_[i].tensor;
    if (rows_[i].name != name) continue;
    bool has_bytes = tensor.layout == Layout::kDense && tensor.data == DataState::kPresent && tensor.storage != kNone;
    if (!has_bytes || tensor.nbytes() > kMost) return {};
    const ByteSource& source = *model_->sources[model_->storages[tensor.storage].source];
    if (source.descriptor() < 0 && source.size() > kMost) return {};
    auto bytes = ReadElements(*model_, tensor, 0, tensor.numel);
    if (!bytes) return {};
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }
  return {};
}

void LeafTensors::Replace(LeafName from, LeafName to, LeafNames dropped) {
  names_ &= ~(dropped | Names({from}));
  names_ |= Names({to});
  for (size_t i = 0; i < count_; ++i) {
    if (rows_[i].name == from) rows_[i].name = to;
  }
}

std::string LeafTensors::Label() const {
  std::string_view rest = path_;
  std::string_view step;
  while (true) {
    size_t dot = rest.rfind('.');
    step = dot == std::string_view::npos ? rest : rest.substr(dot + 1);
    if (dot == std::string_view::npos || !IsDigits(step)) break;
    rest = rest.substr(0, dot);
  }
  std::string label(step);
  for (char& c : label) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return label;
}

bool LeafTensors::NameContains(std::initializer_list<std::string_view> parts) const {
  std::string label = Label();
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return label.find(part) != std::string::npos; });
}

bool LeafTensors::NameHasWord(std::initializer_list<std::string_view> words) const {
  std::string label = Label();
  for (std::string_view word : words) {
    for (size_t at = label.find(word); at != std::string::npos; at = label.find(word, at + 1)) {
      bool starts = at == 0 || !IsLetter(label[at - 1]);
      size_t end = at + word.size();
      if (starts && (end == label.size() || !IsLetter(label[end]))) return true;
    }
  }
  return false;
}

}  // namespace pthview
