// The tensors that operands behind FILE mean.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"
#include "tools/cli/arguments.h"

namespace pthview {

struct NamedTensors {
  std::vector<Index> tensors;      // into Model::tensors, in the file's order
  std::vector<std::string> notes;  // which names were taken for what
};

// Looks each of `arguments.files` but the first up as `show` does, among what --part, --include and --exclude leave.
// kNotFound, with what may have been meant, where one finds no tensor.
Result<NamedTensors> FindNamedTensors(const Model& model, const Arguments& arguments);

}  // namespace pthview
