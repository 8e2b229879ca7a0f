// Graphs of methods, with all that they call in one graph: what the archive records, in the words of the protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "plugins/torchscript/compile.h"
#include "plugins/torchscript/places.h"
#include "protocol.pb.h"

namespace pthview::torchscript {

// Of all graphs of an archive. What is called beyond is left as a call, with a finding.
inline constexpr size_t kMostNodes = 200'000;
// Calls inside calls, and bodies inside bodies (graph_check.h has the host's limit).
inline constexpr int kDeepestCall = 200;
inline constexpr int kDeepestBody = 90;

// The methods of the root class, `forward` first, as graphs of `reply`. A module's methods run at the module's path
// ("layer1.0"), its tensors are values under the name of the tensor ("layer1.0.conv1.weight"), and only what else is
// fetched from a module is a node.
// `progress` is told of nodes written. Throws what LibTorch throws.
void Flatten(const proto::ScriptProgram& program, const Compiled& compiled,
             const std::function<void(size_t nodes)>& progress, proto::Model& reply);

}  // namespace pthview::torchscript
