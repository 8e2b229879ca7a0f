// Where the program's companions are: beside it in a build tree, or below the prefix it is installed in.
#pragma once

#include <string>

namespace pthview {

// The folder of the running program; empty when the system does not tell.
std::string ProgramFolder();
// The first of `<program folder>/<name>` and `<prefix>/libexec/<name>` that exists; empty when neither does.
std::string FindHelper(const std::string& name);
// The first of `<program folder>/../share/pthview/<name>` and `<program folder>/../share/<name>` that exists.
std::string FindShared(const std::string& name);

}  // namespace pthview
