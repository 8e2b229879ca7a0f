// Graphs that an external plug-in makes of a program in a file that pthview reads itself: TorchScript's source text.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::plugins {

// Whether the file holds a program whose graphs only a plug-in can tell.
bool NeedsGraphPlugin(const Model& model);

// Asks the plug-in and adds its graphs and findings to the model. `progress` is told how much is done, in percent; it
// may be empty, and then a line is drawn on the terminal where that takes long. Errors (the model is then as it was):
// kNotFound, no plug-in makes graphs of this format; kLimit, the program is too large; what Exchange (process.h) and
// the plug-in say, with the plug-in's name.
Status AddPluginGraphs(Model& model, const std::function<void(int percent)>& progress = {});

// The same for verbs that go on without: an error becomes the finding "recorded-graph".
void AddPluginGraphsIfAny(Model& model);

}  // namespace pthview::plugins
