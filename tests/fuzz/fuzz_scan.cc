// Whatever stands in a file, scan ends with a report or an error.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "lib/analysis/scan/scan.h"
#include "lib/base/source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::shared_ptr<const pthview::ByteSource> source =
      pthview::OpenMemory("fuzz", std::vector<std::byte>(bytes, bytes + size));
  auto report = pthview::Scan(std::move(source));
  if (report) {
    for (const pthview::CodeUse& use : report->code) (void)pthview::Describe(use);
  }
  return 0;
}
