// Source code inside a file: the Python-like text of TorchScript archives, and Python modules of packages.
#pragma once

#include <string_view>
#include <vector>

#include "lib/analysis/scan/scan.h"

namespace pthview {

// What TorchScript code (a `code/**.py` record) can do besides computing: operators that read or write files or open
// connections, operators and classes of extensions, and `__setstate__`, which runs while loading. One row a name.
std::vector<CodeUse> ScanTorchScript(std::string_view text);

// What makes a Python module worth reading before it is imported: a row for each of the calls that run commands, code
// or unpickle (`os.system(`, `exec(`, `pickle.loads(`). All are judged unknown, for honest modules have them too.
std::vector<CodeUse> ScanPython(std::string_view text);

}  // namespace pthview
