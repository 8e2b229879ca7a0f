// Netron's files and our own beside them. Which names are served is decided once, at start, by listing two folders; a
// request is looked up in that table and never joined to a path, so there is nothing to traverse.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "tools/server/reply.h"

namespace pthview::server {

// Where the assets are.
struct AssetFolders {
  std::string netron;  // the pinned wheel's files, as they are
  std::string viewer;  // ours; a file here stands in place of Netron's of the same name. Also holds patches.json
};

// Installed beside the executable (`<prefix>/share/pthview/{netron,viewer}`), or where the build found them.
AssetFolders FindAssetFolders();

class Assets {
 public:
  // Fails when a folder cannot be listed, or when index.html cannot be patched as patches.json says.
  static Result<Assets> Load(const AssetFolders& folders);

  // `name` is the decoded path without its leading slash; empty is index.html. 404 when there is no such asset.
  Reply Get(std::string_view name) const;
  bool Has(std::string_view name) const { return files_.contains(name); }

 private:
  struct File {
    std::string path;
    const char* type;
    std::string etag;
  };
  std::map<std::string, File, std::less<>> files_;
  std::string index_;
  std::string index_etag_;
};

}  // namespace pthview::server
