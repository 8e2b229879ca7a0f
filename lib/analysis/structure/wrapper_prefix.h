// Prefixes that wrappers (DataParallel, torch.compile, an EMA helper) put before every name of a state_dict.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/model/model.h"

namespace pthview {

struct WrapperPrefix {
  std::string_view text;  // "module.", or several: "_orig_mod.module."; empty: none. A view of the first name
  std::string cause;      // "DataParallel or DistributedDataParallel"
};

// The longest run of known prefixes that all names carry; `name(i)` gives the i-th of `count`.
WrapperPrefix FindWrapperPrefix(size_t count, const std::function<std::string_view(size_t)>& name);

}  // namespace pthview
