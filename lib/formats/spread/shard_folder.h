// The names of numbered shards: `model-00001-of-00002.safetensors`, `pytorch_model-00001-of-00002.bin`, and those that
// torch.distributed.checkpoint writes in Hugging Face's layout, `shard-00001-model-00001-of-00001.safetensors`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pthview {

struct ShardName {
  std::string stem;  // what stands before the numbers, and the extension: "model-*.safetensors"
  uint64_t number = 0;
  uint64_t count = 0;
};
std::optional<ShardName> ParseShardName(std::string_view name);

// The shards of one checkpoint.
struct ShardSet {
  std::vector<std::string> files;        // sorted
  std::vector<uint64_t> missing;         // numbers of which there is no file, at most 100 of them
  std::vector<std::string> other_stems;  // other checkpoints of shards in the folder, as "model-*.bin"
};

// Among the names of a folder; nullopt when it holds none. Of several sets the one of safetensors, and the larger one.
std::optional<ShardSet> FindShards(const std::vector<std::string>& names);

}  // namespace pthview
