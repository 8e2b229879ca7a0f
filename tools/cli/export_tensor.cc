#include "tools/cli/export_tensor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include "lib/analysis/statistics/value_reader.h"
#include "lib/base/element.h"
#include "lib/base/json.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

using Sink = std::function<Status(std::span<const std::byte>)>;

constexpr std::pair<std::string_view, ExportFormat> kExtensions[] = {{".npy", ExportFormat::kNpy},
                                                                     {".npz", ExportFormat::kNpz},
                                                                     {".csv", ExportFormat::kCsv},
                                                                     {".safetensors", ExportFormat::kSafetensors}};

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

// Appends a little-endian number.
template <typename T>
void Append(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

bool IsQuantized(const Tensor& tensor) {
  return Info(tensor.dtype).kind == DTypeClass::kQuantized && tensor.quantization != kNone;
}

// The type that is written for a tensor in NumPy's files; kUnknown: none.
DType NumpyType(const Tensor& tensor) {
  if (IsQuantized(tensor)) return DType::kFloat32;
  if (!Info(tensor.dtype).numpy.empty()) return tensor.dtype;
  switch (Info(tensor.dtype).kind) {
    case DTypeClass::kFloat: return DType::kFloat32;
    case DTypeClass::kQuantized: return DType::kUint8;
    case DTypeClass::kComplex: return DType::kComplex64;
    default: return DType::kUnknown;
  }
}

// All elements in row-major order as `written`, which is the tensor's own type or what NumpyType() has for it.
Status WriteValues(const ExportedTensor& item, DType written, const Sink& sink) {
  const Tensor& tensor = *item.tensor;
  const bool packed = Info(tensor.dtype).items_per_byte > 1;
  if (written == tensor.dtype || (packed && written == DType::kUint8)) {
    return ForEachBlock(*item.model, tensor, [&](std::span<const std::byte> block) { return sink(block); });
  }
  if (written == DType::kComplex64) {  // from complex32
    return ForEachBlock(*item.model, tensor, [&](std::span<const std::byte> block) {
      std::vector<double> wide(block.size() / 2);
      DecodeToDouble(DType::kFloat16, block.data(), wide.size(), wide.data());
      std::vector<float> floats(wide.begin(), wide.end());
      return sink(std::as_bytes(std::span(floats)));
    });
  }
  PTHVIEW_ASSIGN(ValueReader reader, ValueReader::OpenAll(*item.model, tensor));
  Status status = Ok();
  PTHVIEW_TRY(reader.Read(0, reader.count(), [&](const ValueBlock& block) {
    std::vector<float> floats(block.floats.begin(), block.floats.end());
    floats.insert(floats.end(), block.doubles.begin(), block.doubles.end());
    if (status) status = sink(std::as_bytes(std::span(floats)));
  }));
  return status;
}

// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
//   "\x93NUMPY" | 1 | 0 | length of what follows, u16 | "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
//   spaces so that the values begin at a multiple of 64 | "\n"
std::string NpyHeader(DType dtype, std::span<const int64_t> shape) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", Info(dtype).numpy,
                                 fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  size_t whole = (10 + text.size() + 1 + 63) / 64 * 64;
  text.append(whole - 10 - text.size() - 1, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  Append(header, static_cast<uint16_t>(text.size()));
  return header + text;
}

// The shape as NumPy sees it: pairs of float4 are two numbers in its last dimension.
std::vector<int64_t> WrittenShape(const Tensor& tensor) {
  std::vector<int64_t> shape(tensor.shape.begin(), tensor.shape.end());
  if (ValuesPerElement(tensor.dtype) == 2) {
    if (shape.empty()) shape.push_back(1);
    shape.back() *= 2;
  }
  return shape;
}

Result<DType> NumpyTypeOrError(const ExportedTensor& item, std::vector<std::string>* notes) {
  DType dtype = NumpyType(*item.tensor);
  if (dtype == DType::kUnknown) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = fmt::format("tensor '{}' is {}, which NumPy has no type for", item.name,
                                        DTypeName(item.tensor->dtype))};
  }
  if (dtype != item.tensor->dtype) {
    notes->push_back(fmt::format("{}: {} is written as {}{}", item.name, DTypeName(item.tensor->dtype),
                                 DTypeName(dtype), IsQuantized(*item.tensor) ? ", dequantized" : ""));
  }
  return dtype;
}

Status WriteNpy(const ExportedTensor& item, const Sink& sink, std::vector<std::string>* notes) {
  PTHVIEW_ASSIGN(DType dtype, NumpyTypeOrError(item, notes));
  PTHVIEW_TRY(sink(BytesOf(NpyHeader(dtype, WrittenShape(*item.tensor)))));
  return WriteValues(item, dtype, sink);
}

