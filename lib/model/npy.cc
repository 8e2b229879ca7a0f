#include "lib/model/npy.h"

#include <optional>
#include <vector>

#include "lib/base/element.h"

namespace pthview {
namespace {

struct NpyType {
  DType dtype;
  const char* descr;
};

constexpr NpyType kNpyTypes[] = {
    {DType::kBool, "|b1"},      {DType::kUint8, "|u1"},       {DType::kInt8, "|i1"},    {DType::kInt16, "<i2"},
    {DType::kInt32, "<i4"},     {DType::kInt64, "<i8"},       {DType::kUint16, "<u2"},  {DType::kUint32, "<u4"},
    {DType::kUint64, "<u8"},    {DType::kFloat16, "<f2"},     {DType::kFloat32, "<f4"}, {DType::kFloat64, "<f8"},
    {DType::kComplex64, "<c8"}, {DType::kComplex128, "<c16"},
};

// Every value of these is one of float32.
constexpr DType kWidened[] = {DType::kBFloat16,       DType::kFloat8E4M3FN,   DType::kFloat8E5M2,
                              DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2FNUZ, DType::kFloat8E8M0FNU};

bool IsWidened(DType dtype) {
  for (DType widened : kWidened) {
    if (widened == dtype) return true;
  }
  return false;
}

const char* DescrOf(DType dtype) {
  if (IsWidened(dtype)) return "<f4";
  for (const NpyType& row : kNpyTypes) {
    if (row.dtype == dtype) return row.descr;
  }
  return nullptr;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace

Result<NpyFile> DescribeNpy(const Tensor& tensor) {
  if (tensor.data != DataState::kPresent) {
    return Error{.code = ErrorCode::kNotFound, .message = "the file does not hold its values"};
  }
  const char* descr = DescrOf(tensor.dtype);
  if (!descr || tensor.layout != Layout::kDense) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = "NumPy has no array for " +
                   std::string(tensor.layout == Layout::kDense ? DTypeName(tensor.dtype) : LayoutName(tensor.layout))};
  }
  NpyFile file;
  file.widened = IsWidened(tensor.dtype);
  std::optional<uint64_t> nbytes = BytesFor(file.widened ? DType::kFloat32 : tensor.dtype, tensor.numel);
  if (!nbytes) return Error{.code = ErrorCode::kLimit, .message = "it has more elements than a file can hold"};
  file.nbytes = *nbytes;
  // magic "\x93NUMPY" | major, minor | length of the dictionary: 2 bytes (1.0) or 4 (2.0) | dictionary, spaces, '\n'
  // All of it is a multiple of 64 bytes long.
  std::string dictionary =
      std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': " + ShapeText(tensor.shape) + ", }";
  size_t field = dictionary.size() + 64 + 10 < 65536 ? 2 : 4;
  size_t head = 8 + field;
  dictionary.append((64 - (head + dictionary.size() + 1) % 64) % 64, ' ');
  dictionary += '\n';
  file.header = std::string("\x93NUMPY", 6) + static_cast<char>(field == 2 ? 1 : 2) + '\0';
  for (size_t i = 0; i < field; ++i) file.header += static_cast<char>(dictionary.size() >> (8 * i) & 0xFF);
  file.header += dictionary;
  return file;
}

Status WriteNpyValues(const Model& model, const Tensor& tensor, const BlockFunction& write) {
  if (tensor.numel == 0) return Ok();
  if (!IsWidened(tensor.dtype)) return ForEachBlock(model, tensor, write);
  std::vector<double> decoded;
  std::vector<float> floats;
  return ForEachBlock(model, tensor, [&](std::span<const std::byte> bytes) -> Status {
    size_t count = bytes.size() / Info(tensor.dtype).item_size;
    decoded.resize(count);
    DecodeToDouble(tensor.dtype, bytes.data(), count, decoded.data());
    floats.assign(decoded.begin(), decoded.end());
    return write(std::as_bytes(std::span(floats)));
  });
}

}  // namespace pthview
