// Compiles the source text of a TorchScript archive with LibTorch. Nothing of the model runs: methods become graphs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/frontend/source_range.h>

#include "protocol.pb.h"

namespace pthview::torchscript {

namespace proto = ::pthview::plugin::v1;

struct Compiled {
  std::shared_ptr<torch::jit::CompilationUnit> unit;
  c10::ClassTypePtr root;
  std::vector<c10::IValue> constants;  // by number; an undefined tensor has no row
  // The archive's sources as they were compiled, and which of the request's they are.
  std::unordered_map<const torch::jit::Source*, const proto::ScriptSource*> sources;
  std::vector<proto::Finding> findings;
  std::string error;  // why there is no root; empty: there is one
};

// `progress` is told of bytes of source that were taken in. What does not compile is left out step by step, at most
// kMostRepairs times, each with a finding.
inline constexpr int kMostRepairs = 50;
Compiled Compile(const proto::ScriptProgram& program, const std::function<void(uint64_t bytes)>& progress);

}  // namespace pthview::torchscript
