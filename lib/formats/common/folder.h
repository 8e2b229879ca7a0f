// Files beside a file: shards and their index, the parts of a distributed checkpoint.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// True for the name of a file in the same folder: not empty, not "." or "..", no '/', '\\' or NUL, at most 255 bytes.
// Names that come from a file are opened only when this holds.
bool IsPlainFileName(std::string_view name);

// The names in a folder, sorted; at most 100,000 of them. Empty when it cannot be read.
std::vector<std::string> ListFolder(const std::string& folder);

// Opens the regular file `name` in `folder`, which may be the address of a file that the user named: then the file
// beside it is fetched. kCorrupt when `name` is no plain file name. There may be more of them than can stay open
// (folder_file.h).
Result<std::unique_ptr<ByteSource>> OpenInFolder(const std::string& folder, std::string_view name);

}  // namespace pthview
