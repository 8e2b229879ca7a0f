// Rows of a model's tables refer to each other by index.
#pragma once

#include <cstdint>

namespace pthview {

using Index = uint32_t;
inline constexpr Index kNone = UINT32_MAX;

}  // namespace pthview
