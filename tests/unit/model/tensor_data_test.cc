#include "lib/model/tensor_data.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "lib/base/sha256.h"
#include "lib/model/gather.h"

namespace pthview {
namespace {

// A model of one storage, built by hand.
struct Fixture {
  Model model;

  Fixture(std::unique_ptr<ByteSource> source, uint64_t offset, uint64_t nbytes) {
    model.file = "test.pt";
    model.sources.push_back(std::move(source));
    Storage storage;
    storage.source = 0;
    storage.offset = offset;
    storage.nbytes = nbytes;
    storage.record = "archive/data/0";
    model.storages.push_back(storage);
  }

  // `skip` bytes stand before the storage, and something else after it.
  template <typename T>
  static Fixture Of(const std::vector<T>& items, size_t skip = 3) {
    std::vector<std::byte> bytes(skip + items.size() * sizeof(T) + 5, std::byte{0xEE});
    std::memcpy(bytes.data() + skip, items.data(), items.size() * sizeof(T));
    return Fixture(OpenMemory("memory", std::move(bytes)), skip, items.size() * sizeof(T));
  }

  Tensor Make(DType dtype, std::vector<int64_t> shape, std::vector<int64_t> strides, int64_t offset = 0) {
    Tensor tensor;
    tensor.path = "state_dict.weight";
    tensor.dtype = dtype;
    tensor.shape = model.arena.Copy(std::span<const int64_t>(shape));
    tensor.strides = model.arena.Copy(std::span<const int64_t>(strides));
    tensor.offset = offset;
    tensor.numel = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    tensor.storage = 0;
    tensor.data = DataState::kPresent;
    int64_t expected = 1;
    tensor.contiguous = true;
    for (size_t i = shape.size(); i > 0; --i) {
      if (shape[i - 1] != 1 && strides[i - 1] != expected) tensor.contiguous = false;
      expected *= shape[i - 1];
    }
    return tensor;
  }
};

template <typename T>
std::vector<T> As(const std::vector<std::byte>& bytes) {
  std::vector<T> items(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(items.data(), bytes.data(), bytes.size());
  return items;
}

template <typename T>
std::vector<T> ReadAll(const Fixture& fixture, const Tensor& tensor, int64_t first = 0, int64_t count = INT64_MAX) {
  auto bytes = ReadElements(fixture.model, tensor, first, count);
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes ? As<T>(*bytes) : std::vector<T>();
}

// The elements by their definition: index by index.
template <typename T>
std::vector<T> Expected(const std::vector<T>& storage, const Tensor& tensor) {
  std::vector<T> out;
  std::vector<int64_t> index(tensor.shape.size(), 0);
  for (int64_t i = 0; i < tensor.numel; ++i) {
    int64_t rest = i;
    int64_t at = tensor.offset;
    for (size_t d = tensor.shape.size(); d > 0; --d) {
      at += rest % tensor.shape[d - 1] * tensor.strides[d - 1];
      rest /= tensor.shape[d - 1];
    }
    out.push_back(storage[static_cast<size_t>(at)]);
  }
  return out;
}

template <typename T>
std::vector<T> Iota(size_t count) {
  std::vector<T> items(count);
  for (size_t i = 0; i < count; ++i) items[i] = static_cast<T>(i * 7 + 1);
  return items;
}

TEST(TensorData, ReadsContiguousTensors) {
  auto items = Iota<int32_t>(100);
  Fixture f = Fixture::Of(items);
  Tensor t = f.Make(DType::kInt32, {3, 4}, {4, 1}, 10);
  EXPECT_EQ(ReadAll<int32_t>(f, t), Expected(items, t));
  EXPECT_EQ(ReadAll<int32_t>(f, t, 5, 2), (std::vector<int32_t>{items[15], items[16]}));
  EXPECT_EQ(ReadAll<int32_t>(f, t, 11, 100), (std::vector<int32_t>{items[21]}));
  EXPECT_TRUE(ReadAll<int32_t>(f, t, 12, 1).empty());
  EXPECT_FALSE(ReadElements(f.model, t, 13, 1));
  EXPECT_FALSE(ReadElements(f.model, t, -1, 1));
  Tensor scalar = f.Make(DType::kInt32, {}, {}, 99);
  EXPECT_EQ(ReadAll<int32_t>(f, scalar), (std::vector<int32_t>{items[99]}));
  Tensor empty = f.Make(DType::kInt32, {0, 4}, {4, 1});
  empty.storage = kNone;
  EXPECT_TRUE(ReadAll<int32_t>(f, empty).empty());
}

TEST(TensorData, ReadsInBlocksInOrder) {
  auto items = Iota<float>(700001);
  Fixture f = Fixture::Of(items);
  Tensor t = f.Make(DType::kFloat32, {700001}, {1});
  std::vector<std::byte> all;
  int blocks = 0;
  ASSERT_TRUE(ForEachBlock(f.model, t, [&](std::span<const std::byte> block) {
    EXPECT_LE(block.size(), size_t{1} << 20);
    all.insert(all.end(), block.begin(), block.end());
    ++blocks;
    return Ok();
  }));
  EXPECT_EQ(blocks, 3);
  EXPECT_TRUE(As<float>(all) == items);
  // An error of the callback ends the reading and comes out.
  blocks = 0;
  Status status = ForEachBlock(f.model, t, [&](std::span<const std::byte>) -> Status {
    ++blocks;
    return Error{ErrorCode::kLimit, "enough"};
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kLimit);
  EXPECT_EQ(blocks, 1);
}

TEST(TensorData, GathersStridedTensors) {
  auto items = Iota<int16_t>(5000);
  Fixture f = Fixture::Of(items);
  struct Case {
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;
    int64_t offset;
  };
  const Case kCases[] = {
      {{3, 4}, {1, 3}, 0},                // transposed
      {{10}, {7}, 2},                     // every seventh
      {{2, 3, 4, 5}, {60, 1, 15, 3}, 4},  // channels_last
      {{4, 5, 6}, {1, 24, 4}, 0},         // permuted
      {{3, 4}, {100, 1}, 5},              // rows of a wider matrix
      {{3, 4}, {0, 1}, 5},                // expanded rows
      {{3, 4}, {1, 0}, 5},                // expanded columns
      {{2, 3}, {0, 0}, 9},                // expanded from a scalar
      {{4, 4}, {1, 1}, 0},                // overlapping windows (unfold)
      {{6}, {-2}, 20},                    // reversed
      {{3, 4}, {-10, -1}, 100},           // reversed both ways
      {{3, 4}, {-10, 1}, 100},
      {{1, 5, 1}, {999, 3, 12345}, 1},  // sizes of one, whose strides mean nothing
      {{2, 2, 2, 2, 2, 2}, {1, 2, 4, 8, 16, 32}, 0},
  };
  for (const Case& c : kCases) {
    Tensor t = f.Make(DType::kInt16, c.shape, c.strides, c.offset);
    ASSERT_FALSE(t.contiguous);
    auto expected = Expected(items, t);
    EXPECT_EQ(ReadAll<int16_t>(f, t), expected);
    // Any part of it.
    for (int64_t first = 0; first <= t.numel; ++first) {
      for (int64_t count : {1, 3, 7}) {
        auto end = std::min(first + count, t.numel);
        EXPECT_EQ(ReadAll<int16_t>(f, t, first, count),
                  std::vector<int16_t>(expected.begin() + first, expected.begin() + end));
      }
    }
  }
}

TEST(TensorData, GathersEveryItemSize) {
  auto items = Iota<uint8_t>(size_t{16} * 12);
  Fixture f = Fixture::Of(items);
  for (DType dtype : {DType::kUint8, DType::kFloat16, DType::kFloat32, DType::kFloat64, DType::kComplex128}) {
    size_t size = Info(dtype).item_size;
    Tensor t = f.Make(dtype, {3, 4}, {1, 3});
    std::vector<uint8_t> expected;
    for (size_t row = 0; row < 3; ++row) {
      for (size_t column = 0; column < 4; ++column) {
        auto at = items.begin() + static_cast<ptrdiff_t>((row + column * 3) * size);
        expected.insert(expected.end(), at, at + static_cast<ptrdiff_t>(size));
      }
    }
    EXPECT_EQ(ReadAll<uint8_t>(f, t), expected) << DTypeName(dtype);
  }
}

// With small limits every way of cutting a tensor into boxes and runs is taken.
TEST(Gather, AnyLimitsGiveTheSame) {
  auto items = Iota<int32_t>(20000);
  struct Case {
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;
    int64_t offset;
  };
  const Case kCases[] = {{{40, 50}, {1, 40}, 0},
                         {{1000}, {3}, 1},
                         {{2, 16, 5, 6}, {480, 1, 96, 16}, 0},
                         {{50, 20}, {-200, 3}, 19000},
                         {{3, 0 + 100, 4}, {0, 1, 100}, 7},
                         {{30, 3}, {500, 1}, 0}};
  for (const Case& c : kCases) {
    Fixture f = Fixture::Of(items);
    Tensor t = f.Make(DType::kInt32, c.shape, c.strides, c.offset);
    auto expected = Expected(items, t);
    BoxWalk walk(t.shape, t.strides, t.offset);
    for (int64_t most : {1, 7, 64, 100000}) {
      for (int64_t span : {4, 20, 1000, 1 << 20}) {
        std::vector<int32_t> all;
        while (static_cast<int64_t>(all.size()) < t.numel) {
          BoxWalk::Box box = walk.Next(static_cast<int64_t>(all.size()), most);
          ASSERT_LE(box.count, most);
          ASSERT_GE(box.count, 1);
          std::vector<std::byte> out(static_cast<size_t>(box.count) * 4);
          ASSERT_TRUE(GatherBox(
              box, 4, span,
              [&](int64_t first, std::span<std::byte> to) -> Status {
                EXPECT_LE(to.size(), static_cast<size_t>(span));
                EXPECT_GE(first, 0);
                EXPECT_LE(static_cast<size_t>(first) * 4 + to.size(), items.size() * 4);
                std::memcpy(to.data(), items.data() + first, to.size());
                return Ok();
              },
              out));
          auto part = As<int32_t>(out);
          all.insert(all.end(), part.begin(), part.end());
        }
        EXPECT_TRUE(all == expected) << most << ' ' << span;
      }
    }
  }
}

TEST(Gather, JoinsDimensionsAndReadsInFewRuns) {
  // Every third of a million: gaps are read over, not stepped over.
  const int64_t kShape[] = {1000, 1000};
  const int64_t kStrides[] = {3000, 3};
  BoxWalk::Box box = BoxWalk(kShape, kStrides, 0).Next(0, 1000000);
  EXPECT_EQ(box.dimensions.size(), 1U);
  int reads = 0;
  std::vector<std::byte> out(1000000);
  ASSERT_TRUE(GatherBox(
      box, 1, 1 << 20,
      [&](int64_t, std::span<std::byte>) {
        ++reads;
        return Ok();
      },
      out));
  EXPECT_EQ(reads, 3);
}

TEST(TensorData, StreamsExpandedTensorsOfAnySize) {
  auto items = Iota<uint8_t>(4);
  Fixture f = Fixture::Of(items);
  Tensor t = f.Make(DType::kUint8, {int64_t{1} << 40, 4}, {0, 1});
  int64_t seen = 0;
  Status status = ForEachBlock(f.model, t, [&](std::span<const std::byte> block) -> Status {
    EXPECT_EQ(std::to_integer<uint8_t>(block[5]), items[1]);
    seen += static_cast<int64_t>(block.size());
    if (seen > 50 << 20) return Error{ErrorCode::kLimit, "enough"};
    return Ok();
  });
  EXPECT_EQ(status.error().message, "enough");
  EXPECT_EQ(ReadAll<uint8_t>(f, t, (int64_t{1} << 41) + 1, 4),
            (std::vector<uint8_t>{items[1], items[2], items[3], items[0]}));
  auto all = ReadElements(f.model, t, 0, INT64_MAX);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, ErrorCode::kLimit);
}

TEST(TensorData, AppliesConjugationAndNegation) {
  Fixture f = Fixture::Of(std::vector<float>{1, 2, 3, -4});
  Tensor t = f.Make(DType::kComplex64, {2}, {1});
  t.conj = true;
  EXPECT_EQ(ReadAll<float>(f, t), (std::vector<float>{1, -2, 3, 4}));
  t.neg = true;
  EXPECT_EQ(ReadAll<float>(f, t), (std::vector<float>{-1, 2, -3, -4}));
  EXPECT_EQ(ContiguousRange(f.model, t), std::nullopt);
  Tensor imaginary = f.Make(DType::kFloat32, {2}, {2}, 1);  // x.conj().imag
  imaginary.neg = true;
  EXPECT_EQ(ReadAll<float>(f, imaginary), (std::vector<float>{-2, 4}));

  Fixture g = Fixture::Of(std::vector<int16_t>{1, -2, INT16_MIN});
  Tensor integers = g.Make(DType::kInt16, {3}, {1});
  integers.neg = true;
  EXPECT_EQ(ReadAll<int16_t>(g, integers), (std::vector<int16_t>{-1, 2, INT16_MIN}));
  integers.dtype = DType::kBits16;
  EXPECT_EQ(ReadElements(g.model, integers, 0, 1).error().code, ErrorCode::kUnsupported);
}

TEST(TensorData, UnpacksPackedTypes) {
  Fixture f = Fixture::Of(std::vector<uint8_t>{0x21, 0x43, 0x65});
  Tensor t = f.Make(DType::kQUInt4x2, {5}, {1}, 1);
  EXPECT_EQ(ReadAll<uint8_t>(f, t), (std::vector<uint8_t>{2, 3, 4, 5, 6}));
  Tensor strided = f.Make(DType::kQUInt4x2, {3, 2}, {1, 3});
  EXPECT_EQ(ReadAll<uint8_t>(f, strided), (std::vector<uint8_t>{1, 4, 2, 5, 3, 6}));
  Tensor twos = f.Make(DType::kQUInt2x4, {4}, {1}, 3);
  EXPECT_EQ(ReadAll<uint8_t>(f, twos), (std::vector<uint8_t>{0, 3, 0, 0}));
  EXPECT_EQ(BlockDType(DType::kQUInt2x4), DType::kUint8);
  EXPECT_EQ(BlockDType(DType::kFloat16), DType::kFloat16);
  Tensor past = f.Make(DType::kQUInt4x2, {6}, {1}, 1);
  EXPECT_EQ(ReadElements(f.model, past, 0, 6).error().code, ErrorCode::kCorrupt);
}

TEST(TensorData, SaysWhyThereAreNoValues) {
  Fixture f = Fixture::Of(std::vector<float>{1, 2});
  Tensor t = f.Make(DType::kFloat32, {2}, {1});
  auto code = [&] { return ReadElements(f.model, t, 0, 2).error().code; };
  for (DataState state : {DataState::kMissing, DataState::kMeta, DataState::kOutOfBounds}) {
    t.data = state;
    EXPECT_EQ(code(), ErrorCode::kNotFound);
    EXPECT_EQ(HashTensor(f.model, t).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(ContiguousRange(f.model, t), std::nullopt);
  }
  t.data = DataState::kPresent;
  t.layout = Layout::kSparseCoo;
  EXPECT_EQ(code(), ErrorCode::kUnsupported);
  t.layout = Layout::kDense;
  t.dtype = DType::kUnknown;
  EXPECT_EQ(code(), ErrorCode::kUnsupported);
  // What no builder lets through is still refused.
  Tensor past = f.Make(DType::kFloat32, {3}, {1});
  auto bytes = ReadElements(f.model, past, 0, 3);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(ReadElements(f.model, f.Make(DType::kFloat32, {2}, {5}), 0, 2));
  EXPECT_FALSE(ReadElements(f.model, f.Make(DType::kFloat32, {2}, {-1}), 0, 2));
  EXPECT_EQ(ContiguousRange(f.model, past), std::nullopt);
}

class TemporaryFile {
 public:
  explicit TemporaryFile(size_t size) {
    path_ = (std::filesystem::temp_directory_path() / "pthview-test-XXXXXX").string();
    int fd = ::mkstemp(path_.data());
    if (fd < 0) std::abort();
    ::close(fd);
    std::ofstream(path_) << std::string(size, 'x');
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(TensorData, NoticesAFileThatChangesWhileItIsRead) {
  TemporaryFile file(4 << 20);
  Fixture f(OpenFile(file.path()).value(), 0, 4 << 20);
  Tensor t = f.Make(DType::kUint8, {4 << 20}, {1});
  // Cut short between two blocks.
  bool cut = false;
  Status status = ForEachBlock(f.model, t, [&](std::span<const std::byte>) {
    if (!cut) cut = ::truncate(file.path().c_str(), 2 << 20) == 0;
    return Ok();
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kTruncated);
  // And changed before the reading began.
  EXPECT_EQ(HashTensor(f.model, t).error().code, ErrorCode::kChanged);
}

TEST(TensorData, NoticesAChangeAfterTheLastBlock) {
  TemporaryFile file(1000);
  Fixture f(OpenFile(file.path()).value(), 0, 1000);
  Tensor t = f.Make(DType::kUint8, {1000}, {1});
  Status status = ForEachBlock(f.model, t, [&](std::span<const std::byte>) {
    std::filesystem::resize_file(file.path(), 2000);
    return Ok();
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kChanged);
}

std::string HashOf(const std::vector<uint8_t>& bytes) {
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(bytes)));
  return hash.Finish();
}

TEST(TensorData, HashesLogicalBytes) {
  auto items = Iota<uint8_t>(12);
  Fixture f = Fixture::Of(items);
  EXPECT_EQ(HashTensor(f.model, f.Make(DType::kFloat32, {3}, {1})).value(), HashOf(items));
  Tensor transposed = f.Make(DType::kUint8, {3, 4}, {1, 3});
  EXPECT_EQ(HashTensor(f.model, transposed).value(), HashOf(Expected(items, transposed)));
  EXPECT_EQ(HashTensor(f.model, f.Make(DType::kUint8, {0}, {1})).value(), HashOf({}));
}

TEST(TensorData, HashesPackedTypesPacked) {
  Fixture f = Fixture::Of(std::vector<uint8_t>{0x21, 0x43, 0x65});
  EXPECT_EQ(HashTensor(f.model, f.Make(DType::kQUInt4x2, {6}, {1})).value(), HashOf({0x21, 0x43, 0x65}));
  EXPECT_EQ(HashTensor(f.model, f.Make(DType::kQUInt4x2, {5}, {1}, 1)).value(), HashOf({0x32, 0x54, 0x06}));
  EXPECT_EQ(HashTensor(f.model, f.Make(DType::kQUInt4x2, {3, 2}, {1, 3})).value(), HashOf({0x41, 0x52, 0x63}));
}

TEST(TensorData, ContiguousRangeIsWhereTheBytesAre) {
  Fixture f = Fixture::Of(Iota<float>(10), 64);
  auto range = ContiguousRange(f.model, f.Make(DType::kFloat32, {2, 3}, {3, 1}, 4));
  ASSERT_TRUE(range);
  EXPECT_EQ(range->source, 0U);
  EXPECT_EQ(range->offset, 64U + 16);
  EXPECT_EQ(range->nbytes, 24U);
  EXPECT_FALSE(ContiguousRange(f.model, f.Make(DType::kFloat32, {2, 3}, {1, 2})));
  EXPECT_FALSE(ContiguousRange(f.model, f.Make(DType::kQUInt4x2, {2}, {1}, 1)));
  EXPECT_EQ(ContiguousRange(f.model, f.Make(DType::kQUInt4x2, {3}, {1}, 2))->nbytes, 2U);
  Tensor real = f.Make(DType::kFloat32, {2}, {1});
  real.conj = true;  // means nothing for what is not complex
  EXPECT_TRUE(ContiguousRange(f.model, real));
}

TEST(Names, AreThoseOfTheDocuments) {
  EXPECT_EQ(LayoutName(Layout::kDense), "strided");
  EXPECT_EQ(LayoutName(Layout::kSparseBsc), "sparse_bsc");
  EXPECT_EQ(KindName(TensorKind::kBuffer), "buffer");
  EXPECT_EQ(DataStateName(DataState::kOutOfBounds), "oob");
  EXPECT_EQ(PlainKindName(PlainKind::kSequence), "sequence");
  EXPECT_EQ(OriginName(Origin::kInferred), "inferred");
  EXPECT_EQ(PartKindName(PartKind::kOptimizer), "optimizer");
}

}  // namespace
}  // namespace pthview
