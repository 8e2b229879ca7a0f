#include "lib/analysis/compare/lineage_signature.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "lib/analysis/compare/match.h"
#include "lib/analysis/statistics/value_reader.h"
#include "lib/base/threads.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

constexpr int64_t kSamples = 1024;                // of a tensor
constexpr int64_t kSampleRuns = 8;                // that many runs, spread evenly
constexpr size_t kMostSamples = size_t{1} << 25;  // of all files together: 256 MB

Result<TensorSignature> SignatureOf(const Model& model, Index index, int64_t most) {
  const Tensor& tensor = model.tensors[index];
  TensorSignature signature{.tensor = index};
  PTHVIEW_ASSIGN(ValueReader reader, ValueReader::OpenAll(model, tensor));
  auto add = [&](const ValueBlock& block) {
    signature.samples.insert(signature.samples.end(), block.floats.begin(), block.floats.end());
    signature.samples.insert(signature.samples.end(), block.doubles.begin(), block.doubles.end());
  };
  const int64_t count = reader.count();
  if (count <= most) {
    PTHVIEW_TRY(reader.Read(0, count, add));
  } else {
    const int64_t run = std::max<int64_t>(1, most / kSampleRuns);
    for (int64_t r = 0; r < kSampleRuns; ++r) PTHVIEW_TRY(reader.Read((count - run) / kSampleRuns * r, run, add));
  }
  for (double& sample : signature.samples) {
    if (!std::isfinite(sample)) sample = 0;
  }
  if (!signature.samples.empty()) {
    signature.weight = static_cast<double>(count) / static_cast<double>(signature.samples.size());
  }
  return signature;
}

bool Wanted(const Tensor& tensor) {
  DTypeClass kind = Info(tensor.dtype).kind;
  return tensor.layout == Layout::kDense && tensor.data == DataState::kPresent && tensor.numel > 0 &&
         (kind == DTypeClass::kFloat || kind == DTypeClass::kQuantized) && tensor.same_as == kNone;
}

}  // namespace

int MantissaBits(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return 52;
    case DType::kFloat32: return 23;
    case DType::kFloat16: return 10;
    case DType::kBFloat16:
    case DType::kQInt8:
    case DType::kQUInt8: return 7;
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E4M3FNUZ:
    case DType::kQUInt4x2: return 3;
    case DType::kFloat8E5M2:
    case DType::kFloat8E5M2FNUZ: return 2;
    default: return 0;
  }
}

namespace {

struct Place {
  size_t file = 0;
  Index tensor = kNone;
};

std::vector<Index> ChosenOf(const Model& model) {
  const bool has_model = std::ranges::any_of(model.parts, [](const Part& p) { return p.kind == PartKind::kModel; });
  std::vector<Index> chosen;
  for (size_t t = 0; t < model.tensors.size(); ++t) {
    const Tensor& tensor = model.tensors[t];
    bool in_model = tensor.part < model.parts.size() && model.parts[tensor.part].kind == PartKind::kModel;
    if (Wanted(tensor) && (in_model || !has_model)) chosen.push_back(static_cast<Index>(t));
  }
  return chosen;
}

// The type that most elements have.
int MantissaOf(const Model& model, const FileSignature& file) {
  std::map<int, int64_t> types;
  for (const auto& [name, signature] : file.tensors) {
    const Tensor& tensor = model.tensors[signature.tensor];
    types[MantissaBits(tensor.dtype)] += tensor.numel;
  }
  auto most = std::ranges::max_element(types, {}, [](const auto& type) { return type.second; });
  return most == types.end() ? 0 : most->first;
}

// Of the tensors of one name, those whose samples another one has too: they may be the same, and need a hash.
void FindAlike(std::span<const Model* const> models, std::span<const std::pair<size_t, TensorSignature*>> named,
               std::vector<std::pair<size_t, TensorSignature*>>* alike) {
  auto less = [&](const auto& a, const auto& b) {
    return std::ranges::lexicographical_compare(a.second->samples, b.second->samples);
  };
  auto same = [&](const auto& a, const auto& b) {
    const Tensor& x = models[a.first]->tensors[a.second->tensor];
    const Tensor& y = models[b.first]->tensors[b.second->tensor];
    return x.numel == y.numel && a.second->samples == b.second->samples;
  };
  std::vector<std::pair<size_t, TensorSignature*>> sorted(named.begin(), named.end());
  std::ranges::stable_sort(sorted, less);
  for (size_t i = 0; i < sorted.size(); ++i) {
    if ((i > 0 && same(sorted[i - 1], sorted[i])) || (i + 1 < sorted.size() && same(sorted[i], sorted[i + 1]))) {
      alike->push_back(sorted[i]);
    }
  }
}

}  // namespace

Result<std::vector<FileSignature>> ReadSignatures(std::span<const Model* const> models,
                                                  const std::function<void(uint64_t)>& advance) {
  std::vector<Place> places;
  for (size_t f = 0; f < models.size(); ++f) {
    for (Index t : ChosenOf(*models[f])) places.push_back({f, t});
  }
  // The same number for all files, so that tensors of the same shape are asked at the same places.
  const int64_t most = std::clamp<int64_t>(static_cast<int64_t>(kMostSamples / std::max<size_t>(places.size(), 1)),
                                           kSampleRuns, kSamples);
  auto done = [&](const Place& place) {
    if (advance) advance(models[place.file]->tensors[place.tensor].nbytes());
  };
  std::vector<Result<TensorSignature>> read(places.size());
  ParallelFor(places.size(), [&](size_t i) { read[i] = SignatureOf(*models[places[i].file], places[i].tensor, most); });
  std::vector<FileSignature> files(models.size());
  for (size_t i = 0; i < places.size(); ++i) {
    PTHVIEW_ASSIGN(TensorSignature signature, std::move(read[i]));
    const Model& model = *models[places[i].file];
    std::string name(PlainName(model, model.tensors[places[i].tensor]));
    files[places[i].file].tensors.try_emplace(std::move(name), std::move(signature));
  }
  std::map<std::string_view, std::vector<std::pair<size_t, TensorSignature*>>> by_name;
  for (size_t f = 0; f < files.size(); ++f) {
    files[f].mantissa = MantissaOf(*models[f], files[f]);
    for (auto& [name, signature] : files[f].tensors) by_name[name].emplace_back(f, &signature);
  }
  std::vector<std::pair<size_t, TensorSignature*>> alike;
  for (const auto& [name, named] : by_name) FindAlike(models, named, &alike);
  std::vector<Status> statuses(alike.size());
  ParallelFor(alike.size(), [&](size_t i) {
    auto& [file, signature] = alike[i];
    auto hash = HashTensor(*models[file], models[file]->tensors[signature->tensor]);
    if (hash) {
      signature->hash = std::move(*hash);
    } else {
      statuses[i] = std::move(hash).error();
    }
    done({file, signature->tensor});
  });
  for (Status& status : statuses) PTHVIEW_TRY(std::move(status));
  for (const auto& [name, named] : by_name) {
    for (const auto& [file, signature] : named) {
      if (signature->hash.empty()) done({file, signature->tensor});
    }
  }
  return files;
}

}  // namespace pthview
