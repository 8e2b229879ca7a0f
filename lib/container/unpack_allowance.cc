#include "lib/container/unpack_allowance.h"

#include <limits>
#include <string>

#include "lib/base/checked.h"

namespace pthview {
namespace {

constexpr uint64_t kLeast = uint64_t{256} << 20;
constexpr uint64_t kRatio = 32;

uint64_t Total(uint64_t file_bytes) {
  auto most = CheckedMul(file_bytes, kRatio);
  if (most) most = CheckedAdd(*most, kLeast);
  return most.value_or(std::numeric_limits<uint64_t>::max());
}

}  // namespace

UnpackAllowance::UnpackAllowance(uint64_t file_bytes) : file_bytes_(file_bytes), total_(Total(file_bytes)) {}

Status UnpackAllowance::Take(uint64_t bytes, std::string_view hint) {
  uint64_t taken = taken_.load();
  do {
    if (taken >= total_ || bytes > total_ - taken) {
      return Error{.code = ErrorCode::kLimit,
                   .message = "it unpacks to more than the " + std::to_string(total_) +
                              " bytes that are allowed for a file of " + std::to_string(file_bytes_) +
                              " (32 times its size and 256 MB)",
                   .hint = std::string(hint)};
    }
  } while (!taken_.compare_exchange_weak(taken, taken + bytes));
  return Ok();
}

std::shared_ptr<UnpackAllowance> AllowanceOf(const ByteSource& source) {
  if (const auto* inside = dynamic_cast<const InsideSource*>(&source)) {
    if (auto allowance = inside->allowance()) return allowance;
  }
  return std::make_shared<UnpackAllowance>(source.size());
}

}  // namespace pthview
