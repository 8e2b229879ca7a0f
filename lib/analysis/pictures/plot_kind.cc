#include <algorithm>
#include <array>

#include "lib/analysis/pictures/attention.h"
#include "lib/analysis/pictures/tensor_panel.h"
#include "lib/analysis/statistics/dense_copy.h"

namespace pthview::pictures {
namespace {

constexpr auto kKinds =
    std::to_array<std::string_view>({"histogram", "heatmap", "filters", "attention", "norms", "lines"});
constexpr auto kEmbeddings = std::to_array<std::string_view>(
    {"embed_tokens", "word_embeddings", "position_embeddings", "token_type_embeddings", "wte", "wpe", "tok_embeddings",
     "token_embedding", "embedding", "embeddings", "embed", "emb", "shared", "embed_positions"});

bool IsEmbedding(const Model& model, const Tensor& tensor) {
  if (tensor.shape.size() != 2) return false;
  const auto index = static_cast<Index>(&tensor - model.tensors.data());
  for (const Module& module : model.modules) {
    if (std::ranges::find(module.tensors, index) == module.tensors.end()) continue;
    std::string_view name = module.class_name.substr(module.class_name.rfind('.') + 1);
    if (name.starts_with("Embedding")) return true;
    return name.empty() && std::ranges::find(kEmbeddings, module.name) != kEmbeddings.end();
  }
  return false;
}

}  // namespace

std::span<const std::string_view> PlotKindNames() { return kKinds; }

PlotKind SuitingKind(const Model& model, const Tensor& tensor) {
  const bool sparse = tensor.layout >= Layout::kSparseCoo && tensor.layout <= Layout::kSparseBsc;
  if (tensor.layout != Layout::kDense && !sparse) return PlotKind::kHistogram;
  if (sparse && tensor.nbytes() > kMostDenseBytes) return PlotKind::kHistogram;
  if (tensor.dtype == DType::kFloat4E2M1FNx2) return PlotKind::kHistogram;
  if (tensor.shape.size() < 2 || tensor.numel <= 1) return PlotKind::kLines;
  if (tensor.shape.size() == 4 && tensor.shape[2] * tensor.shape[3] > 1 && tensor.shape[2] <= 64 &&
      tensor.shape[3] <= 64) {
    return PlotKind::kFilters;
  }
  if (AttentionRoleOf(model, tensor)) return PlotKind::kAttention;
  if (IsEmbedding(model, tensor)) return PlotKind::kNorms;
  return PlotKind::kHeatmap;
}

}  // namespace pthview::pictures
