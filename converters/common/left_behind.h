// What a source holds beside tensors, as losses of an output that has no place for it: plain values, and what makes a
// file a program (code, graphs, records of its archive).
#pragma once

#include <vector>

#include "converters/converter.h"
#include "lib/model/model.h"

namespace pthview {

// One loss for each plain value: dropped.
std::vector<Loss> ValuesLeftBehind(const Model& model);

// One for each recorded graph, each text of a class's source, and each record of the archive that holds neither a
// tensor's values nor the tree of values. With `described` what annotated JSON tells of them counts as described, all
// else as dropped.
std::vector<Loss> ProgramLeftBehind(const Model& model, bool described);

}  // namespace pthview