// One line a row: the last dimension's values; dimensions before it follow each other. 1-D: one value a line.
Status WriteCsv(const ExportedTensor& item, const Sink& sink, std::vector<std::string>* notes) {
  const Tensor& tensor = *item.tensor;
  DType dtype = tensor.dtype;
  if (IsQuantized(tensor)) {
    dtype = DType::kFloat32;
    notes->push_back(fmt::format("{}: quantized values are written dequantized", item.name));
  } else {
    dtype = BlockDType(dtype);
  }
  if (ValuesPerElement(dtype) == 2) dtype = DType::kFloat32;
  const size_t size = Info(dtype).item_size;
  if (size == 0) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = fmt::format("tensor '{}' is {}, which has no values", item.name, DTypeName(tensor.dtype))};
  }
  std::vector<int64_t> shape = WrittenShape(tensor);
  const int64_t row = shape.size() < 2 ? 1 : std::max<int64_t>(shape.back(), 1);
  int64_t column = 0;
  return WriteValues(item, dtype, [&](std::span<const std::byte> block) {
    std::string text;
    for (size_t at = 0; at + size <= block.size(); at += size) {
      if (dtype == DType::kBool) {
        text += block[at] == std::byte{0} ? '0' : '1';
      } else {
        AppendElement(text, dtype, block.data() + at);
      }
      column = (column + 1) % row;
      text += column == 0 ? '\n' : ',';
    }
    return sink(BytesOf(text));
  });
}

// APPNOTE 6.3: a stored record with its sizes behind it (bit 3), all in 64 bits so that no size matters.
//   local header | name | extra (zip64) | bytes | descriptor: signature, crc, size u64, size u64
class NpzWriter {
 public:
  explicit NpzWriter(OutputFile& out) : out_(out) {}

  Status Add(const ExportedTensor& item, std::vector<std::string>* notes) {
    std::string name = item.name.empty() ? "arr_0" : item.name;
    for (char& c : name) {
      if (c == '/' || c == '\\' || c == '\0') c = '_';
    }
    if (int again = seen_[name]++; again > 0) name += fmt::format("_{}", again);
    name += ".npy";
    Entry entry{.name = name, .at = out_.position()};
    PTHVIEW_TRY(out_.Write(LocalHeader(name)));
    auto crc = crc32(0, nullptr, 0);
    PTHVIEW_TRY(WriteNpy(
        item,
        [&](std::span<const std::byte> bytes) {
          crc = crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
          entry.size += bytes.size();
          return out_.Write(bytes);
        },
        notes));
    entry.crc = static_cast<uint32_t>(crc);
    std::string descriptor;
    Append(descriptor, uint32_t{0x08074b50});
    Append(descriptor, entry.crc);
    Append(descriptor, entry.size);
    Append(descriptor, entry.size);
    entries_.push_back(std::move(entry));
    return out_.Write(descriptor);
  }

  // The central directory; its end in 64 bits, then in 32 for those that look for it.
  Status Finish() {
    const uint64_t start = out_.position();
    for (const Entry& entry : entries_) PTHVIEW_TRY(out_.Write(CentralHeader(entry)));
    const uint64_t size = out_.position() - start;
    const uint64_t end = out_.position();
    std::string text;
    Append(text, uint32_t{0x06064b50});
    Append(text, uint64_t{44});
    Append(text, uint16_t{45});
    Append(text, uint16_t{45});
    Append(text, uint32_t{0});
    Append(text, uint32_t{0});
    Append(text, uint64_t{entries_.size()});
    Append(text, uint64_t{entries_.size()});
    Append(text, size);
    Append(text, start);
    Append(text, uint32_t{0x07064b50});
    Append(text, uint32_t{0});
    Append(text, end);
    Append(text, uint32_t{1});
    Append(text, uint32_t{0x06054b50});
    Append(text, uint32_t{0});  // disks
    Append(text, uint16_t{0xffff});
    Append(text, uint16_t{0xffff});
    Append(text, uint32_t{0xffffffff});
    Append(text, uint32_t{0xffffffff});
    Append(text, uint16_t{0});
    return out_.Write(text);
  }

 private:
  struct Entry {
    std::string name;
    uint64_t at = 0;
    uint64_t size = 0;
    uint32_t crc = 0;
  };

  static constexpr uint16_t kFlags = 1 << 3 | 1 << 11;  // sizes behind the bytes; names in UTF-8
  static constexpr uint16_t kDosDay = 1 << 5 | 1;       // 1980-01-01: the same bytes for the same values

