#include "lib/formats/torch/joblib_arrays.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "lib/base/checked.h"
#include "lib/container/record_source.h"
#include "lib/container/slice_source.h"
#include "lib/formats/common/numpy_dtype.h"
#include "lib/formats/common/pickled_ints.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Tree;
using pickle::Value;

namespace {

bool IsWrapperClass(const Tree& tree, Value value) {
  if (!value.Is(Kind::kGlobal)) return false;
  const pickle::Global& global = tree.GlobalOf(value);
  return global.name == "NumpyArrayWrapper" && global.module.ends_with("joblib.numpy_pickle");
}

// NEWOBJ names the class itself; protocols 0 and 1 hand it to a function.
bool IsWrapper(const Tree& tree, const Object& object) {
  if (IsWrapperClass(tree, object.callable)) return true;
  auto args = tree.Sequence(object.args);
  return !args.empty() && IsWrapperClass(tree, args[0]);
}

// What a wrapper says.
struct Wrapper {
  std::vector<int64_t> shape;
  NumpyCode code;
  uint64_t item_size = 0;
  bool fortran = false;
  bool objects = false;
  bool aligned = false;  // a byte with the length of the padding stands in front of the elements
};

// Bytes of an element, by its code: "f8", "U5" (four a character), "S10", "V16". 0: objects, or nothing known.
uint64_t ItemSize(std::string_view code) {
  while (!code.empty() && std::string_view("<>|=").find(code[0]) != std::string_view::npos) code.remove_prefix(1);
  if (code.empty()) return 0;
  const char kind = code[0];
  code.remove_prefix(1);
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), size);
  if (error != std::errc() || (end != code.data() + code.size() && *end != '[')) return 0;
  return kind == 'O' ? 0 : kind == 'U' ? CheckedMul<uint64_t>(size, 4).value_or(0) : size;
}

std::optional<Wrapper> ReadWrapper(const Tree& tree, const Object& object) {
  const Value* state = tree.StateOf(object);
  if (state == nullptr || !state->Is(Kind::kDict)) return std::nullopt;
  Wrapper wrapper;
  bool shape = false;
  for (const Pair& pair : tree.Dict(*state)) {
    if (!pair.first.IsText()) continue;
    const std::string_view key = pair.first.Text();
    if (key == "shape") {
      wrapper.shape.clear();
      shape = AppendSizes(tree, pair.second, &wrapper.shape);
    } else if (key == "order") {
      wrapper.fortran = pair.second.IsText() && pair.second.Text() == "F";
    } else if (key == "numpy_array_alignment_bytes") {
      wrapper.aligned = pair.second.Is(Kind::kInt);
    } else if (key == "dtype" && pair.second.Is(Kind::kObject)) {
      const Object& type = tree.ObjectOf(pair.second);
      auto args = tree.Sequence(type.args);
      if (args.empty() || !args[0].IsText()) return std::nullopt;
      wrapper.code = ParseNumpyCode(args[0].Text());
      wrapper.item_size = ItemSize(args[0].Text());
      wrapper.objects = args[0].Text().starts_with('O') || args[0].Text().starts_with("|O");
      auto facts = tree.StateItemsOf(type);
      if (facts.size() > 1 && facts[1].IsText() && facts[1].Text() == ">") wrapper.code.big_endian = true;
    }
  }
  return shape ? std::optional(std::move(wrapper)) : std::nullopt;
}

}  // namespace

std::optional<pickle::RawBytes> JoblibElements(const Tree& tree, Value object, std::span<const std::byte> rest) {
  if (!object.Is(Kind::kObject) || !IsWrapper(tree, tree.ObjectOf(object))) return std::nullopt;
  auto wrapper = ReadWrapper(tree, tree.ObjectOf(object));
  if (!wrapper) return std::nullopt;
  if (wrapper->objects) return pickle::RawBytes{.is_pickle = true};
  pickle::RawBytes raw;
  if (wrapper->aligned) raw.skip = 1 + (rest.empty() ? 0 : static_cast<uint64_t>(rest[0]));
  const auto numel = CheckedNumel(wrapper->shape);
  const auto length = numel ? CheckedMul<uint64_t>(static_cast<uint64_t>(*numel), wrapper->item_size) : std::nullopt;
  if (!length) return std::nullopt;
  raw.length = *length;
  return raw;
}

bool IsJoblibArray(const TorchPickle& file, const Object& object) {
  auto wrapper = IsWrapper(file.tree, object) ? ReadWrapper(file.tree, object) : std::nullopt;
  return wrapper && wrapper->code.dtype != DType::kUnknown;
}

std::optional<Tensor> ReadJoblibArray(const TorchPickle& file, ModelBuilder& builder, const Object& object,
                                      std::string_view where) {
  auto wrapper = ReadWrapper(file.tree, object);
  const auto index = static_cast<uint32_t>(&object - file.tree.objects().data());
  auto block = std::lower_bound(file.raw_blocks.begin(), file.raw_blocks.end(), index,
                                [](const pickle::RawBlock& b, uint32_t wanted) { return b.object < wanted; });
  if (!wrapper || wrapper->code.dtype == DType::kUnknown) return std::nullopt;
  const bool there = block != file.raw_blocks.end() && block->object == index && !block->is_pickle;
  TensorDraft draft{
      .shape = wrapper->shape, .dtype = wrapper->code.dtype, .device = "cpu", .class_name = "numpy.ndarray"};
  std::vector<int64_t> strides;
  if (wrapper->fortran) {
    int64_t step = 1;
    for (int64_t size : wrapper->shape) {
      strides.push_back(step);
      step = CheckedMul(step, std::max<int64_t>(size, 1)).value_or(INT64_MAX);
    }
    draft.strides = strides;
  }
  if (there) {
    Storage storage{.source = file.raw_source,
                    .offset = block->offset,
                    .nbytes = block->length,
                    .dtype = wrapper->code.dtype,
                    .key = "joblib",
                    .device = "cpu"};
    size_t width = Info(storage.dtype).item_size;
    if (Info(storage.dtype).kind == DTypeClass::kComplex) width /= 2;
    if (wrapper->code.big_endian && width > 1) {
      const ByteSource& bytes = *builder.model().sources[file.raw_source];
      const std::shared_ptr<const ByteSource> base(std::shared_ptr<void>(), &bytes);
      storage.source = builder.AddSource(
          OpenSwapped(OpenSlice(base, block->offset, block->length, base->name()), std::string(where), width));
      storage.offset = 0;
    }
    draft.storage = builder.AddStorage(storage);
  }
  return builder.Check(draft, where);
}

}  // namespace pthview
