#include "lib/analysis/compare/difference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/analysis/statistics/value_reader.h"
#include "lib/base/element.h"
#include "lib/base/threads.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 21;
constexpr int64_t kStepBytes = int64_t{1} << 18;  // both sides together fit the second-level cache
constexpr size_t kBlock = ValueReader::kMostInBlock;

// Sums over pairs, and which of them there are.
struct Sums {
  long double absolute = 0, squares = 0, aa = 0, bb = 0, ab = 0;
  double max = 0;
  int64_t count = 0, finite = 0, different = 0, beyond = 0, not_finite = 0;

  void Merge(const Sums& other) {
    absolute += other.absolute;
    squares += other.squares;
    aa += other.aa;
    bb += other.bb;
    ab += other.ab;
    max = std::max(max, other.max);
    count += other.count;
    finite += other.finite;
    different += other.different;
    beyond += other.beyond;
    not_finite += other.not_finite;
  }

  template <typename T>
  void AddOneByOne(std::span<const T> a, std::span<const T> b, const Tolerance& tolerance) {
    for (size_t i = 0; i < a.size(); ++i) {
      auto x = static_cast<long double>(a[i]);
      auto y = static_cast<long double>(b[i]);
      bool same = x == y || (std::isnan(x) && std::isnan(y));
      different += !same;
      if (!std::isfinite(x) || !std::isfinite(y)) {
        not_finite += !same;
        beyond += !same;
        continue;
      }
      ++finite;
      long double d = std::abs(x - y);
      absolute += d;
      squares += d * d;
      aa += x * x;
      bb += y * y;
      ab += x * y;
      max = std::max(max, static_cast<double>(d));
      beyond += d > static_cast<long double>(tolerance.absolute) +
                        static_cast<long double>(tolerance.relative) * std::max(std::abs(x), std::abs(y));
    }
  }

  template <typename T>
  void Add(std::span<const T> a, std::span<const T> b, const Tolerance& tolerance) {
    count += static_cast<int64_t>(a.size());
    PairSums sums = SumPair(a, b, tolerance);
    if (!sums.finite) return AddOneByOne(a, b, tolerance);
    finite += static_cast<int64_t>(a.size());
    absolute += sums.absolute;
    squares += sums.squares;
    aa += sums.aa;
    bb += sums.bb;
    ab += sums.ab;
    max = std::max(max, sums.max);
    different += sums.different;
    beyond += sums.beyond;
  }
};

// One side of a comparison: values of elements [first, first + count), as floats where that is exact, else doubles.
class Side {
 public:
  static Result<Side> Open(const Model& model, const Tensor& tensor) {
    Side side;
    side.model_ = &model;
    side.tensor_ = &tensor;
    if (tensor.layout >= Layout::kSparseCoo && tensor.layout <= Layout::kSparseBsc) {
      PTHVIEW_ASSIGN(Model made, DenseCopy(model, tensor));
      side.made_ = std::make_unique<const Model>(std::move(made));
      side.model_ = side.made_.get();
      side.tensor_ = &side.made_->tensors.front();
    }
    side.complex_ = Info(tensor.dtype).kind == DTypeClass::kComplex;
    // A complex tensor is read as bytes; the reader still says what stands against reading it.
    PTHVIEW_ASSIGN(ValueReader reader, ValueReader::OpenAll(*side.model_, *side.tensor_));
    side.reader_ = std::make_unique<ValueReader>(std::move(reader));
    return side;
  }

  int64_t values_per_element() const { return complex_ ? 2 : reader_->values_per_element(); }

  // `floats` or `doubles` is filled; the other is empty.
  Status Read(int64_t first, int64_t count, std::vector<float>* floats, std::vector<double>* doubles) const {
    floats->clear();
    doubles->clear();
    if (complex_) {
      PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(*model_, *tensor_, first, count));
      DType part = tensor_->dtype == DType::kComplex32   ? DType::kFloat16
                   : tensor_->dtype == DType::kComplex64 ? DType::kFloat32
                                                         : DType::kFloat64;
      doubles->resize(bytes.size() / Info(part).item_size);
      DecodeToDouble(part, bytes.data(), doubles->size(), doubles->data());
      return Ok();
    }
    return reader_->Read(first, count, [&](const ValueBlock& block) {
      floats->insert(floats->end(), block.floats.begin(), block.floats.end());
      doubles->insert(doubles->end(), block.doubles.begin(), block.doubles.end());
    });
  }

 private:
  const Model* model_ = nullptr;
  const Tensor* tensor_ = nullptr;
  std::unique_ptr<const Model> made_;
  std::unique_ptr<ValueReader> reader_;
  bool complex_ = false;
};

