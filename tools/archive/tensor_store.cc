#include "tools/archive/tensor_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "converters/common/side_file.h"
#include "lib/base/output_file.h"
#include "lib/model/storage_view.h"
#include "lib/model/tensor_data.h"

namespace pthview::archive {
Result<PlacedWeights> StageTensors(const Model& model, std::span<const Index> selected,
                                   const std::vector<std::string>& hashes, const std::string& name,
                                   const std::string& archive, const std::string& folder, std::vector<Staged>* staged,
                                   uint64_t* staged_bytes) {
  PlacedWeights placed;
  placed.tensors.assign(model.tensors.size(), PlacedWeights::kNowhere);
  placed.components.assign(model.components.size(), PlacedWeights::kNowhere);
  std::string up;
  for (char c : name) {
    if (c == '/') up += "../";
  }
  std::set<std::string> written;
  std::map<StorageView, uint64_t> first;
  auto place = [&](const Tensor& tensor, std::string hash, uint64_t* at) -> Status {
    if (tensor.layout != Layout::kDense || tensor.data != DataState::kPresent || tensor.storage == kNone) return Ok();
    // Packed elements are hashed packed, and would be written unpacked: they stay in one piece with their storage only.
    if (Info(tensor.dtype).items_per_byte > 1 && !ContiguousRange(model, tensor)) return Ok();
    if (hash.empty()) {
      PTHVIEW_ASSIGN(hash, HashTensor(model, tensor));
    }
    const std::string file = hash.substr(0, 2) + "/" + hash;
    const std::string final_path = std::string(kStoreFolder) + "/" + file;
    auto [known, is_new] = first.try_emplace(ViewOf(tensor), 0);
    if (is_new) known->second = placed.Add(up + "_tensors/" + file, tensor.nbytes());
    *at = known->second;
    if (!written.insert(hash).second) return Ok();
    struct stat there;
    if (::stat((archive + "/" + final_path).c_str(), &there) == 0 &&
        static_cast<uint64_t>(there.st_size) == tensor.nbytes()) {
      return Ok();
    }
    const std::string path = folder + "/" + hash;
    PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(path, true));
    if (auto range = ContiguousRange(model, tensor)) {
      PTHVIEW_TRY(out.CopyFrom(*model.sources[range->source], range->offset, range->nbytes));
    } else {
      PTHVIEW_TRY(WriteElements(model, tensor, out));
    }
    PTHVIEW_TRY(out.Commit());
    staged->push_back({path, final_path});
    *staged_bytes += tensor.nbytes();
    return Ok();
  };
  std::vector<const Tensor*> holders;
  for (Index row : selected) {
    const Tensor& tensor = model.tensors[row];
    PTHVIEW_TRY(place(tensor, hashes[row], &placed.tensors[row]));
    if (tensor.component_count > 0 || tensor.quantization != kNone) holders.push_back(&tensor);
  }
  for (size_t i = 0; i < holders.size() && i < model.tensors.size() + model.components.size(); ++i) {
    std::vector<Index> inside;
    for (const Component& component : model.ComponentsOf(*holders[i])) inside.push_back(component.tensor);
    if (holders[i]->quantization != kNone) {
      const Quantization& how = model.quantizations[holders[i]->quantization];
      for (Index component : {how.scales, how.zero_points}) {
        if (component != kNone) inside.push_back(component);
      }
    }
    for (Index component : inside) {
      if (placed.components[component] != PlacedWeights::kNowhere) continue;
      PTHVIEW_TRY(place(model.components[component], {}, &placed.components[component]));
      if (model.components[component].component_count > 0) holders.push_back(&model.components[component]);
    }
  }
  return placed;
}

}  // namespace pthview::archive
