// The classes of torch.nn, which a module that was saved whole names: torch's own code, and nobody else's.
#pragma once

#include <string_view>

namespace pthview {

// Whether a global is a layer of torch.nn (`torch.nn.modules.conv` `Conv2d`), or a function that layers hold
// (`torch.nn.functional` `relu`); also as TorchScript calls it (`__torch__.torch.nn.modules.conv` `Conv2d`, with or
// without `___torch_mangle_3`). Making one of these takes memory and sets attributes; it reads no file and runs no
// text.
bool IsTorchLayer(std::string_view module, std::string_view name);

}  // namespace pthview
