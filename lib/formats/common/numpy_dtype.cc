#include "lib/formats/common/numpy_dtype.h"

namespace pthview {

NumpyCode ParseNumpyCode(std::string_view code) {
  NumpyCode result;
  if (!code.empty() && std::string_view("<>|=").find(code[0]) != std::string_view::npos) {
    result.big_endian = code[0] == '>';
    code.remove_prefix(1);
  }
  result.dtype = DTypeFromNumpy(code).value_or(DType::kUnknown);
  return result;
}

}  // namespace pthview
