// Graphs that an external plug-in makes of a program in a file that pthview reads itself: TorchScript's source text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::plugins {

// Whether the file holds a program whose graphs only a plug-in can tell.
bool NeedsGraphPlugin(const Model& model);

struct PluginGraphs {
  std::vector<Graph>
      graphs;  // as Model::graphs of the model that was asked for; with it they keep the rules of model.h
  std::vector<Index> roots;
  std::vector<Finding> findings;
};

// An answer and what it answers: where the same is asked again (a file was written anew by its training run, and its
// program is the same) no plug-in is started.
struct GraphCache {
  std::string asked;  // SHA-256 of the request
  std::string reply;
};

using PercentDone = std::function<void(int percent)>;

// Asks the plug-in. `progress` may be empty, and then a line is drawn on the terminal where it takes long; `cache` may
// be null. Errors: kNotFound, no plug-in makes graphs of this format; kLimit, the program is too large; what Exchange
// (process.h) and the plug-in say, with the plug-in's name.
Result<PluginGraphs> MakePluginGraphs(const Model& model, const PercentDone& progress = {},
                                      GraphCache* cache = nullptr);

// The same, into the model, in place of inferred graphs. When it fails the model stays as it was.
Status AddPluginGraphs(Model& model);

// For whoever goes on without them: an error becomes the finding "recorded-graph".
void AddPluginGraphsOrSay(Model& model);

}  // namespace pthview::plugins
