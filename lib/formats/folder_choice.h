// A folder that is no checkpoint as a whole: what in it is meant.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace pthview {

struct FolderChoice {
  std::string open;                 // the file or folder in it that is meant; empty when that cannot be told
  std::vector<std::string> others;  // what else in it can be opened, by name
};

// `can_open` says of a path whether it is a file or folder that a format reads. Asked of at most 300 entries, and of
// nothing below them. The only one that can be opened is meant; of several that which the libraries that write such
// folders call the model (model.safetensors, pytorch_model.bin, ...).
FolderChoice ChooseInFolder(const std::string& folder, const std::function<bool(const std::string& path)>& can_open);

}  // namespace pthview
