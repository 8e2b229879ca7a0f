// How a parameter is spread over tensor-parallel ranks, as `universal_checkpoint_info` in the model states says:
//
//   {'universal_checkpoint_version': 0.4,
//    'tp_replicated_parameter_patterns': [regex],         every rank has it whole
//    'parameter_to_average_patterns': [regex],            the mean of the ranks' is meant
//    'parameter_with_2_sub_params_cat_dim_0': [regex],    two halves, each in slices along dimension 0
//    'parameter_with_sub_params': [{'patterns': [regex], 'shape': (size | (sizes), ...), 'partition_dim': int}],
//    'sub_param_shard_widths': {regex: [[width by rank], by part]},                          since version 0.4
//    'parameter_with_row_parallelism_patterns': [regex],  slices along dimension 1; all others along dimension 0
//    'vocabulary_parameter_patterns': [regex], 'original_vocab_size': int,  rows behind these are padding
//    'pipeline_replicated_parameter_patterns': [regex],   later stages of a pipeline have it too
//    'autotp_unsupported_parameter_patterns': {regex: reason},
//    'affine_map': {'version': 1, 'params': {regex: map}}}                 where there is one, it goes before all else
//
// A regex is matched at the start of the name. Source: deepspeed/checkpoint/constants.py, ds_to_universal.py
// (merge_tp_slices).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/text_hash.h"
#include "lib/formats/spread/deepspeed_boxes.h"
#include "lib/formats/spread/deepspeed_file.h"
#include "lib/formats/spread/name_pattern.h"

namespace pthview {

struct JoinPlan {
  enum Kind : uint8_t { kBoxes, kReplicated, kMean } kind = kBoxes;
  SliceBoxes parts;             // kBoxes
  std::optional<int64_t> rows;  // of dimension 0 that are no padding
  bool padded = false;          // there may be padding, and the file does not say where it begins
};

class DeepSpeedLayout {
 public:
  // `info` is the dict above, in `file`, which must outlive this; all ranks together have `slices` of parameters.
  DeepSpeedLayout(DeepSpeedFile& file, pickle::Value info, size_t slices);

  // How the slices of a parameter, by rank, make the whole. An error says why that cannot be told, as a clause.
  Result<JoinPlan> Plan(std::string_view name, std::span<const Shape> slices);

  // Whether the stages of a pipeline behind the first that has it have it only again.
  bool IsPipelineReplica(std::string_view name) { return Find(kPipelineReplicated, name).has_value(); }

  // A pattern that cannot be read, so that no parameter's layout is known; empty when there is none.
  const std::string& unreadable() const { return unreadable_; }

 private:
  enum List : uint8_t {
    kReplicated,
    kAverage,
    kTwoHalves,
    kSubParameters,
    kRows,
    kVocabulary,
    kPipelineReplicated,
    kUnsupported,
    kAffine,
    kLists
  };
  // Patterns, each with what it stands for: a row of `values_`.
  struct Patterns {
    std::unordered_map<std::string, size_t, TextHash> names;
    std::vector<std::pair<NamePattern, size_t>> others;
  };

  const pickle::Value* InInfo(std::string_view key) { return file_.Find(info_, key); }
  void AddList(List list, std::string_view key);
  void AddDict(List list, pickle::Value dict);
  void AddSubParameters();
  void Add(List list, pickle::Value pattern, pickle::Value means);
  // The first that matches, as the file lists them. Of several affine maps none is right.
  std::optional<size_t> Find(List list, std::string_view name);
  // Widths of parts by rank along a dimension, made into boxes when there may be so many.
  Result<SliceBoxes> Along(std::span<const Shape> slices, int64_t dim, const std::vector<std::vector<int64_t>>& widths);
  Result<std::vector<std::vector<int64_t>>> PartWidths(size_t found, std::span<const Shape> slices, int64_t* dim);

  DeepSpeedFile& file_;
  pickle::Value info_;
  Patterns lists_[kLists];
  std::vector<std::pair<pickle::Value, pickle::Value>> values_;  // a pattern and what it stands for
  std::string unreadable_;
  std::unordered_map<std::string_view, pickle::Value, TextHash> part_widths_;  // sub_param_shard_widths
  // What is left, so that no file takes for ever or fills memory.
  uint64_t steps_ = uint64_t{1} << 28;     // of compiling and matching
  size_t instructions_ = size_t{1} << 20;  // of patterns that are kept, 32 bytes each
  size_t boxes_;                           // of parameters that are joined, some 400 bytes each
};

}  // namespace pthview
