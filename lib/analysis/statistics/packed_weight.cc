#include "lib/analysis/statistics/packed_weight.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace pthview {
namespace {

struct PackedRow {
  std::string_view class_name;
  std::string_view tensor;  // the last step of its name
  std::string_view bits;    // where the module has no attribute `bits`
  std::string_view how;
};

constexpr auto kRows = std::to_array<PackedRow>({
    {"bitsandbytes.Linear4bit", "weight", "4", ", two in a byte"},
    {"bitsandbytes.Linear8bitLt", "weight", "8", ""},
    {"gptq.QuantLinear", "qweight", "", ", several in a word"},
    {"awq.WQLinear", "qweight", "", ", several in a word"},
    {"compressed_tensors.CompressedLinear", "weight_packed", "", ", several in a word"},
    {"modelopt.NVFP4Linear", "weight", "4", ", two in a byte"},
    {"hqq.HQQLinear", "W_q", "", ", several in a word"},
});

std::string_view AttributeOf(const Module& module, std::string_view name) {
  auto found = std::ranges::find(module.attributes, name, &Attribute::name);
  return found == module.attributes.end() ? std::string_view() : std::string_view(found->text);
}

}  // namespace

std::string PackedNote(const Model& model, Index tensor) {
  std::string_view name = model.tensors[tensor].name;
  name = name.substr(name.rfind('.') + 1);  // all of it when there is no dot
  if (std::ranges::find(kRows, name, &PackedRow::tensor) == kRows.end()) return {};
  auto module = std::ranges::find_if(model.modules, [&](const Module& m) {
    return m.origin == Origin::kInferred && std::ranges::find(m.tensors, tensor) != m.tensors.end();
  });
  if (module == model.modules.end()) return {};
  for (const PackedRow& row : kRows) {
    if (row.class_name != module->class_name || row.tensor != name) continue;
    std::string_view bits = AttributeOf(*module, "bits");
    if (bits.empty()) bits = row.bits;
    std::string text = bits.empty() ? "codes of a weight" : std::string(bits) + "-bit codes of a weight";
    std::string_view in = AttributeOf(*module, "in_features");
    std::string_view out = AttributeOf(*module, "out_features");
    if (!in.empty() && !out.empty()) text.append(" [").append(out).append(", ").append(in).append("]");
    return text.append(row.how).append(", as ").append(row.class_name).append(" packs them (inferred)");
  }
  return {};
}

}  // namespace pthview
