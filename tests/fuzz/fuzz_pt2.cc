// Any text as the exported program of an archive whose weights are sound, and as the table of the weights.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/formats/format.h"
#include "tests/fuzz/walk_model.h"
#include "tests/unit/container/zip_builder.h"

namespace {

constexpr std::string_view kTable =
    R"({"config": {"net.w": {"path_name": "weight_0", "is_param": true, "use_pickle": false, "tensor_meta": {"dtype": 7,
    "sizes": [{"as_int": 2}], "requires_grad": true, "device": {"type": "cpu", "index": null}, "strides": [{"as_int": 1}],
    "storage_offset": {"as_int": 0}, "layout": 7}}}})";

void Open(std::string_view program, std::string_view table) {
  pthview::ZipBuilder zip;
  zip.Add({.name = "m/archive_format", .data = "pt2"});
  zip.Add({.name = "m/data/weights/weight_0", .data = std::string(8, 'w')});
  zip.Add({.name = "m/data/weights/model_weights_config.json", .data = std::string(table)});
  zip.Add({.name = "m/models/model.json", .data = std::string(program)});
  auto model = pthview::OpenInside("fuzz", pthview::Memory(zip.Finish()), {}, 0);
  if (model) pthview::WalkModel(*model);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Open(text, kTable);
  Open("{}", text);
  return 0;
}
