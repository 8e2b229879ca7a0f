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
constexpr size_t kMostSamples = size_t{1} << 21;  // of a file

Result<TensorSignature> SignatureOf(const Model& model, Index index, int64_t most) {
  const Tensor& tensor = model.tensors[index];
  TensorSignature signature{.tensor = index};
  PTHVIEW_ASSIGN(signature.hash, HashTensor(model, tensor));
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

Result<FileSignature> ReadSignature(const Model& model, const std::function<void(uint64_t)>& advance) {
  const bool has_model = std::ranges::any_of(model.parts, [](const Part& p) { return p.kind == PartKind::kModel; });
  std::vector<Index> chosen;
  for (size_t t = 0; t < model.tensors.size(); ++t) {
    const Tensor& tensor = model.tensors[t];
    bool in_model = tensor.part < model.parts.size() && model.parts[tensor.part].kind == PartKind::kModel;
    if (Wanted(tensor) && (in_model || !has_model)) chosen.push_back(static_cast<Index>(t));
  }
  FileSignature file;
  std::map<int, int64_t> types;
  const int64_t most = std::clamp<int64_t>(static_cast<int64_t>(kMostSamples / std::max<size_t>(chosen.size(), 1)),
                                           kSampleRuns, kSamples);
  std::vector<Result<TensorSignature>> signatures(chosen.size());
  ParallelFor(chosen.size(), [&](size_t i) {
    signatures[i] = SignatureOf(model, chosen[i], most);
    if (advance) advance(model.tensors[chosen[i]].nbytes());
  });
  for (size_t i = 0; i < chosen.size(); ++i) {
    PTHVIEW_ASSIGN(TensorSignature signature, std::move(signatures[i]));
    const Tensor& tensor = model.tensors[chosen[i]];
    types[MantissaBits(tensor.dtype)] += tensor.numel;
    std::string name(PlainName(model, tensor));
    file.tensors.try_emplace(name, std::move(signature));
  }
  int64_t largest = 0;
  for (const auto& [bits, elements] : types) {
    if (elements > largest) {
      largest = elements;
      file.mantissa = bits;
    }
  }
  return file;
}

}  // namespace pthview
