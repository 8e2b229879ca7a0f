// Arrays in the files of joblib.dump: their elements stand between the opcodes of the pickle, behind the BUILD of the
// object that describes them.
//
//   ... NumpyArrayWrapper BUILD | u8 n | n bytes FF | elements | next opcode ...
//
// n is there since joblib 1.1, where the wrapper says `numpy_array_alignment_bytes`. In the place of the elements of an
// array of objects stands a pickle of its own. Source: joblib/numpy_pickle.py (NumpyArrayWrapper, NumpyPickler).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/source.h"
#include "lib/formats/torch/torch_tensors.h"
#include "lib/model/builder.h"
#include "lib/pickle/machine.h"
#include "lib/pickle/value.h"

namespace pthview {

// For pickle::ReadOptions::raw_after.
std::optional<pickle::RawBytes> JoblibElements(const pickle::Tree& tree, pickle::Value object,
                                               std::span<const std::byte> rest);

// Whether `object` is a wrapper of numbers, so that it can be read as a tensor.
bool IsJoblibArray(const TorchPickle& file, const pickle::Object& object);

// The array whose wrapper `object` is; nullopt for elements that are no numbers.
std::optional<Tensor> ReadJoblibArray(const TorchPickle& file, ModelBuilder& builder, const pickle::Object& object,
                                      std::string_view where);

}  // namespace pthview
