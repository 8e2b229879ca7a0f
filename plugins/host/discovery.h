// Where external plug-ins are found. In each folder of the search path stands one folder a plug-in, with its manifest
// plugin.json and its program pthview-plugin-NAME.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/host/manifest.h"

namespace pthview::plugins {

// $PTHVIEW_PLUGIN_PATH (folders, separated by ':'), then the user's data folder ($XDG_DATA_HOME/pthview/plugins, or
// ~/.local/share/pthview/plugins), then what is installed (libexec/pthview/plugins) or, in a build tree,
// <build>/plugins.
std::vector<std::string> SearchPath();

struct Plugin {
  std::string folder;   // absolute, as found
  Manifest manifest;    // only when there is no problem with the manifest itself
  std::string program;  // <folder>/pthview-plugin-NAME
  std::string problem;  // why it is not used: a manifest that is wrong, a missing program, a name that was taken before
};

// Everything below `path`, usable or not, in the order of the search path and then by folder name. Folders that are not
// there are passed over; so is what has no plugin.json.
std::vector<Plugin> FindPlugins(const std::vector<std::string>& path);

}  // namespace pthview::plugins
