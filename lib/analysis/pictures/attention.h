// Which tensors are projections of an attention, and which part of each belongs to which head.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/pictures/cell_grid.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::pictures {

enum class Projection : uint8_t {
  kQuery,
  kKey,
  kValue,
  kOutput,
  kStacked,      // query, key and value, one after the other: torch.nn.MultiheadAttention's in_proj_weight
  kInterleaved,  // query, key and value of the first head, then of the next: GPT-NeoX's query_key_value
};

struct AttentionRole {
  Projection projection = Projection::kQuery;
  bool transposed = false;  // rows are inputs: GPT-2's Conv1D
};

// By the tensor's name, for matrices only; nullopt when it is none.
std::optional<AttentionRole> AttentionRoleOf(const Model& model, const Tensor& tensor);

struct HeadCount {
  int64_t count = 1;
  std::string from;      // where it is recorded: "config.num_attention_heads"; empty: assumed, or asked for
  bool assumed = false;  // by the size alone: heads of 64
};

// How many heads the tensor has: `asked` (0: not), else what the module's attributes or the file's plain values
// record, else as many as are 64 wide (or 8, or 1). kUsage when `asked` does not divide the tensor.
Result<HeadCount> CountHeads(const Model& model, const Tensor& tensor, const AttentionRole& role, int64_t asked);

struct HeadPart {
  std::string name;  // "head 3", "q 3"
  GridRegion region;
};

// In reading order, `columns` in a row.
struct HeadParts {
  std::vector<HeadPart> parts;
  int64_t columns = 1;
};
HeadParts SplitHeads(const Tensor& tensor, const AttentionRole& role, int64_t heads);

}  // namespace pthview::pictures