void Widen(std::vector<float>* floats, std::vector<double>* doubles) {
  if (floats->empty()) return;
  doubles->assign(floats->begin(), floats->end());
  floats->clear();
}

// Where the bytes of a tensor are, when they lie in one piece in a source.
struct Bytes {
  const ByteSource* source = nullptr;
  uint64_t offset = 0;
  uint64_t nbytes = 0;
};
std::optional<Bytes> BytesOf(const Model& model, const Tensor& tensor) {
  auto range = ContiguousRange(model, tensor);
  if (!range || tensor.numel == 0) return std::nullopt;
  return Bytes{model.sources[range->source].get(), range->offset, range->nbytes};
}

bool SameQuantization(const Model& model_a, const Tensor& a, const Model& model_b, const Tensor& b) {
  if (a.quantization == kNone && b.quantization == kNone) return true;
  if (a.quantization == kNone || b.quantization == kNone) return false;
  const Quantization& p = model_a.quantizations[a.quantization];
  const Quantization& q = model_b.quantizations[b.quantization];
  return !p.per_channel && !q.per_channel && p.scale == q.scale && p.zero_point == q.zero_point;
}

class Comparison {
 public:
  Comparison(const Side& a, const Side& b, std::optional<Bytes> bytes_a, std::optional<Bytes> bytes_b, int64_t numel,
             size_t item, bool floats, const Tolerance& tolerance, const std::atomic<bool>* cancelled)
      : a_(a),
        b_(b),
        bytes_a_(bytes_a),
        bytes_b_(bytes_b),
        numel_(numel),
        item_(static_cast<int64_t>(item)),
        floats_(floats),
        tolerance_(tolerance),
        cancelled_(cancelled) {}

  // Whether all is equal byte for byte; else `sums` holds everything.
  Result<bool> Run(Sums* sums) {
    const auto pieces = static_cast<size_t>(numel_ / kPieceElements + (numel_ % kPieceElements != 0));
    equal_until_.assign(pieces, 0);
    parts_.assign(pieces, {});
    PTHVIEW_TRY(ForPieces(pieces, &Comparison::RunPiece));
    bool equal = bytes_a_.has_value();
    for (size_t p = 0; p < pieces && equal; ++p) equal = equal_until_[p] == End(p);
    if (equal) return true;
    // What was only seen to be equal still counts in the norms.
    PTHVIEW_TRY(ForPieces(pieces, &Comparison::SumEqual));
    for (const Sums& part : parts_) sums->Merge(part);
    return false;
  }

 private:
  int64_t First(size_t piece) const { return static_cast<int64_t>(piece) * kPieceElements; }
  int64_t End(size_t piece) const { return std::min(First(piece) + kPieceElements, numel_); }

  Status ForPieces(size_t pieces, Status (Comparison::*run)(size_t)) {
    std::vector<Status> statuses(pieces);
    std::atomic<bool> failed = false;
    ParallelFor(pieces, [&](size_t p) {
      if (failed.load(std::memory_order_relaxed)) return;
      statuses[p] = (this->*run)(p);
      if (!statuses[p]) failed = true;
    });
    for (Status& status : statuses) PTHVIEW_TRY(std::move(status));
    return Ok();
  }

