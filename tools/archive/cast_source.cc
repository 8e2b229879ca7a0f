#include "tools/archive/cast_source.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/element.h"

namespace pthview::archive {
namespace {

constexpr uint64_t kBlock = uint64_t{1} << 16;  // elements

// Rounds to a binary format of `mantissa` bits and `bias`, ties to even; what is too large becomes infinite.
uint16_t ToSmall(double value, int mantissa, int bias) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const int exponents = 15 - mantissa;
  const int top = (1 << exponents) - 1;
  const auto infinite = static_cast<uint16_t>(sign | (top << mantissa));
  if (std::isnan(value)) return static_cast<uint16_t>(infinite | (1 << (mantissa - 1)));
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  if (std::isinf(value)) return infinite;
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude = f * 2^exponent, f in [0.5, 1)
  // The weight of the last bit that is kept: subnormals share one.
  const int last = std::max(exponent - 1, 1 - bias) - mantissa;
  const double units = std::nearbyint(std::ldexp(magnitude, -last));  // the default rounding: ties to even
  const auto whole = static_cast<uint64_t>(units);
  // Adding a mantissa that has overflowed carries into the exponent, as it should.
  const int field = std::max(exponent - 1 + bias, 1) - 1;
  const uint64_t bits = (static_cast<uint64_t>(field) << mantissa) + whole;
  if (bits >= static_cast<uint64_t>(top) << mantissa) return infinite;
  return static_cast<uint16_t>(sign | bits);
}

class Cast : public ByteSource {
 public:
  Cast(const ByteSource& source, uint64_t offset, uint64_t count, DType from, DType to)
      : source_(source), offset_(offset), count_(count), from_(from), to_(to), name_(source.name()) {}

  uint64_t size() const override { return count_ * Info(to_).item_size; }
  const std::string& name() const override { return name_; }
  Status CheckUnchanged() const override { return source_.CheckUnchanged(); }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size() || out.size() > size() - offset) {
      return Error{ErrorCode::kTruncated, "the storage ends before", name_};
    }
    const uint64_t to = Info(to_).item_size;
    const uint64_t from = Info(from_).item_size;
    std::vector<std::byte> raw;
    std::vector<double> numbers;
    std::vector<std::byte> made;
    for (size_t done = 0; done < out.size();) {
      const uint64_t first = (offset + done) / to;
      const uint64_t skip = (offset + done) % to;
      const uint64_t count = std::min({kBlock, count_ - first, (out.size() - done + skip + to - 1) / to});
      raw.resize(count * from);
      PTHVIEW_TRY(source_.ReadAt(offset_ + first * from, raw));
      numbers.resize(count);
      DecodeToDouble(from_, raw.data(), count, numbers.data());
      made.resize(count * to);
      for (uint64_t i = 0; i < count; ++i) Encode(numbers[i], made.data() + i * to);
      const size_t take = std::min<size_t>(made.size() - skip, out.size() - done);
      std::memcpy(out.data() + done, made.data() + skip, take);
      done += take;
    }
    return Ok();
  }

 private:
  void Encode(double value, std::byte* at) const {
    switch (to_) {
      case DType::kFloat64: std::memcpy(at, &value, 8); return;
      case DType::kFloat32: {
        const auto single = static_cast<float>(value);
        std::memcpy(at, &single, 4);
        return;
      }
      default: {
        const uint16_t bits = to_ == DType::kFloat16 ? ToSmall(value, 10, 15) : ToSmall(value, 7, 127);
        std::memcpy(at, &bits, 2);
      }
    }
  }

  const ByteSource& source_;
  uint64_t offset_;
  uint64_t count_;
  DType from_;
  DType to_;
  std::string name_;
};

bool Floats(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16 || dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

}  // namespace

bool CanCast(DType from, DType to) { return Floats(from) && Floats(to) && from != to; }

std::unique_ptr<ByteSource> CastStorage(const ByteSource& source, uint64_t offset, uint64_t count, DType from,
                                        DType to) {
  return std::make_unique<Cast>(source, offset, count, from, to);
}

}  // namespace pthview::archive
