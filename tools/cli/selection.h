// Which tensors of a model a verb works on: --all, --part, --include, --exclude; and what they are called.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/model.h"
#include "tools/cli/arguments.h"

namespace pthview {

struct Selection {
  std::vector<Index> tensors;      // into Model::tensors, in the file's order
  bool names_collide = false;      // some name stands in several of the listed parts: those are called by their path
  std::vector<std::string> notes;  // what was left out or assumed, for standard error
  std::vector<uint8_t> use_path;   // by position in `tensors`; empty unless names_collide

  // The name to show for tensors[i].
  std::string_view NameOf(const Model& model, size_t i) const {
    const Tensor& tensor = model.tensors[tensors[i]];
    return names_collide && use_path[i] != 0 ? tensor.path : tensor.name;
  }
};

// kNotFound (with the parts that there are) unless each of `wanted` is the path of a part.
Status CheckParts(const Model& model, std::span<const std::string> wanted);

// kNotFound when a --part is not in the file (with those that are).
Result<Selection> SelectTensors(const Model& model, const Arguments& arguments);

}  // namespace pthview
