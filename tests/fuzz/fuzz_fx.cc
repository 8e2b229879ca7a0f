// Any text as the generated source of a torch.fx module.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/escape.h"
#include "lib/formats/torch/fx_graph.h"
#include "tests/fuzz/walk_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pthview;  // NOLINT(google-build-using-namespace)
  ModelBuilder builder;
  builder.AllowText(size * 24);
  Model& model = builder.model();
  model.parts.push_back({.kind = PartKind::kModel, .root = 0});
  model.modules.push_back({.class_name = "torch.fx.graph_module.GraphModule", .children = {1}});
  model.modules.push_back({.name = "fc", .path = "fc", .class_name = "torch.nn.modules.linear.Linear", .parent = 0});
  model.modules[0].source = builder.arena().Copy(EscapeName({reinterpret_cast<const char*>(data), size}));
  Tensor tensor = builder.Check({.dtype = DType::kFloat32, .meta = true}, "w");
  tensor.name = tensor.path = "w";
  tensor.part = 0;
  builder.AddTensor(tensor);
  AddFxGraphs(builder, 0);
  Model made = std::move(builder).Finish();
  WalkModel(made);
  return 0;
}
