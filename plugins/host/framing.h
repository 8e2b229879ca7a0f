// Cuts a plug-in's output into messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "plugins/host/manifest.h"

namespace pthview::plugins {

class MessageReader {
 public:
  MessageReader(Encoding encoding, uint64_t most_bytes) : encoding_(encoding), most_(most_bytes) {}

  // Takes more output in.
  void Feed(std::string_view bytes);

  // The next whole message, valid until Feed; nullopt: more bytes are needed. Empty lines are passed over. kLimit when
  // one is, or says it is, longer than it may be; kCorrupt when its length is no varint of 32 bits.
  Result<std::optional<std::string_view>> Next();

  // Whether bytes of an unfinished message are left.
  bool Pending() const { return at_ < buffer_.size(); }

 private:
  Result<std::optional<std::string_view>> NextLine();
  Result<std::optional<std::string_view>> NextDelimited();
  Error TooLong() const;

  Encoding encoding_;
  uint64_t most_;
  std::string buffer_;
  size_t at_ = 0;        // of the first message that was not handed out
  size_t searched_ = 0;  // no line end before this byte
};

// A message as it is sent.
std::string Frame(Encoding encoding, std::string_view message);

}  // namespace pthview::plugins
