// Tensors that hold codes of a quantized weight rather than its values.
#pragma once

#include <string>

#include "lib/model/model.h"

namespace pthview {

// "4-bit codes of a weight [11008, 4096], several in a word, as gptq.QuantLinear packs them (inferred)"; empty when the
// tensor (of Model::tensors) is none. Goes by the classes that InferModules gave.
std::string PackedNote(const Model& model, Index tensor);

}  // namespace pthview
