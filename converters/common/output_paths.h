// How outputs and inputs stand to each other in the file system.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// The folder that a path names a file in: "." when it has none.
std::string FolderOf(const std::string& path);
// What follows the last slash.
std::string BaseName(const std::string& path);
// Absolute, without links; empty when it does not exist.
std::string RealPath(const std::string& path);

// `file` relative to `folder` (both real paths) when it lies inside or below it; else nullopt.
std::optional<std::string> RelativeBelow(const std::string& folder, const std::string& file);

// The real path of the file that `source` holds open, with the same bytes at the same offsets. Empty for bytes in
// memory and inside compressed records, and when the path now leads to another file.
std::string FileBehind(const ByteSource& source);

// kUsage when writing `output` would replace a file that the model is read from.
Status RefuseInput(const Model& model, const std::string& output);

// kChanged when a file that the model is read from changed.
Status CheckSourcesUnchanged(const Model& model);

}  // namespace pthview
