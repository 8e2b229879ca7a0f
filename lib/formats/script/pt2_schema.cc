#include "lib/formats/script/pt2_schema.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "lib/base/dtype.h"

namespace pthview {
namespace {

constexpr int64_t kStrided = 7;
constexpr std::array<std::string_view, 8> kLayouts = {"unknown",    "sparse_coo", "sparse_csr", "sparse_csc",
                                                      "sparse_bsr", "sparse_bsc", "_mkldnn",    "strided"};
constexpr std::array<std::string_view, 5> kMemoryFormats = {"unknown", "contiguous_format", "channels_last",
                                                            "channels_last_3d", "preserve_format"};

template <size_t N>
std::string EnumText(const std::array<std::string_view, N>& names, Json value) {
  int64_t code = value.Int().value_or(0);
  bool known = code >= 0 && static_cast<size_t>(code) < N;
  return "torch." + std::string(known ? names[static_cast<size_t>(code)] : names[0]);
}

std::string DeviceText(Json device) {
  std::string text(device["type"].Text());
  if (auto index = device["index"].Int()) text += fmt::format(":{}", *index);
  return text;
}

// A SymInt, or the bare number that files of torch 2.1 have in its place.
int64_t IntOf(Json json) {
  if (auto number = json.Int()) return *number;
  return UnionOf(json).value.Int().value_or(-1);
}

// A SymInt as text: "3", or the expression "s0 + 1".
std::string SymbolText(Json json) {
  if (auto number = json.Int()) return std::to_string(*number);
  Json::Member chosen = UnionOf(json);
  if (chosen.key == "as_expr") return std::string(chosen.value["expr_str"].Text());
  if (chosen.key == "as_name") return std::string(chosen.value.Text());
  return ArgumentText(chosen);
}

std::string FloatText(double value) {
  std::string text = fmt::format("{}", value);
  bool whole = std::isfinite(value) && text.find_first_of(".e") == std::string::npos;
  return whole ? text + ".0" : text;
}

// Lists nest no deeper than the schema says; the document's own depth bounds this.
std::string PlainText(Json json) {
  switch (json.kind()) {
    case Json::Kind::kNull: return "None";
    case Json::Kind::kBool: return *json.Bool() ? "True" : "False";
    case Json::Kind::kInt: return std::to_string(*json.Int());
    case Json::Kind::kFloat: return FloatText(json.Float());
    case Json::Kind::kString: return std::string(json.Text());
    case Json::Kind::kObject: return SymbolText(json);
    case Json::Kind::kArray: break;
  }
  std::string text = "[";
  for (Json item : json.elements()) {
    if (text.size() > 1) text += ", ";
    text += PlainText(item);
  }
  return text + "]";
}

}  // namespace

Json::Member UnionOf(Json json) {
  for (const Json::Member& member : json.members()) {
    if (member.value) return member;
  }
  return {};
}

ExportTensor ReadExportTensor(Json meta) {
  ExportTensor tensor;
  for (Json size : meta["sizes"].elements()) tensor.shape.push_back(IntOf(size));
  for (Json stride : meta["strides"].elements()) tensor.strides.push_back(IntOf(stride));
  tensor.offset = IntOf(meta["storage_offset"]);
  tensor.dtype = DTypeFromExport(meta["dtype"].Int().value_or(0));
  tensor.strided = meta["layout"].Int().value_or(kStrided) == kStrided;
  tensor.requires_grad = meta["requires_grad"].Bool().value_or(false);
  tensor.device = DeviceText(meta["device"]);
  return tensor;
}

std::string TensorTypeText(Json meta) {
  if (!meta) return {};
  std::string text(DTypeName(DTypeFromExport(meta["dtype"].Int().value_or(0))));
  text += '[';
  bool first = true;
  for (Json size : meta["sizes"].elements()) {
    if (!first) text += ", ";
    first = false;
    text += SymbolText(size);
  }
  return text + ']';
}

std::string ArgumentText(Json::Member argument) {
  auto [kind, value] = argument;
  if (kind == "as_none") return "None";
  if (kind == "as_scalar_type") return fmt::format("torch.{}", DTypeName(DTypeFromExport(value.Int().value_or(0))));
  if (kind == "as_layout") return EnumText(kLayouts, value);
  if (kind == "as_memory_format") return EnumText(kMemoryFormats, value);
  if (kind == "as_device") return DeviceText(value);
  if (kind == "as_complex") return fmt::format("({}+{}j)", value["real"].Float(), value["imag"].Float());
  if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") return SymbolText(value);
  return PlainText(value);
}

}  // namespace pthview
