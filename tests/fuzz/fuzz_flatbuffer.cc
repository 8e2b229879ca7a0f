// Opens any bytes as a mobile flatbuffer: the identifier is put where the format looks for it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "tests/fuzz/walk_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> file(bytes, bytes + size);
  file.resize(std::max<size_t>(size, 8));
  std::memcpy(file.data() + 4, "PTMF", 4);
  pthview::OpenContext context;
  context.path = "fuzz";
  context.source = pthview::OpenMemory("fuzz", std::move(file));
  auto model = pthview::kMobileFlatbuffer.open(std::move(context), {});
  if (model) pthview::WalkModel(*model);
  return 0;
}
