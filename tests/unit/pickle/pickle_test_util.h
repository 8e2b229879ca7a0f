// Short ways to read and print pickles written out as bytes.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/pickle/machine.h"
#include "lib/pickle/print.h"

namespace pthview::pickle {

inline std::vector<std::byte> ToBytes(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// A string literal with its NUL bytes, as a string_view.
template <size_t N>
constexpr std::string_view Raw(const char (&literal)[N]) {
  return {literal, N - 1};
}

inline Result<Tree> ReadText(std::string_view pickle, uint64_t base = 0) {
  return Read(ToBytes(pickle), {.record = "data.pkl", .base = base});
}

// What a pickle prints as; "error: ..." when it cannot be read.
inline std::string Show(std::string_view pickle, size_t budget = 4096) {
  auto tree = ReadText(pickle);
  return tree ? Print(*tree, tree->root, budget) : "error: " + tree.error().message;
}

}  // namespace pthview::pickle
