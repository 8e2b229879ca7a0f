// What pthview and pthview-fetch say to each other, over a pair of sockets. Both are of one build, so that structures
// travel as they lie in memory; what a server says is judged before it gets here, and lengths are checked here again.
//
//   pthview        -> Request [the address, when it opens]
//   pthview-fetch  -> Reply [payload] ...                     until kEnd or kError
//
// To open gives kOpened and the file's start as kData; to read gives kData pieces that add up to what was asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace pthview::fetch {

// Of the start of a file that opening brings along.
inline constexpr uint64_t kHeadBytes = uint64_t{128} << 10;
// A server that sends whole files only is asked for one of at most this size.
inline constexpr uint64_t kMostWhole = uint64_t{64} << 20;

enum class Ask : uint32_t { kOpen, kRead };
struct Request {
  Ask ask = Ask::kOpen;
  uint32_t file = 0;    // kRead: as kOpened numbered it
  uint64_t offset = 0;  // kRead
  uint64_t length = 0;  // kRead: bytes wanted; kOpen: bytes of the address that follow
};

enum class Say : uint32_t {
  kOpened,  // number: the file's; size: its bytes
  kData,    // `length` bytes follow
  kEnd,
  kError,  // number: ErrorCode; message, NUL, hint follow
};
struct Reply {
  Say say = Say::kEnd;
  uint32_t number = 0;
  uint64_t size = 0;
  uint64_t length = 0;
};

// Whole or false: the other side is gone.
bool SendBytes(int socket, const void* bytes, size_t length);
bool ReceiveBytes(int socket, void* bytes, size_t length);

std::string PackError(const Error& error);
Error UnpackError(uint32_t code, std::string_view text);

}  // namespace pthview::fetch
