#include "lib/formats/deepspeed_files.h"

#include <charconv>
#include <cstddef>

#include "lib/formats/folder.h"

namespace pthview {
namespace {

// The number behind `word` in a file name; nullopt when there is none, or none that an int holds.
std::optional<int> NumberAfter(std::string_view name, std::string_view word) {
  size_t at = name.find(word);
  if (at == name.npos) return std::nullopt;
  int number = 0;
  const char* from = name.data() + at + word.size();
  if (std::from_chars(from, name.data() + name.size(), number).ec != std::errc() || number < 0) return std::nullopt;
  return number;
}

DeepSpeedFiles FilesIn(const std::string& folder) {
  DeepSpeedFiles files{.folder = folder};
  for (const std::string& name : ListFolder(folder)) {
    bool optim = name.ends_with("_optim_states.pt");
    bool layer = name.ends_with("-model_states.pt");
    if (!optim && !layer && !name.ends_with("_model_states.pt")) continue;
    auto rank = NumberAfter(name, "mp_rank_");
    auto shard = NumberAfter(name, "zero_pp_rank_");
    bool known = rank && (shard || (!optim && name.starts_with("mp_rank_")));
    if (!known) {
      files.others.push_back(name);
    } else if (optim) {
      files.ranks[*rank].optimizer.emplace(*shard, name);
    } else {
      files.ranks[*rank].model.emplace(shard.value_or(0), name);
    }
  }
  return files;
}

bool HasShares(const DeepSpeedFiles& files) {
  for (const auto& [rank, of] : files.ranks) {
    if (!of.model.empty() && !of.optimizer.empty()) return true;
  }
  return false;
}

}  // namespace

std::optional<DeepSpeedFiles> FindDeepSpeedFiles(const std::string& folder) {
  DeepSpeedFiles here = FilesIn(folder);
  if (HasShares(here)) return here;
  auto latest = OpenInFolder(folder, "latest");
  if (!latest || (*latest)->size() > 256) return std::nullopt;
  auto bytes = (*latest)->Read(0, (*latest)->size());
  if (!bytes) return std::nullopt;
  std::string name(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.pop_back();
  if (!IsPlainFileName(name)) return std::nullopt;
  DeepSpeedFiles inside = FilesIn(folder + "/" + name);
  if (!HasShares(inside)) return std::nullopt;
  return inside;
}

std::optional<DeepSpeedLayerFile> LayerFileOf(std::string_view name) {
  if (!name.starts_with("layer_") || !name.ends_with("-model_states.pt")) return std::nullopt;
  auto layer = NumberAfter(name, "layer_");
  auto tensor_rank = NumberAfter(name, "-model_");
  if (!layer || !tensor_rank) return std::nullopt;
  return DeepSpeedLayerFile{*layer, *tensor_rank};
}

}  // namespace pthview
