#include "tools/cli/info_facts.h"

#include <filesystem>
#include <string>

#include "lib/model/tied.h"

namespace pthview {

uint64_t BytesOfFiles(const Model& model) {
  std::map<std::string, uint64_t> files;
  std::error_code none;
  if (std::filesystem::is_regular_file(model.file, none)) {
    const std::string path = std::filesystem::canonical(model.file, none).string();
    files[path] = std::filesystem::file_size(path, none);
  }
  for (const auto& source : model.sources) {
    if (std::string path = source->real_path(); !path.empty() && !std::filesystem::is_directory(path)) {
      files[std::move(path)] = source->size();
    }
  }
  uint64_t bytes = 0;
  for (const auto& [path, size] : files) bytes += size;
  return files.empty() && !model.sources.empty() ? model.sources[0]->size() : bytes;
}

Facts FactsOf(const Model& model, const Narrowing& narrowing) {
  Facts facts;
  facts.parts.resize(model.parts.size());
  std::vector<TensorCount> parts(model.parts.size());  // each counts what is tied across parts too
  TensorCount all;
  for (const Tensor& tensor : model.tensors) {
    if (!narrowing.Has(tensor)) continue;
    if (tensor.part != kNone) parts[tensor.part].Add(model, tensor);
    if (!all.Add(model, tensor)) continue;
    if (tensor.layout == Layout::kDense || tensor.component_count == 0) {
      ++facts.dtypes[DTypeName(tensor.dtype)];
    } else {  // what is stored, not what it looks like from outside
      ForEachStored(model, tensor, [&](const Tensor& stored) { ++facts.dtypes[DTypeName(stored.dtype)]; });
    }
    if (!tensor.device.empty()) ++facts.devices[tensor.device];
  }
  for (size_t p = 0; p < parts.size(); ++p) {
    facts.parts[p].tensors = parts[p].tensors();
    facts.parts[p].bytes = parts[p].StorageBytes(model);
  }
  facts.again = all.tied();
  auto counts = CountParametersByPart(model, [&](const Tensor& tensor) { return narrowing.Has(tensor); });
  for (size_t p = 0; p < counts.size(); ++p) facts.parts[p].parameters = counts[p];
  facts.file_bytes = BytesOfFiles(model);
  return facts;
}

}  // namespace pthview
