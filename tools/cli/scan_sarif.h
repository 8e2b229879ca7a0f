// The report of scan as SARIF, which code hosts and editors show beside the file.
#pragma once

#include <span>
#include <string>

#include "lib/analysis/scan/scan.h"
#include "lib/base/error.h"

namespace pthview {

// One SARIF 2.1.0 document with one run. Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version
// 2.1.0". `errors`: files that could not be scanned, as notifications. Dangerous code has level "error", unknown code
// "warning" ("error" when `strict`); findings about archives keep their severity.
std::string ScanSarif(std::span<const ScanReport> reports, std::span<const Error> errors, bool strict);

}  // namespace pthview