  Status RunPiece(size_t piece) {
    if (cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed)) {
      return Error{ErrorCode::kInterrupted, "interrupted"};
    }
    equal_until_[piece] = First(piece);
    int64_t at = First(piece);
    if (bytes_a_) {
      const int64_t step = std::max<int64_t>(1, kStepBytes / item_);
      auto size = static_cast<size_t>(std::min(step, End(piece) - at) * item_);
      std::unique_ptr<std::byte[]> left(new std::byte[size]);
      std::unique_ptr<std::byte[]> right(new std::byte[size]);
      bool same_so_far = true;
      while (at < End(piece)) {
        const int64_t count = std::min(step, End(piece) - at);
        std::span<std::byte> x(left.get(), static_cast<size_t>(count * item_));
        std::span<std::byte> y(right.get(), x.size());
        const auto skip = static_cast<uint64_t>(at * item_);
        PTHVIEW_TRY(bytes_a_->source->ReadAt(bytes_a_->offset + skip, x));
        PTHVIEW_TRY(bytes_b_->source->ReadAt(bytes_b_->offset + skip, y));
        if (same_so_far && std::memcmp(x.data(), y.data(), x.size()) == 0) {
          at += count;
          equal_until_[piece] = at;
          continue;
        }
        same_so_far = false;
        if (!floats_) break;  // decoded elsewhere
        AddFloats({reinterpret_cast<const float*>(x.data()), static_cast<size_t>(count)},
                  {reinterpret_cast<const float*>(y.data()), static_cast<size_t>(count)}, &parts_[piece]);
        at += count;
      }
    }
    return SumValues(at, End(piece), &parts_[piece]);
  }

  Status SumEqual(size_t piece) { return SumValues(First(piece), equal_until_[piece], &parts_[piece]); }

  void AddFloats(std::span<const float> x, std::span<const float> y, Sums* sums) const {
    for (size_t i = 0; i < x.size(); i += kBlock) {
      size_t n = std::min(kBlock, x.size() - i);
      sums->Add(x.subspan(i, n), y.subspan(i, n), tolerance_);
    }
  }

  Status SumValues(int64_t first, int64_t end, Sums* sums) const {
    std::vector<float> floats_a, floats_b;
    std::vector<double> doubles_a, doubles_b;
    const auto step = static_cast<int64_t>(4 * kBlock);
    for (int64_t at = first; at < end; at += step) {
      const int64_t count = std::min(step, end - at);
      PTHVIEW_TRY(a_.Read(at, count, &floats_a, &doubles_a));
      PTHVIEW_TRY(b_.Read(at, count, &floats_b, &doubles_b));
      if (!floats_a.empty() && !floats_b.empty()) {
        AddFloats(floats_a, floats_b, sums);
        continue;
      }
      Widen(&floats_a, &doubles_a);
      Widen(&floats_b, &doubles_b);
      for (size_t i = 0; i < std::min(doubles_a.size(), doubles_b.size()); i += kBlock) {
        size_t n = std::min(kBlock, doubles_a.size() - i);
        sums->Add(std::span<const double>(doubles_a).subspan(i, n), std::span<const double>(doubles_b).subspan(i, n),
                  tolerance_);
      }
    }
    return Ok();
  }

  const Side& a_;
  const Side& b_;
  std::optional<Bytes> bytes_a_;
  std::optional<Bytes> bytes_b_;
  int64_t numel_;
  int64_t item_;
  bool floats_;
  Tolerance tolerance_;
  const std::atomic<bool>* cancelled_;
  std::vector<int64_t> equal_until_;  // of each piece: up to where the bytes are equal
  std::vector<Sums> parts_;
};

Difference Incomparable(std::string reason) { return {.verdict = Verdict::kIncomparable, .reason = std::move(reason)}; }

// What concerns one of the two and not the file: it is not compared, and the reason said.
bool IsReason(ErrorCode code) {
  return code == ErrorCode::kUnsupported || code == ErrorCode::kNotFound || code == ErrorCode::kLimit ||
         code == ErrorCode::kCorrupt;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kEqual: return "equal";
    case Verdict::kClose: return "close";
    case Verdict::kDiffers: return "differs";
    case Verdict::kIncomparable: return "incomparable";
  }
  return "incomparable";
}

// https://docs.pytorch.org/docs/stable/testing.html : the defaults of assert_close; the 8-bit floats as torch's own
// tests of them, from their 3 and 2 bits of mantissa.
Tolerance DefaultTolerance(DType a, DType b) {
  auto of = [](DType dtype) -> Tolerance {
    switch (dtype) {
      case DType::kFloat16:
      case DType::kComplex32: return {1e-3, 1e-5};
      case DType::kBFloat16: return {1.6e-2, 1e-5};
      case DType::kFloat32:
      case DType::kComplex64: return {1.3e-6, 1e-5};
      case DType::kFloat64:
      case DType::kComplex128: return {1e-7, 1e-7};
      default: break;
    }
    if (Info(dtype).kind == DTypeClass::kFloat) return {0.125, 1e-3};
    if (Info(dtype).kind == DTypeClass::kQuantized) return {1.3e-6, 1e-5};
    return {0, 0};
  };
  Tolerance x = of(a);
  Tolerance y = of(b);
  return {std::max(x.relative, y.relative), std::max(x.absolute, y.absolute)};
}

