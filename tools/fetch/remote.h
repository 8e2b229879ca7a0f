// Files at http and https addresses for OpenNamed, fetched by the program pthview-fetch.
#pragma once

namespace pthview::fetch {

// From here on addresses can be opened. Nothing is started before the first one is.
void AllowRemote();

}  // namespace pthview::fetch
