// Any bytes as a scene that came through a pipe; what is one is written as SVG, and packed to the same bytes again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/analysis/pictures/scene.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto scene = pthview::pictures::UnpackScene(bytes);
  if (!scene) return 0;
  pthview::pictures::SvgOf(*scene);
  if (!pthview::pictures::UnpackScene(pthview::pictures::PackScene(*scene))) std::abort();
  return 0;
}
