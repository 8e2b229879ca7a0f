// Ranges of bytes in several sources, one behind the other, as one source.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/source.h"

namespace pthview {

struct Piece {
  const ByteSource* source = nullptr;  // must outlive what Join returns
  uint64_t offset = 0;
  uint64_t length = 0;
};

std::unique_ptr<ByteSource> Join(std::string name, std::vector<Piece> pieces);

}  // namespace pthview
