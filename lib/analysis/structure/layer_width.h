// How wide what a layer takes and gives is: channels or features, as far as its tensors' shapes say.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/model/model.h"

namespace pthview {

struct Width {
  int64_t size = 0;    // 0: not known
  int64_t other = 0;   // what it may be instead (groups are not in the file); 0: nothing
  bool image = false;  // of a convolution's output: flattened it is a multiple of size
};

// One width for both, the surer of the two; nullopt where they contradict.
std::optional<Width> Unify(Width a, Width b);

enum class LayerKind : uint8_t { kOther, kConvolution, kLinear, kNorm, kEmbedding, kPass };

struct LayerWidth {
  LayerKind kind = LayerKind::kOther;
  Width in;
  Width out;
  bool swappable = false;  // may be a transposed convolution: in and out change places
};

// Of a module that is drawn as one node.
LayerWidth WidthOf(const Model& model, const Module& layer);

// What the layer gives when it is given `in`; nullopt where it cannot take that.
std::optional<Width> Through(const LayerWidth& layer, Width in);

}  // namespace pthview
