// What `show --json` says.
#pragma once

#include "lib/analysis/names/name_lookup.h"
#include "lib/base/result.h"
#include "lib/model/model.h"
#include "tools/cli/verbs.h"

namespace pthview {

// One document "pthview.show/1" on stdout: all that the name fits, with values when that is a single tensor.
Status PrintShownJson(const Model& model, const Lookup& lookup, const Arguments& arguments);

}  // namespace pthview
