// Which files a DeepSpeed checkpoint folder has, told by their names.
//
//   latest                                                   "global_step10": the folder in which the rest is
//   mp_rank_<m>_model_states.pt                              stages 1, 2
//   zero_pp_rank_<d>_mp_rank_<m>_model_states.pt             stage 3
//   [bf16_|fp16_]zero_pp_rank_<d>_mp_rank_<m>_optim_states.pt
//   layer_<l>[-model_<t>]-model_states.pt                    layers of a pipeline; <t> is 0 where it is left out
//   [layer_<l>_]expert_<e>_mp_rank_<m>_model_states.pt, expp_rank_<r>_mp_rank_<m>_optim_states.pt
//
// <d> is a data-parallel rank, <m> a model-parallel one: with T tensor-parallel ranks, m = T * stage of the pipeline
// + <t>. Source: deepspeed/checkpoint/constants.py, runtime/engine.py (_get_ckpt_name and its neighbours).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pthview {

// Files of one model-parallel rank, by data-parallel rank.
struct DeepSpeedRankFiles {
  std::map<int, std::string> model;  // only rank 0 in stages 1 and 2
  std::map<int, std::string> optimizer;
};

struct DeepSpeedFiles {
  std::string folder;
  std::map<int, DeepSpeedRankFiles> ranks;  // by model-parallel rank
  std::vector<std::string> others;          // of layers, of experts, or with more in their names; sorted
  bool shared_out = false;                  // a rank has model states and a share of the weights
};

// The files in `folder`, or in the folder that its `latest` names. nullopt when they are none of DeepSpeed's: unless
// weights are shared out, there must be a mp_rank_<m>_model_states.pt, which then has all of its rank's.
std::optional<DeepSpeedFiles> FindDeepSpeedFiles(const std::string& folder);

// A file of `others` that holds a layer of a pipeline.
struct DeepSpeedLayerFile {
  int layer = 0;
  int tensor_rank = 0;
};
std::optional<DeepSpeedLayerFile> LayerFileOf(std::string_view name);

}  // namespace pthview
