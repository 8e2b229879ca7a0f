// Decoding and printing single elements of every dtype.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lib/base/dtype.h"

namespace pthview {

// Widening of the small float formats (IEEE 754 half; bfloat16; OCP 8-bit floating point; the FNUZ variants of
// Graphcore/AMD; OCP Microscaling e8m0 and e2m1).
float HalfToFloat(uint16_t bits);
float BFloat16ToFloat(uint16_t bits);
float Float8ToFloat(DType dtype, uint8_t bits);
float Float4ToFloat(uint8_t nibble);

// Decodes `count` contiguous elements at `bytes` into doubles. Complex types give their absolute value; quantized types
// give their integer code (the caller applies scale and zero point); 64-bit integers lose precision beyond 2^53.
// For packed types `first_in_byte` (in elements) tells where inside the first byte decoding starts. For
// float4_e2m1fn_x2 `count` and `first_in_byte` are in single numbers, ValuesPerElement() times the elements.
void DecodeToDouble(DType dtype, const std::byte* bytes, size_t count, double* out, size_t first_in_byte = 0);

// Appends one element as text that reads back to the same value (shortest round trip): `1`, `-0.5`, `nan`, `inf`,
// `True`, `(1+2j)`, `0x1f` for bits, `(0.5, -6.0)` for the two numbers of float4_e2m1fn_x2. `index_in_byte` selects the
// element inside a packed byte.
void AppendElement(std::string& out, DType dtype, const std::byte* at, size_t index_in_byte = 0);

}  // namespace pthview
