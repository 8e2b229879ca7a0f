#include "lib/formats/folder_choice.h"

#include <algorithm>
#include <string_view>

#include "lib/formats/common/folder.h"

namespace pthview {
namespace {

constexpr size_t kMostEntries = 300;

// transformers, peft, diffusers, and what Meta's models come in.
constexpr std::string_view kModelNames[] = {
    "model.safetensors",
    "pytorch_model.bin",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.bin",
    "consolidated.safetensors",
    "consolidated.00.pth",
};

}  // namespace

FolderChoice ChooseInFolder(const std::string& folder, const std::function<bool(const std::string& path)>& can_open) {
  FolderChoice choice;
  std::vector<std::string>& found = choice.others;
  std::vector<std::string> names = ListFolder(folder);
  if (names.size() > kMostEntries) names.resize(kMostEntries);
  for (const std::string& name : names) {
    if (can_open(folder + "/" + name)) found.push_back(name);
  }
  if (found.size() == 1) choice.open = found[0];
  for (std::string_view name : kModelNames) {
    if (choice.open.empty() && std::find(found.begin(), found.end(), name) != found.end()) choice.open = name;
  }
  std::erase(found, choice.open);
  return choice;
}

}  // namespace pthview
