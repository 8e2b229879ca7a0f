// Opens any bytes behind the magic number as an array of NumPy.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lib/formats/format.h"
#include "tests/fuzz/walk_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr char kMagic[] = "\x93NUMPY";
  std::vector<std::byte> bytes(size + 6);
  std::memcpy(bytes.data(), kMagic, 6);
  if (size > 0) std::memcpy(bytes.data() + 6, data, size);
  auto model = pthview::OpenInside("fuzz", pthview::OpenMemory("fuzz", std::move(bytes)), {}, 0);
  if (model) pthview::WalkModel(*model);
  return 0;
}
