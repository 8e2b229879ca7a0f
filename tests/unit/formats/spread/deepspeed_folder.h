// DeepSpeed folders made by hand, for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview::deepspeed {

using namespace assembler;  // NOLINT(google-build-using-namespace)

inline Code Size(const std::vector<int64_t>& values) { return Reduce(Global("torch", "Size"), {Ints(values)}); }

inline Code Texts(const std::vector<std::string>& texts) {
  Codes items;
  for (const std::string& text : texts) items.push_back(Text(text));
  return List(items);
}

inline std::vector<std::string> CodesOf(const Model& model) {
  std::vector<std::string> codes;
  codes.reserve(model.findings.size());
  for (const Finding& finding : model.findings) codes.push_back(finding.code);
  return codes;
}

struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
};

class FolderTest : public testing::Test {
 protected:
  void Save(const std::string& name, const Code& root, const std::vector<float>& values = {}) {
    ZipBuilder zip;
    zip.Add({.name = "m/data.pkl", .data = Pickle(root), .torch = true});
    std::string data;
    for (float value : values) data += Little(value);
    if (!values.empty()) zip.Add({.name = "m/data/0", .data = data, .torch = true});
    WriteText(folder_ / name, zip.Finish());
  }

  // One data-parallel rank: `first`, `first + 1`, ... are its weights.
  void Rank(const std::string& rank, const std::vector<Parameter>& parameters, float first, Pairs more = {}) {
    Pairs shapes;
    std::vector<float> values;
    for (const auto& [name, shape] : parameters) {
      shapes.emplace_back(name, Size(shape));
      int64_t numel = 1;
      for (int64_t size : shape) numel *= size;
      for (int64_t i = 0; i < std::min<int64_t>(numel, 100); ++i) {
        values.push_back(first + static_cast<float>(values.size()));
      }
    }
    more.emplace_back("param_shapes", List({Named(shapes)}));
    Save("mp_rank_" + rank + "_model_states.pt", Named(more));
    auto count = static_cast<int64_t>(values.size());
    Code flat = TensorV2(StorageCode("FloatStorage", "0", count), {count}, {1});
    Code state = Named({{"zero_stage", Int(1)},
                        {"partition_count", List({Int(1)})},
                        {"single_partition_of_fp32_groups", List({flat})}});
    Save("zero_pp_rank_0_mp_rank_" + rank + "_optim_states.pt", Named({{"optimizer_state_dict", state}}), values);
  }

  // What one data-parallel rank has of the weights: flat tensors of `sizes`, one a group, whose values run on from
  // `first`. A size of -1 is a tensor that cannot be read.
  void Share(int rank, int stage, const std::vector<int64_t>& sizes, float first, Pairs more = {}) {
    Codes flats;
    int64_t all = 0;
    for (int64_t size : sizes) all += std::max<int64_t>(size, 0);
    int64_t begin = 0;
    for (int64_t size : sizes) {
      flats.push_back(size < 0 ? None() : TensorV2(StorageCode("FloatStorage", "0", all), {size}, {1}, begin));
      begin += std::max<int64_t>(size, 0);
    }
    std::vector<float> values(static_cast<size_t>(all));
    std::iota(values.begin(), values.end(), first);
    more.emplace_back("zero_stage", Int(stage));
    more.emplace_back(stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups", List(flats));
    Save("zero_pp_rank_" + std::to_string(rank) + "_mp_rank_00_optim_states.pt",
         Named({{"optimizer_state_dict", Named(more)}}), values);
  }

  // The model states of these groups of parameters.
  void Groups(int stage, const std::vector<std::vector<Parameter>>& groups) {
    Codes shapes;
    for (const auto& group : groups) {
      Pairs sizes;
      for (const auto& [name, shape] : group) sizes.emplace_back(name, Size(shape));
      shapes.push_back(Named(sizes));
    }
    const std::string prefix = stage == 3 ? "zero_pp_rank_0_" : "";
    Save(prefix + "mp_rank_00_model_states.pt", Named({{"param_shapes", List(shapes)}}));
  }

  // Model states alone: a module of float32 tensors with these strides.
  void Module(const std::string& rank, const std::vector<Parameter>& parameters, float first, Pairs more = {}) {
    Pairs tensors;
    std::vector<float> values;
    for (const auto& [name, shape] : parameters) {
      auto begin = static_cast<int64_t>(values.size());
      int64_t numel = 1;
      std::vector<int64_t> strides;
      for (int64_t size : shape) {
        strides.push_back(numel);
        numel *= size;
      }
      if (name[0] != 't') {  // `t` is transposed
        strides.assign(shape.size(), 1);
        for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
      }
      for (int64_t i = 0; i < numel; ++i) values.push_back(first + static_cast<float>(values.size()));
      tensors.emplace_back(name, TensorV2(StorageCode("FloatStorage", "0", 100), shape, strides, begin));
    }
    values.resize(100);
    tensors.emplace_back("_extra_state", None());
    more.emplace_back("module", Named(tensors));
    Save("mp_rank_" + rank + "_model_states.pt", Named(more), values);
  }

  static Pairs Info(const Pairs& info) { return {{"universal_checkpoint_info", Named(info)}}; }

  Model Open() {
    auto model = OpenModel(folder_.path());
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : Model();
  }
  TemporaryFolder folder_;
};

}  // namespace pthview::deepspeed
