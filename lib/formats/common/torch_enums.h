// Element types by number: two enums of torch that agree on nothing.
#pragma once

#include <cstdint>

#include "lib/base/dtype.h"

namespace pthview {

// c10::ScalarType, as flatbuffer files hold it. Source: torch/headeronly/core/ScalarType.h.
DType DTypeFromC10(int64_t code);

// torch.export's. Source: ScalarType in torch/_export/serde/schema.py.
DType DTypeFromExport(int64_t code);

}  // namespace pthview
