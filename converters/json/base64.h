// Base64 (RFC 4648, section 4).
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace pthview {

// Appends the digits of `bytes`, padded with '=' to a multiple of four.
void AppendBase64(std::string& out, std::span<const std::byte> bytes);

}  // namespace pthview
