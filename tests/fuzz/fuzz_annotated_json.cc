// Opens any text as an annotated JSON document. It stands in a folder that is not there, so that no file that it names
// is found.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "tests/fuzz/walk_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  pthview::OpenContext context;
  context.path = "/nonexistent/fuzz.json";
  context.source = pthview::OpenMemory(context.path, {bytes, bytes + size});
  auto model = pthview::kAnnotatedJson.open(std::move(context), {.content = true});
  if (model) pthview::WalkModel(*model);
  return 0;
}
