// Base64 (RFC 4648, section 4).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace pthview {

// Appends the digits of `bytes`, padded with '=' to a multiple of four.
void AppendBase64(std::string& out, std::span<const std::byte> bytes);
std::string Base64(std::string_view bytes);

}  // namespace pthview
