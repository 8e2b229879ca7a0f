#include "lib/formats/script/pt2_schema.h"

#include <array>

#include <fmt/format.h>

#include "lib/base/dtype.h"

namespace pthview {
namespace {

constexpr int64_t kStrided = 7;
constexpr std::array<std::string_view, 8> kLayouts = {"unknown",    "sparse_coo", "sparse_csr", "sparse_csc",
                                                      "sparse_bsr", "sparse_bsc", "_mkldnn",    "strided"};
constexpr std::array<std::string_view, 5> kMemoryFormats = {"unknown", "contiguous_format", "channels_last",
                                                            "channels_last_3d", "preserve_format"};

// The first of the names is that of what is not known.
template <size_t N>
std::string_view NameOf(const std::array<std::string_view, N>& names, Json value) {
  int64_t code = value.Int().value_or(0);
  bool known = code >= 0 && static_cast<size_t>(code) < N;
  return names[known ? static_cast<size_t>(code) : 0];
}

// A SymInt, or the bare number that files of torch 2.1 have in its place.
int64_t IntOf(Json json) {
  if (auto number = json.Int()) return *number;
  return UnionOf(json).value.Int().value_or(-1);
}

}  // namespace

std::string_view ExportLayoutName(Json value) { return NameOf(kLayouts, value); }
std::string_view ExportMemoryFormatName(Json value) { return NameOf(kMemoryFormats, value); }

std::string ExportDeviceText(Json device) {
  std::string text(device["type"].Text());
  if (auto index = device["index"].Int()) text += fmt::format(":{}", *index);
  return text;
}

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
  tensor.device = ExportDeviceText(meta["device"]);
  return tensor;
}

}  // namespace pthview
