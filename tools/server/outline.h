// Outline: the modules that the viewer draws. The model's own trees come first, in the file's order; tensors that
// belong to none (optimizer state, loose tensors) get modules made from the steps of their paths, so that every tensor
// has one.
#pragma once

#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview::server {

struct OutlineModule {
  std::string_view name;  // last step of the path
  std::string_view path;  // relative to the part's root; empty for a root
  Index parent = kNone;   // into Outline::modules; always smaller than its own index
  Index source = kNone;   // into Model::modules; kNone: made from paths here
};

// Views into the Model that it was built from.
struct Outline {
  std::vector<OutlineModule> modules;
  std::vector<Index> module_of;  // for each of Model::tensors
  std::vector<Index> roots;  // for each of Model::parts, kNone when it has no tensors; one more for tensors of no part
};

// What lies deeper stays with its ancestor of this depth: a name of a million dots must not become a document of
// a million squared.
inline constexpr int kMaxOutlineDepth = 64;

// Linear in modules and tensors. The model's modules have been inferred (InferModules).
Outline BuildOutline(const Model& model);

// The steps of a path, as design and `lib/model` write them: "state[0].exp_avg" is state, [0], exp_avg. Exposed for
// tests.
std::vector<std::string_view> PathSteps(std::string_view path);

}  // namespace pthview::server
