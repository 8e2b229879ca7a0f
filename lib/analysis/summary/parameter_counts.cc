#include "lib/analysis/summary/parameter_counts.h"

#include "lib/model/tied.h"

namespace pthview {

std::vector<ParameterCounts> CountParametersByPart(const Model& model, const std::function<bool(const Tensor&)>& has) {
  std::vector<ParameterCounts> counts(model.parts.size());
  for (size_t p = 0; p < counts.size(); ++p) {
    const Index root = model.parts[p].root;
    // The modules are in the file, so their parameters are those that were trained.
    counts[p].says_trainable = root != kNone && model.modules[root].origin == Origin::kRecorded;
  }
  std::vector<TensorCount> once(model.parts.size());  // what is tied across parts counts in each
  for (const Tensor& tensor : model.tensors) {
    if (tensor.kind != TensorKind::kParameter || tensor.part == kNone || (has && !has(tensor))) continue;
    ParameterCounts& count = counts[tensor.part];
    if (!once[tensor.part].Add(model, tensor)) {
      ++count.tied;
      continue;
    }
    const auto numel = static_cast<uint64_t>(tensor.numel);
    count.all += numel;
    if (!tensor.requires_grad) {
      count.says_trainable = false;
    } else {
      (*tensor.requires_grad ? count.trainable : count.frozen) += numel;
    }
  }
  for (ParameterCounts& count : counts) {
    if (!count.says_trainable) count.trainable = count.frozen = 0;
  }
  return counts;
}

ParameterCounts CountParameters(const Model& model, Index part, const std::function<bool(const Tensor&)>& has) {
  return CountParametersByPart(model, has)[part];
}

}  // namespace pthview