Result<Difference> Compare(const Model& model_a, const Tensor& a, const Model& model_b, const Tensor& b,
                           const DifferenceOptions& options) {
  if (!std::ranges::equal(a.shape, b.shape)) {
    return Incomparable(fmt::format("shapes [{}] and [{}]", fmt::join(a.shape, ", "), fmt::join(b.shape, ", ")));
  }
  auto side_a = Side::Open(model_a, a);
  if (!side_a) {
    return IsReason(side_a.error().code) ? Incomparable(side_a.error().message) : Result<Difference>(side_a.error());
  }
  auto side_b = Side::Open(model_b, b);
  if (!side_b) {
    return IsReason(side_b.error().code) ? Incomparable(side_b.error().message) : Result<Difference>(side_b.error());
  }
  if (side_a->values_per_element() != side_b->values_per_element()) {
    return Incomparable(fmt::format("dtypes {} and {}", DTypeName(a.dtype), DTypeName(b.dtype)));
  }
  const Tolerance tolerance = options.tolerance.value_or(DefaultTolerance(a.dtype, b.dtype));
  std::optional<Bytes> bytes_a;
  std::optional<Bytes> bytes_b;
  const bool same_type = a.dtype == b.dtype && SameQuantization(model_a, a, model_b, b);
  if (same_type && a.layout == Layout::kDense && b.layout == Layout::kDense) {
    bytes_a = BytesOf(model_a, a);
    bytes_b = BytesOf(model_b, b);
    const size_t per_byte = Info(a.dtype).items_per_byte;
    if (!bytes_a || !bytes_b || bytes_a->nbytes != bytes_b->nbytes || per_byte != 1) bytes_a = bytes_b = std::nullopt;
  }
  Difference difference{.count = a.numel * side_a->values_per_element()};
  if (bytes_a && bytes_a->source == bytes_b->source && bytes_a->offset == bytes_b->offset) {
    difference.verdict = Verdict::kEqual;  // the very same bytes
    difference.same_bytes = true;
    difference.max = difference.mean = difference.relative = difference.distance = 0;
    return difference;
  }
  Sums sums;
  Comparison comparison(*side_a, *side_b, bytes_a, bytes_b, a.numel, std::max<size_t>(1, Info(a.dtype).item_size),
                        a.dtype == DType::kFloat32, tolerance, options.cancelled);
  PTHVIEW_ASSIGN(difference.same_bytes, comparison.Run(&sums));
  if (difference.same_bytes || a.numel == 0) {
    difference.verdict = Verdict::kEqual;
    difference.max = difference.mean = difference.relative = difference.distance = 0;
    return difference;
  }
  difference.different = sums.different;
  difference.beyond = sums.beyond;
  difference.not_finite = sums.not_finite;
  difference.verdict = sums.different == 0 ? Verdict::kEqual : sums.beyond == 0 ? Verdict::kClose : Verdict::kDiffers;
  if (sums.finite == 0) return difference;
  difference.max = sums.max;
  difference.mean = static_cast<double>(sums.absolute / static_cast<long double>(sums.finite));
  long double norm_a = std::sqrt(sums.aa);
  long double norm_b = std::sqrt(sums.bb);
  difference.norm_a = static_cast<double>(norm_a);
  difference.norm_b = static_cast<double>(norm_b);
  difference.distance = static_cast<double>(std::sqrt(sums.squares));
  long double larger = std::max(norm_a, norm_b);
  difference.relative = sums.squares == 0 ? 0 : static_cast<double>(std::sqrt(sums.squares) / larger);
  if (norm_a > 0 && norm_b > 0) {
    difference.cosine = std::clamp(static_cast<double>(sums.ab / norm_a / norm_b), -1.0, 1.0);
  }
  return difference;
}

}  // namespace pthview