  static std::string LocalHeader(const std::string& name) {
    std::string text;
    Append(text, uint32_t{0x04034b50});
    Append(text, uint16_t{45});
    Append(text, kFlags);
    Append(text, uint16_t{0});  // stored
    Append(text, uint16_t{0});
    Append(text, kDosDay);
    Append(text, uint32_t{0});           // crc: behind
    Append(text, uint32_t{0xffffffff});  // sizes: in the extra field, and behind
    Append(text, uint32_t{0xffffffff});
    Append(text, static_cast<uint16_t>(name.size()));
    Append(text, uint16_t{20});
    text += name;
    Append(text, uint16_t{1});
    Append(text, uint16_t{16});
    Append(text, uint64_t{0});
    Append(text, uint64_t{0});
    return text;
  }

  static std::string CentralHeader(const Entry& entry) {
    std::string text;
    Append(text, uint32_t{0x02014b50});
    Append(text, uint16_t{45});
    Append(text, uint16_t{45});
    Append(text, kFlags);
    Append(text, uint16_t{0});
    Append(text, uint16_t{0});
    Append(text, kDosDay);
    Append(text, entry.crc);
    Append(text, uint32_t{0xffffffff});
    Append(text, uint32_t{0xffffffff});
    Append(text, static_cast<uint16_t>(entry.name.size()));
    Append(text, uint16_t{28});
    Append(text, uint16_t{0});  // comment
    Append(text, uint16_t{0});  // disk
    Append(text, uint16_t{0});
    Append(text, uint32_t{0});
    Append(text, uint32_t{0xffffffff});
    text += entry.name;
    Append(text, uint16_t{1});
    Append(text, uint16_t{24});
    Append(text, entry.size);
    Append(text, entry.size);
    Append(text, entry.at);
    return text;
  }

  OutputFile& out_;
  std::vector<Entry> entries_;
  std::map<std::string, int> seen_;
};

// length of the header, u64 | {"name": {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, ...}, spaces to
// a multiple of 8 | bytes
Status WriteSafetensors(std::span<const ExportedTensor> tensors, OutputFile& out) {
  std::string header;
  JsonWriter json(&header);
  json.BeginObject();
  uint64_t at = 0;
  std::map<std::string_view, bool> seen;
  for (const ExportedTensor& item : tensors) {
    const DTypeInfo& info = Info(item.tensor->dtype);
    if (info.safetensors.empty() || info.items_per_byte != 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = fmt::format("tensor '{}' is {}, which safetensors cannot hold", item.name, info.name)};
    }
    if (!seen.try_emplace(item.name, true).second) {
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("two tensors are called '{}'", item.name),
                   .hint = "--part chooses one"};
    }
    json.Key(item.name).BeginObject().Key("dtype").String(info.safetensors).Key("shape").BeginArray();
    for (int64_t size : item.tensor->shape) json.Int(size);
    json.EndArray().Key("data_offsets").BeginArray().Uint(at);
    at += item.tensor->nbytes();
    json.Uint(at).EndArray().EndObject();
  }
  json.EndObject();
  header.append((8 - header.size() % 8) % 8, ' ');
  std::string length;
  Append(length, static_cast<uint64_t>(header.size()));
  PTHVIEW_TRY(out.Write(length));
  PTHVIEW_TRY(out.Write(header));
  for (const ExportedTensor& item : tensors) {
    PTHVIEW_TRY(
        WriteValues(item, item.tensor->dtype, [&](std::span<const std::byte> bytes) { return out.Write(bytes); }));
  }
  return Ok();
}

}  // namespace

Result<ExportFormat> ExportFormatOf(std::string_view output) {
  for (const auto& [extension, format] : kExtensions) {
    if (output.ends_with(extension)) return format;
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("what to write cannot be told from '{}'", output),
               .hint = "end it with .npy, .npz, .csv or .safetensors"};
}

Status ExportTensors(std::span<const ExportedTensor> tensors, ExportFormat format, OutputFile& out,
                     std::vector<std::string>* notes) {
  auto sink = [&](std::span<const std::byte> bytes) { return out.Write(bytes); };
  bool single = format == ExportFormat::kNpy || format == ExportFormat::kCsv;
  if (single && tensors.size() != 1) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("one tensor fits into such a file, not {}", tensors.size()),
                 .hint = ".npz and .safetensors hold several"};
  }
  switch (format) {
    case ExportFormat::kNpy: return WriteNpy(tensors[0], sink, notes);
    case ExportFormat::kCsv: return WriteCsv(tensors[0], sink, notes);
    case ExportFormat::kSafetensors: return WriteSafetensors(tensors, out);
    case ExportFormat::kNpz: break;
  }
  NpzWriter npz(out);
  for (const ExportedTensor& item : tensors) PTHVIEW_TRY(npz.Add(item, notes));
  return npz.Finish();
}

}  // namespace pthview
