// What to make of a server's answer to "give me these bytes": everything in it is a claim.
// Source: RFC 9110, sections 13 to 15.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/error.h"

namespace pthview::fetch {

// The file as the first answer described it. Later answers must agree.
struct Known {
  uint64_t size = 0;
  std::string etag;
  std::string modified;
};

struct Wanted {
  uint64_t offset = 0;
  uint64_t length = 0;           // at least 1
  std::optional<Known> known{};  // nullopt: this is the first request
};

struct Head {
  int status = 0;
  std::string content_range;
  std::string content_length;
  std::string content_type;
  std::string content_encoding;
  std::string transfer_encoding;
  std::string location;
  std::string retry_after;
  std::string etag;
  std::string modified;
};

enum class Step {
  kPart,      // `length` bytes from Wanted::offset follow
  kWhole,     // the whole file follows, of at most kMostWhole bytes; exactly `length`, unless that is nullopt
  kEmpty,     // the file has no bytes
  kRedirect,  // to Head::location
  kAgain,     // after `wait_ms`; `error` when it stays so
  kFail,
};

struct Verdict {
  Step step = Step::kFail;
  std::optional<uint64_t> length{};
  Known known{};
  uint32_t wait_ms = 0;
  bool refused = false;  // kFail by a status of 4xx
  Error error{};
};

Verdict Judge(const Wanted& wanted, const Head& head);

// "Range: bytes=..." for what is wanted.
std::string RangeHeader(const Wanted& wanted);

}  // namespace pthview::fetch
