#include "lib/base/held_source.h"

#include <cstring>

#include "lib/base/file_source.h"

namespace pthview {

Status HeldSource::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  PTHVIEW_TRY(CheckInside(*this, offset, out.size()));
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return Ok();
}

}  // namespace pthview
