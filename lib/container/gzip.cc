#include "lib/container/gzip.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "lib/base/checked.h"
#include "lib/container/unpack_allowance.h"

namespace pthview {
namespace {

constexpr uint64_t kFirstOutput = uint64_t{1} << 16;
constexpr char kHint[] = "inflate the file with another program if it is trusted";

Error At(ErrorCode code, std::string message, uint64_t offset) {
  Error error{code, std::move(message)};
  error.offset = offset;
  return error;
}

Error TooLarge(uint64_t limit, uint64_t offset) {
  return At(ErrorCode::kLimit, "the data inflates to more than the " + std::to_string(limit) + " bytes allowed here",
            offset)
      .Hint(kHint);
}

}  // namespace

uint64_t MostInflated(uint64_t length) {
  constexpr uint64_t kRatio = 1032;
  return SaturatingMulAdd(length, kRatio, kRatio);
}

Result<std::vector<std::byte>> Inflate(const ByteSource& source, uint64_t offset, uint64_t length,
                                       const InflateOptions& options) {
  if (offset > source.size() || length > source.size() - offset) {
    return At(ErrorCode::kTruncated, "the deflated data ends outside the file", offset);
  }
  const uint64_t most = MostInflated(length);
  if (options.size && *options.size > most) {
    return At(ErrorCode::kCorrupt,
              std::to_string(length) + " deflated bytes cannot become the promised " + std::to_string(*options.size),
              offset);
  }
  if (options.size && *options.size > options.limit) return TooLarge(options.limit, offset);

  if (const auto* inside = dynamic_cast<const InsideSource*>(&source)) {
    if (auto allowance = inside->allowance()) PTHVIEW_TRY(allowance->TakePacked(length, kHint));
  }

  const uint64_t bound = options.size ? *options.size : std::min(options.limit, most);
  std::vector<std::byte> out(static_cast<size_t>(options.size ? bound : std::min(bound, kFirstOutput)));
  size_t used = 0;
  Inflater inflater(source, offset, length, options.format);
  PTHVIEW_TRY(inflater.Begin());
  while (!inflater.ended()) {
    if (used == out.size() && out.size() < bound) {
      out.resize(static_cast<size_t>(std::min<uint64_t>(bound, uint64_t{out.size()} * 2)));
    }
    // With the output full, one spare byte tells a stream that just ends from one that goes on.
    std::byte spare{};
    const bool full = used == out.size();
    size_t written = 0;
    PTHVIEW_TRY(inflater.Step(full ? std::span(&spare, 1) : std::span(out).subspan(used), false, &written));
    if (full && written != 0) {
      if (!options.size) return TooLarge(options.limit, inflater.packed());
      return At(ErrorCode::kCorrupt,
                "the data inflates to more than the promised " + std::to_string(*options.size) + " bytes",
                inflater.packed());
    }
    used += written;
  }
  if (options.size && used != *options.size) {
    return At(ErrorCode::kCorrupt,
              "the data inflates to " + std::to_string(used) + " bytes instead of the promised " +
                  std::to_string(*options.size),
              inflater.packed());
  }
  out.resize(used);
  return out;
}

}  // namespace pthview
