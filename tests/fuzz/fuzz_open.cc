// Opens any bytes as whatever format they look like, and uses all that comes out.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/formats/format.h"
#include "tests/fuzz/walk_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  auto source = pthview::OpenMemory("fuzz", std::vector<std::byte>(bytes, bytes + size));
  auto model = pthview::OpenInside("fuzz", std::move(source), {}, 0);
  if (model) pthview::WalkModel(*model);
  return 0;
}
