// Any instructions as a function of the lite interpreter: 8 bytes each, as flatbuffers hold them.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lib/formats/script/bytecode_graph.h"
#include "tests/fuzz/walk_model.h"

namespace {

using namespace pthview;  // NOLINT(google-build-using-namespace)

class AnySlots : public bytecode::Slots {
 public:
  std::optional<std::string> NameOf(const std::string& path, size_t slot) override {
    if (slot > 2 || path.size() > 40) return std::nullopt;
    return slot == 0 ? "fc" : slot == 1 ? "w" : "a b";
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ModelBuilder builder;
  builder.AllowText(size * 64);
  Model& model = builder.model();
  model.parts.push_back({.kind = PartKind::kModel, .root = 0});
  model.modules.push_back({.class_name = "__torch__.Net", .children = {1}});
  model.modules.push_back({.name = "fc", .path = "fc", .parent = 0});
  Tensor tensor = builder.Check({.dtype = DType::kFloat32, .meta = true}, "fc.w");
  tensor.name = tensor.path = "fc.w";
  tensor.part = 0;
  builder.AddTensor(tensor);
  bytecode::Function function{.name = "__torch__.Net.forward"};
  function.operators = {{"aten::add", "Tensor", 2}, {"aten::relu", "", 1}, {"aten::max", "dim", 3}, {"bare", "", 0}};
  function.constants = {TypedAttribute("", {int64_t{2}}), TypedAttribute("", {true}), {.name = {}, .text = "<tensor>"}};
  function.types = {"List[int]", "Tensor"};
  function.arguments = {{"self", "__torch__.Net"}, {"x", "Tensor"}};
  for (; size >= 8; size -= 8, data += 8) {
    bytecode::Instruction at;
    at.op = static_cast<bytecode::Opcode>(data[0] % (static_cast<uint8_t>(bytecode::Opcode::kCount) + 1));
    std::memcpy(&at.n, data + 2, sizeof(at.n));
    std::memcpy(&at.x, data + 4, sizeof(at.x));
    function.code.push_back(at);
  }
  AnySlots slots;
  AddBytecodeGraphs({&function, 1}, slots, 0, builder);
  Model made = std::move(builder).Finish();
  WalkModel(made);
  return 0;
}
