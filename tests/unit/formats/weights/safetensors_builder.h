// Writes safetensors files by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pthview {

inline std::string Safetensors(std::string_view header, std::string_view data) {
  uint64_t length = header.size();
  std::string out(reinterpret_cast<const char*>(&length), sizeof(length));
  return out.append(header).append(data);
}

}  // namespace pthview
