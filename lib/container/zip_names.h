// Names of records as the formats write them: below the archive's prefix.
#pragma once

#include <optional>
#include <string_view>

#include "lib/container/zip.h"

namespace pthview {

// "data/0" for "archive/data/0", whose prefix is "archive"; nothing for a record that stands outside the prefix, which
// ZipArchive::FindInPrefix could not find again.
inline std::optional<std::string_view> NameInPrefix(const ZipArchive& zip, std::string_view full_name) {
  const std::string_view prefix = zip.prefix();
  if (prefix.empty()) return full_name;
  if (!full_name.starts_with(prefix) || full_name.size() <= prefix.size() || full_name[prefix.size()] != '/') {
    return std::nullopt;
  }
  return full_name.substr(prefix.size() + 1);
}

}  // namespace pthview
