// Formats that external plug-ins open: what tools register with AddFormatProvider.
#pragma once

#include "lib/formats/format.h"

namespace pthview::plugins {

// Looks for plug-ins when it is called (that is, when no built-in format matched), and asks those whose manifest
// matches the file: by content first, then by extension alone. One that says "not mine" makes way for the next. Only
// files of their own are offered, not what stands inside other files or comes as a stream: of those whose content a
// plug-in would know, kUnrecognized says so. $PTHVIEW_PLUGIN_UNCONFINED=1 runs plug-ins also where the kernel cannot
// confine them to their files.
FormatProvider PluginFormats();

}  // namespace pthview::plugins
