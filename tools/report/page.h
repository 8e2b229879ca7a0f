// What the page is made of besides its data: written in files of their own (page/), and taken in when this is built.
#pragma once

#include <string_view>

namespace pthview::report {

extern const std::string_view kStyle;   // page/report.css
extern const std::string_view kScript;  // the scripts of page/, one behind the other

}  // namespace pthview::report
