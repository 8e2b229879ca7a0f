#include "lib/container/unpack_allowance.h"

#include <string>

#include "lib/base/checked.h"

namespace pthview {
namespace {

constexpr uint64_t kLeast = uint64_t{256} << 20;
constexpr uint64_t kRatio = 32;
// Deflated blocks with nothing in them are gone through at 10 MB a second.
constexpr uint64_t kLeastPacked = uint64_t{8} << 20;
constexpr uint64_t kRatioPacked = 8;

}  // namespace

UnpackAllowance::UnpackAllowance(uint64_t file_bytes)
    : file_bytes_(file_bytes),
      unpacked_{SaturatingMulAdd(file_bytes, kRatio, kLeast)},
      packed_{SaturatingMulAdd(file_bytes, kRatioPacked, kLeastPacked)} {}

bool UnpackAllowance::Share::Take(uint64_t bytes) {
  uint64_t before = taken.load();
  do {
    if (before >= total || bytes > total - before) return false;
  } while (!taken.compare_exchange_weak(before, before + bytes));
  return true;
}

Status UnpackAllowance::Take(uint64_t bytes, std::string_view hint) {
  if (unpacked_.Take(bytes)) return Ok();
  return Error{.code = ErrorCode::kLimit,
               .message = "it unpacks to more than the " + std::to_string(unpacked_.total) +
                          " bytes that are allowed for a file of " + std::to_string(file_bytes_) +
                          " (32 times its size and 256 MB)",
               .hint = std::string(hint)};
}

Status UnpackAllowance::TakePacked(uint64_t bytes, std::string_view hint) {
  if (packed_.Take(bytes)) return Ok();
  return Error{.code = ErrorCode::kLimit,
               .message = "what is packed inside what is packed has more than the " + std::to_string(packed_.total) +
                          " bytes that are allowed for a file of " + std::to_string(file_bytes_) +
                          " (8 times its size and 8 MB)",
               .hint = std::string(hint)};
}

std::shared_ptr<UnpackAllowance> AllowanceOf(const ByteSource& source) {
  if (const auto* inside = dynamic_cast<const InsideSource*>(&source)) {
    if (auto allowance = inside->allowance()) return allowance;
  }
  return std::make_shared<UnpackAllowance>(source.size());
}

}  // namespace pthview
