// A file of a folder with so many that they cannot all stay open.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// Opens a regular file. It stays open while the process has descriptors to spare (half of its limit); past that, files
// are closed and opened again when they are read, a few at a time, the last ones used. Safe to use from several
// threads.
//
// One that is opened again must be the same file still: its device, inode, size and modification time are compared,
// and kChanged when they differ. So, unlike one that stays open, it is lost when another is renamed over it. It has no
// descriptor().
Result<std::unique_ptr<ByteSource>> OpenFolderFile(const std::string& path);

}  // namespace pthview
