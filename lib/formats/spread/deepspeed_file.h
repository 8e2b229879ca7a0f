// A torch file of a DeepSpeed checkpoint: its pickle, and ways to look at it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/formats/common/pickled_ints.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_values.h"
#include "lib/model/builder.h"

namespace pthview {

struct DeepSpeedFile {
  DeepSpeedFile(TorchPickle pickle, ModelBuilder& builder)
      : file(std::move(pickle)), values(file), tensors(file, builder, MakeNestedReader(builder)) {}

  TorchPickle file;
  TorchValues values;
  TensorReader tensors;

  // Null when there is no such key.
  const pickle::Value* Find(pickle::Value dict, std::string_view key);
  const pickle::Value* Find(std::string_view key) { return Find(file.tree.root, key); }
  // An int, or a member of an enum of ints.
  std::optional<int64_t> Int(pickle::Value value) const;
  // As IntsOf.
  std::optional<std::vector<int64_t>> Ints(pickle::Value value, size_t most = ModelBuilder::kMaxRank) const {
    return IntsOf(file.tree, value, most);
  }
};

Result<std::unique_ptr<DeepSpeedFile>> LoadDeepSpeedFile(ModelBuilder& builder, const std::string& folder,
                                                         const std::string& name);

}  // namespace pthview
