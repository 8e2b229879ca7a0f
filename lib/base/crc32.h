// CRC-32 as zip archives have it (polynomial 0x04C11DB7, reflected), near memory speed: carry-less multiplication where
// the processor has it.
// Source: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pthview {

// The checksum of what `crc` is the checksum of, followed by `bytes`. Begin with 0.
uint32_t Crc32(uint32_t crc, std::span<const std::byte> bytes);

}  // namespace pthview
