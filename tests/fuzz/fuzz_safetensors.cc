// Opens any bytes as a safetensors file: half of the inputs as the JSON alone, so that it is reached more often.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "tests/fuzz/walk_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string file(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] == '{') {
    uint64_t length = size;
    file.insert(0, reinterpret_cast<const char*>(&length), sizeof(length));
    file += "some bytes of tensors";
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(file.data());
  pthview::OpenContext context;
  context.head.assign(bytes, bytes + file.size());
  context.source = pthview::OpenMemory("fuzz", context.head);
  if (pthview::kSafetensors.match(context) == 0) return 0;
  auto model = pthview::kSafetensors.open(std::move(context), {});
  if (model) pthview::WalkModel(*model);
  return 0;
}
