#include "converters/onnx/unique_names.h"

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/utf8.h"

namespace pthview {

std::string UniqueNames::Claim(std::string_view name) {
  std::string unique(name.empty() ? "unnamed" : name);
  if (taken_.insert(unique).second) return unique;
  size_t& number = numbers_[unique];
  for (;;) {
    std::string numbered = fmt::format("{}#{}", unique, ++number + 1);
    if (taken_.insert(numbered).second) return numbered;
  }
}

std::string ValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    CodePoint c = DecodeUtf8(text, i);
    if (!c.valid) return EscapeName(text);
    i += c.length;
  }
  return std::string(text);
}

}  // namespace pthview
