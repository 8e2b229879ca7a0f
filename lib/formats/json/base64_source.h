// Bytes that stand in another source as base64 digits, decoded as they are read.
#pragma once

#include <memory>
#include <string>

#include "lib/base/source.h"

namespace pthview {

// `length` digits of `text` from `begin` (inside it), padding included. kCorrupt when no whole number of bytes has so
// many digits; digits that are none are found when they are read.
Result<std::unique_ptr<ByteSource>> OpenBase64(std::shared_ptr<const ByteSource> text, uint64_t begin, uint64_t length);

}  // namespace pthview
