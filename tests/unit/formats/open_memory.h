// Opening bytes as if they were a file.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/formats/format.h"

namespace pthview {

inline std::unique_ptr<ByteSource> MemoryOf(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return OpenMemory("a file", {data, data + bytes.size()});
}

inline Result<Model> OpenBytes(std::string_view bytes) { return OpenInside("a file", MemoryOf(bytes), {}, 1); }

inline std::vector<std::string> CodesOf(const Model& model) {
  std::vector<std::string> codes;
  for (const Finding& finding : model.findings) codes.push_back(finding.code);
  return codes;
}

}  // namespace pthview
