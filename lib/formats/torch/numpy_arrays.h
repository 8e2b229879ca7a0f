// NumPy arrays and scalars inside pickles.
// Source: numpy/core/src/multiarray/methods.c (array_reduce, array_setstate), descriptor.c (arraydescr_setstate).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/formats/torch/torch_globals.h"
#include "lib/model/builder.h"
#include "lib/pickle/value.h"

namespace pthview {

// True for `_reconstruct(ndarray, (0,), b'b')` with a state, and for `_frombuffer(...)`.
bool IsNumpyArray(const pickle::Tree& tree, const std::vector<GlobalMeaning>& meanings, pickle::Value value);

// The elements of an array of objects, which numpy and dill pickle as a list; nullopt for other arrays, and empty ones.
std::optional<std::span<const pickle::Value>> ObjectArrayItems(const pickle::Tree& tree,
                                                               const std::vector<GlobalMeaning>& meanings,
                                                               const pickle::Object& object);

// The array as a tensor over bytes of its own; nullopt for dtypes that hold no numbers (objects, strings, records).
std::optional<Tensor> ReadNumpyArray(const pickle::Tree& tree, const std::vector<GlobalMeaning>& meanings,
                                     ModelBuilder& builder, const pickle::Object& object, std::string_view where);

// `numpy.core.multiarray.scalar(dtype, bytes)` as text; empty when it is something else.
std::string NumpyScalarText(const pickle::Tree& tree, const std::vector<GlobalMeaning>& meanings, pickle::Value value);

// The same as the little-endian bytes of one element; nullopt when it is something else.
struct NumpyScalar {
  DType dtype = DType::kUnknown;
  std::vector<std::byte> bytes;
};
std::optional<NumpyScalar> NumpyScalarOf(const pickle::Tree& tree, const std::vector<GlobalMeaning>& meanings,
                                         pickle::Value value);

// Bytes as Python 3 pickles them at protocol 2: `_codecs.encode(text, 'latin1')`; nullopt when value is nothing of the
// kind.
std::optional<std::vector<std::byte>> BytesOf(const pickle::Tree& tree, const std::vector<GlobalMeaning>& meanings,
                                              pickle::Value value);

}  // namespace pthview
