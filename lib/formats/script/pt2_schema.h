// Pieces of torch.export's JSON that tables and graphs share: unions, tensor descriptions, enums.
// A union is an object of one member (`as_tensor`, `as_int`, ...); files of torch 2.1 and 2.2 hold all members, and all
// but one of them null. Source: torch/_export/serde/schema.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/formats/common/json_tree.h"

namespace pthview {

// The one member of a union that is set; a null value when none is.
Json::Member UnionOf(Json json);

// TensorMeta of a stored tensor: all numbers are known.
struct ExportTensor {
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  int64_t offset = 0;
  DType dtype = DType::kUnknown;
  bool strided = true;
  bool requires_grad = false;
  std::string device;  // "cuda:0"
};
ExportTensor ReadExportTensor(Json meta);

std::string_view ExportLayoutName(Json value);        // "strided"
std::string_view ExportMemoryFormatName(Json value);  // "contiguous_format"
std::string ExportDeviceText(Json device);            // "cuda:0", raw

}  // namespace pthview
