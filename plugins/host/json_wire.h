// From protobuf's canonical JSON to protobuf's bytes, so that both encodings are read by one decoder.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "plugins/host/schema.h"

namespace pthview::plugins {

// Writes the JSON object `json` as a message of `type`. Numbers may be strings and the other way round where protobuf
// allows it; null is an absent field; unknown fields are left out. kCorrupt names the field and the byte. Memory is a
// small multiple of the text's size; nothing recurses.
Result<std::string> JsonToWire(std::string_view json, const MessageType& type);

}  // namespace pthview::plugins
