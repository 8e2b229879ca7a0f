// The recorded graphs of a file for the viewer (inferred edges stand in the structure document): nodes and values as
// parallel arrays, each node with its module in the outline. The page folds them by module
// (plugins/netron/pthview-graph.js).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/model/model.h"
#include "tools/server/outline.h"

namespace pthview::server {

// `{"schema": "pthview.page-graph/1", "state", "message", "graphs": [...]}`. `state` is "ready", "coming" (a plug-in is
// at work; ask again), "none" or "failed"; `message` is for a person.
//
// A graph: `{"name", "origin", "part", "root", "inputs", "outputs", "values": {"name", "type", "tensor"},
// "nodes": {"name", "domain", "op", "category", "module", "call", "inputs", "outputs", "attributes", "blocks",
// "location", "source"}}`. `root` is 0 for the body of a node, which a node's `blocks` name by its position in
// `graphs`. `category` is Netron's, `module` an index into the outline (-1: none). An input is `[name, [value, ...]]`.
// `tensor` is an index into Model::tensors, or -1. An inferred graph is null in `graphs`: its edges stand in the
// structure document.
// `graphs`, `roots`: those of the model, or what a plug-in made of it.
std::string GraphJson(const Model& model, std::span<const Graph> graphs, std::span<const Index> roots,
                      const Outline& outline, std::string_view state, std::string_view message);

}  // namespace pthview::server
