#include "lib/formats/spread/deepspeed_files.h"

#include <charconv>
#include <cstddef>
#include <system_error>

#include "lib/formats/common/folder.h"

namespace pthview {
namespace {

// Takes `word` from the front of a name.
bool Take(std::string_view& name, std::string_view word) {
  if (!name.starts_with(word)) return false;
  name.remove_prefix(word.size());
  return true;
}

// Takes `word` and a number; nullopt when there is none, or none that an int holds.
std::optional<int> TakeNumber(std::string_view& name, std::string_view word) {
  std::string_view rest = name;
  int number = 0;
  if (!Take(rest, word)) return std::nullopt;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  name = rest.substr(static_cast<size_t>(end - rest.data()));
  return number;
}

// Puts the file in its place; false when another has it, or when the name is not quite that of a rank's file.
bool AddOfRank(DeepSpeedFiles& files, const std::string& name) {
  std::string_view rest = name;
  const bool half = Take(rest, "bf16_") || Take(rest, "fp16_");
  auto shard = TakeNumber(rest, "zero_pp_rank_");
  if (shard && !Take(rest, "_")) return false;
  auto rank = TakeNumber(rest, "mp_rank_");
  if (!rank) return false;
  if (shard && rest == "_optim_states.pt") return files.ranks[*rank].optimizer.emplace(*shard, name).second;
  if (half || rest != "_model_states.pt") return false;
  return files.ranks[*rank].model.emplace(shard.value_or(0), name).second;
}

DeepSpeedFiles FilesIn(const std::string& folder) {
  DeepSpeedFiles files{.folder = folder};
  for (const std::string& name : ListFolder(folder)) {
    bool states =
        name.ends_with("_optim_states.pt") || name.ends_with("_model_states.pt") || name.ends_with("-model_states.pt");
    if (states && !AddOfRank(files, name)) files.others.push_back(name);
  }
  for (const auto& [rank, of] : files.ranks) {
    files.shared_out = files.shared_out || (!of.model.empty() && !of.optimizer.empty());
  }
  return files;
}

// Stage 3 keeps no weights in its model states, so that they are nothing by themselves.
bool HasModules(const DeepSpeedFiles& files) {
  for (const auto& [rank, of] : files.ranks) {
    if (of.optimizer.empty() && !of.model.empty() && of.model.begin()->second.starts_with("mp_rank_")) return true;
  }
  return false;
}

}  // namespace

std::optional<DeepSpeedFiles> FindDeepSpeedFiles(const std::string& folder) {
  DeepSpeedFiles here = FilesIn(folder);
  if (here.shared_out || HasModules(here)) return here;
  auto latest = OpenInFolder(folder, "latest");
  if (!latest || (*latest)->size() > 256) return std::nullopt;
  auto bytes = (*latest)->Read(0, (*latest)->size());
  if (!bytes) return std::nullopt;
  std::string name(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.pop_back();
  if (!IsPlainFileName(name)) return std::nullopt;
  DeepSpeedFiles inside = FilesIn(folder + "/" + name);
  if (!inside.shared_out && !HasModules(inside)) return std::nullopt;
  return inside;
}

std::optional<DeepSpeedLayerFile> LayerFileOf(std::string_view name) {
  auto layer = TakeNumber(name, "layer_");
  auto tensor_rank = TakeNumber(name, "-model_");
  if (!layer || name != "-model_states.pt") return std::nullopt;
  return DeepSpeedLayerFile{*layer, tensor_rank.value_or(0)};
}

}  // namespace pthview
