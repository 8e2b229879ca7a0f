// Reads any bytes behind the magic number as the container of torch 1.0, and opens what its records say.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lib/formats/format.h"
#include "lib/formats/script/pytorch1_records.h"
#include "tests/fuzz/walk_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr char kMagic[] = "PYTORCH1";
  std::vector<std::byte> bytes(size + 8);
  std::memcpy(bytes.data(), kMagic, 8);
  if (size > 0) std::memcpy(bytes.data() + 8, data, size);
  auto source = pthview::OpenMemory("fuzz", bytes);
  pthview::Findings findings;
  auto records = pthview::ReadPyTorch1(*source, &findings);
  auto model = pthview::OpenInside("fuzz", std::move(source), {}, 0);
  if (model) pthview::WalkModel(*model);
  return 0;
}
