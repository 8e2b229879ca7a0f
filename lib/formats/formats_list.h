// The rows of the format table, each defined in the file of its name. To add a format: a row here and one in
// registry.cc.
#pragma once

#include "lib/formats/format.h"

namespace pthview {

extern const Format kTorchZip;
extern const Format kTorchLegacy;
extern const Format kTorchTar;
extern const Format kTorchScript;
extern const Format kAnnotatedJson;

}  // namespace pthview
