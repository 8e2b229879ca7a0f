// Plain values of a mobile flatbuffer file, as text.
#pragma once

#include <string>

#include "lib/container/flatbuffer.h"
#include "lib/formats/script/mobile_schema.h"
#include "lib/model/model.h"

namespace pthview::mobile {

constexpr size_t kMaxListText = 4096;  // bytes of a list's text; what follows is left out

// `value` as Python prints it; raw bytes of the file where it is a string. "None" for what is no plain value.
std::string TextOf(const FlatBuffer& buffer, ValueType type, FlatTable value);

PlainKind KindOf(ValueType type);

}  // namespace pthview::mobile
