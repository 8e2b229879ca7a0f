#include "plugins/host/framing.h"

#include <algorithm>

#include <fmt/format.h>

namespace pthview::plugins {

void MessageReader::Feed(std::string_view bytes) {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    searched_ -= std::min(searched_, at_);
    at_ = 0;
  }
  buffer_ += bytes;
}

Result<std::optional<std::string_view>> MessageReader::Next() {
  return encoding_ == Encoding::kJson ? NextLine() : NextDelimited();
}

Error MessageReader::TooLong() const {
  return Error{.code = ErrorCode::kLimit, .message = fmt::format("it sent a message of more than {} bytes", most_)};
}

Result<std::optional<std::string_view>> MessageReader::NextLine() {
  while (true) {
    size_t end = buffer_.find('\n', std::max(at_, searched_));
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      if (buffer_.size() - at_ > most_) return TooLong();
      return std::optional<std::string_view>();
    }
    std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
    if (line.size() > most_) return TooLong();
    at_ = end + 1;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) return std::optional(line);
  }
}

//   +--------------------------+---------------------------------+
//   | varint: bytes to come    | message                         |
//   +--------------------------+---------------------------------+
Result<std::optional<std::string_view>> MessageReader::NextDelimited() {
  uint64_t length = 0;
  for (size_t i = 0; i < 5; ++i) {
    if (at_ + i >= buffer_.size()) return std::optional<std::string_view>();
    auto byte = static_cast<uint8_t>(buffer_[at_ + i]);
    length |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (length > most_) return TooLong();
    size_t start = at_ + i + 1;
    if (buffer_.size() - start < length) return std::optional<std::string_view>();
    at_ = start + static_cast<size_t>(length);
    return std::optional(std::string_view(buffer_).substr(start, static_cast<size_t>(length)));
  }
  return Error{.code = ErrorCode::kCorrupt, .message = "its output does not begin with the length of a message"};
}

std::string Frame(Encoding encoding, std::string_view message) {
  std::string out;
  if (encoding == Encoding::kJson) {
    out = message;
    out += '\n';
    return out;
  }
  uint64_t length = message.size();
  for (; length >= 0x80; length >>= 7) out += static_cast<char>(length | 0x80);
  out += static_cast<char>(length);
  out += message;
  return out;
}

}  // namespace pthview::plugins
