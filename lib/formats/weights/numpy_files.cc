// NumPy's own files: an array (.npy), and several in a zip archive (.npz), each under its record's name without .npy.
// Arrays of objects are pickles, and are opened as such. Source: numpy/lib/format.py, numpy/lib/npyio.py.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/container/record_source.h"
#include "lib/container/slice_source.h"
#include "lib/formats/common/numpy_dtype.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/weights/npy_header.h"
#include "lib/model/merge.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr std::string_view kExtension = ".npy";
constexpr std::string_view kMagic = "\x93NUMPY";

class Reader {
 public:
  Reader(ModelBuilder& builder, const OpenContext& context, const OpenOptions& options)
      : builder_(builder), path_(context.path), options_(options), inside_(context.open_inside), depth_(context.depth) {
    builder_.model().parts.push_back({.kind = PartKind::kModel});
  }

  // The array that begins at byte `begin` of the builder's source `source` and takes at most `length` bytes; it is
  // called `name` ("" for a file of one array).
  Status Add(Index source, uint64_t begin, uint64_t length, std::string_view name) {
    const ByteSource& bytes = *builder_.model().sources[source];
    PTHVIEW_ASSIGN(NpyHeader header, ReadNpyHeader(bytes, begin));
    std::string path;
    if (!name.empty()) AppendTextKey(path, name);
    if (header.data > length) return Error{.code = ErrorCode::kTruncated, .message = "the array ends in its header"};
    if (header.objects) return AddObjects(bytes, begin + header.data, length - header.data, name, path);
    const NumpyCode code = ParseNumpyCode(header.descr);
    if (code.dtype == DType::kUnknown) {
      builder_.Note(Severity::kWarning, "npy-dtype", path,
                    fmt::format("elements of type {} are no numbers that a tensor could hold; only the shape is shown",
                                EscapeName(header.descr.substr(0, 200))));
    }
    TensorDraft draft{.shape = header.shape, .dtype = code.dtype, .device = "cpu", .class_name = "numpy.ndarray"};
    std::vector<int64_t> strides;
    if (header.fortran_order) {
      int64_t step = 1;
      for (int64_t size : header.shape) {
        strides.push_back(step);
        step = CheckedMul(step, std::max<int64_t>(size, 1)).value_or(INT64_MAX);
      }
      draft.strides = strides;
    }
    if (code.dtype != DType::kUnknown) {
      const uint64_t all = BytesFor(code.dtype, CheckedNumel(header.shape).value_or(-1)).value_or(UINT64_MAX);
      draft.storage = Place(source, begin + header.data, std::min(all, length - header.data), code, path);
    }
    Tensor tensor = builder_.Check(draft, path);
    tensor.path = tensor.name = builder_.arena().Copy(path);
    tensor.part = 0;
    tensor.kind = TensorKind::kState;
    builder_.AddTensor(tensor);
    return Ok();
  }

 private:
  Index Place(Index source, uint64_t begin, uint64_t length, const NumpyCode& code, std::string_view path) {
    Storage storage{
        .source = source, .offset = begin, .nbytes = length, .dtype = code.dtype, .key = builder_.arena().Copy(path)};
    size_t width = Info(code.dtype).item_size;
    if (Info(code.dtype).kind == DTypeClass::kComplex) width /= 2;
    if (code.big_endian && width > 1) {
      const std::shared_ptr<const ByteSource> base(std::shared_ptr<void>(), builder_.model().sources[source].get());
      storage.source =
          builder_.AddSource(OpenSwapped(OpenSlice(base, begin, length, base->name()), std::string(path), width));
      storage.offset = 0;
    }
    return builder_.AddStorage(storage);
  }

  Status AddObjects(const ByteSource& bytes, uint64_t begin, uint64_t length, std::string_view name,
                    std::string_view path) {
    const std::shared_ptr<const ByteSource> base(std::shared_ptr<void>(), &bytes);
    auto model = inside_(path_, OpenSlice(base, begin, length, base->name()), options_, depth_ + 1);
    if (!model) return std::move(model).error();
    builder_.Note(Severity::kInfo, "npy-objects", path,
                  "an array of objects: its elements are a pickle, which is listed");
    Merge(builder_, std::move(*model), {.step = name});
    return Ok();
  }

  ModelBuilder& builder_;
  std::string path_;
  const OpenOptions& options_;
  InsideOpener inside_;
  int depth_;
};

int MatchNpy(const OpenContext& context) {
  const std::string_view head(reinterpret_cast<const char*>(context.head.data()), context.head.size());
  return head.starts_with(kMagic) ? 90 : 0;
}

Result<Model> OpenNpy(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  const uint64_t size = context.source->size();
  Index source = builder.AddSource(std::move(context.source));
  Reader reader(builder, context, options);
  PTHVIEW_TRY(reader.Add(source, 0, size, ""));
  builder.model().format_text = "NumPy array";
  return std::move(builder).Finish();
}

int MatchNpz(const OpenContext& context) {
  if (context.zip == nullptr || context.zip->records().empty()) return 0;
  const auto& records = context.zip->records();
  return std::all_of(records.begin(), records.end(), [](const ZipRecord& r) { return r.name.ends_with(kExtension); })
             ? 70
             : 0;
}

Result<Model> OpenNpz(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  Index source = builder.AddSource(std::move(context.source));
  Reader reader(builder, context, options);
  const ByteSource& bytes = *builder.model().sources[source];
  auto allowance = AllowanceOf(bytes);
  for (const ZipRecord& record : context.zip->records()) {
    const std::string_view name = record.name.substr(0, record.name.size() - kExtension.size());
    Status added = Ok();
    if (!record.readable) {
      added = Error{.code = ErrorCode::kCorrupt, .message = "its bytes cannot be read"};
    } else if (record.method == 0) {
      added = reader.Add(source, record.offset, record.size, name);
    } else if (added = allowance->Take(record.size, ""); added) {
      added = reader.Add(builder.AddSource(OpenRecord(bytes, record)), 0, record.size, name);
    }
    if (!added) builder.Note(Severity::kError, "npz-array", EscapeName(record.name), added.error().message);
  }
  builder.model().format_text = fmt::format("NumPy archive of {} arrays", context.zip->records().size());
  return std::move(builder).Finish();
}

}  // namespace

const Format kNpy = {"npy", "NumPy array (.npy)", MatchNpy, OpenNpy};
const Format kNpz = {"npz", "NumPy arrays in a zip archive (.npz)", MatchNpz, OpenNpz};

}  // namespace pthview
