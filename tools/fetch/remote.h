// Files at http and https addresses for OpenNamed, fetched by the program pthview-fetch.
#pragma once

namespace pthview::fetch {

// From here on addresses can be opened. Nothing is started before the first one is. `show_progress`: a line on standard
// error for what takes over a second, when that is a terminal.
void AllowRemote(bool show_progress);

}  // namespace pthview::fetch
