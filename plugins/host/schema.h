// The messages of protocol.proto as a table: what the JSON encoding needs to know of them. The lite runtime, which
// keeps start-up short, has no descriptors.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pthview::plugins {

enum class FieldType : uint8_t { kString, kBool, kUint32, kUint64, kInt64, kDouble, kEnum, kMessage };

struct MessageType;

struct FieldRow {
  std::string_view name;  // as in the .proto
  uint8_t number;
  FieldType type;
  bool repeated = false;
  const MessageType* message = nullptr;             // kMessage
  std::span<const std::string_view> enumerators{};  // kEnum: by value
};

struct MessageType {
  std::string_view name;
  std::span<const FieldRow> fields;

  // By the name in the .proto or its lowerCamelCase form; null when there is none.
  const FieldRow* Find(std::string_view name) const;
};

// What a plug-in sends. (Requests are written by hand, in request.cc.)
extern const MessageType kMessageType;

// All rows, for the test that compares them with protocol.proto.
std::span<const MessageType* const> AllMessageTypes();

}  // namespace pthview::plugins
