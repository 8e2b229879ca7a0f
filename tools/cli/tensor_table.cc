#include "tools/cli/tensor_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/names/suggest.h"
#include "lib/base/ascii.h"
#include "lib/base/escape.h"
#include "lib/base/threads.h"
#include "lib/model/tied.h"

namespace pthview {
namespace {

// One line of the table, put together in place: there may be 50,000 of them.
class Line {
 public:
  void Clear() { size_ = 0; }
  std::string_view text() const { return {buffer_.data(), size_}; }

  void Text(std::string_view text) {
    Reserve(text.size());
    std::memcpy(buffer_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void Spaces(size_t count) {
    Reserve(count);
    std::memset(buffer_.data() + size_, ' ', count);
    size_ += count;
  }
  // `text`, whose width on a terminal is given, filled up to a column's width.
  void Left(std::string_view text, size_t width, size_t column) {
    Text(text);
    Fill(width, column);
  }
  void Left(std::string_view text, size_t column) { Left(text, text.size(), column); }
  // A number with commas, to the right of a column.
  void Number(uint64_t number, size_t column) {
    char digits[32];
    char* at = digits + sizeof(digits);
    for (int count = 0; count == 0 || number != 0; ++count) {
      if (count > 0 && count % 3 == 0) *--at = ',';
      *--at = static_cast<char>('0' + number % 10);
      number /= 10;
    }
    auto size = static_cast<size_t>(digits + sizeof(digits) - at);
    if (size < column) Spaces(column - size);
    Text({at, size});
  }
  void Shape(std::span<const int64_t> shape, size_t column) {
    size_t before = size_;
    Reserve(2 + shape.size() * 22);
    char* at = buffer_.data() + size_;
    *at++ = '[';
    for (size_t i = 0; i < shape.size(); ++i) {
      if (i > 0) {
        *at++ = ',';
        *at++ = ' ';
      }
      at = std::to_chars(at, at + 20, shape[i]).ptr;
    }
    *at++ = ']';
    size_ = static_cast<size_t>(at - buffer_.data());
    Fill(size_ - before, column);
  }

 private:
  void Fill(size_t width, size_t column) {
    if (column > 0) Spaces(width < column ? column - width : 2);
  }

  void Reserve(size_t more) {
    if (buffer_.size() - size_ < more) [[unlikely]]
      Grow(more);
  }
  [[gnu::noinline]] void Grow(size_t more) { buffer_.resize(std::max(buffer_.size() * 2, size_ + more)); }
  std::vector<char> buffer_ = std::vector<char>(4096);
  size_t size_ = 0;
};

// A cell that is wider moves what stands behind it, in its own row: a name of a megabyte would otherwise make every row
// as long.
constexpr size_t kWidestColumn = 160;

struct Widths {
  size_t name = 4;
  size_t dtype = 5;
  size_t shape = 5;
  size_t numel = 10;
  size_t bytes = 5;
  size_t device = 6;

  void Cover(const Widths& other) {
    name = std::max(name, std::min(other.name, kWidestColumn));
    dtype = std::max(dtype, other.dtype);
    shape = std::max(shape, std::min(other.shape, kWidestColumn));
    numel = std::max(numel, other.numel);
    bytes = std::max(bytes, other.bytes);
    device = std::max(device, other.device);
  }
};

size_t DigitsWithCommas(uint64_t number) {
  size_t digits = 1;
  while (number >= 10) {
    number /= 10;
    ++digits;
  }
  return digits + (digits - 1) / 3;
}

size_t ShapeWidth(std::span<const int64_t> shape) {
  size_t width = 2 + (shape.empty() ? 0 : 2 * (shape.size() - 1));
  char digits[24];
  for (int64_t size : shape)
    width += static_cast<size_t>(std::to_chars(digits, digits + sizeof(digits), size).ptr - digits);
  return width;
}

std::string_view DeviceOf(const Tensor& tensor) { return tensor.device.empty() ? "-" : tensor.device; }
std::string_view GradOf(const Tensor& tensor) {
  return !tensor.requires_grad ? "-" : *tensor.requires_grad ? "True" : "False";
}

TensorCount TotalsOf(const Model& model, const Selection& selection) {
  TensorCount totals;
  for (Index i : selection.tensors) totals.Add(model, model.tensors[i]);
  return totals;
}

// Makes room for the cells of one row.
void Widen(Widths& widths, const Model& model, const Selection& selection, size_t i) {
  const Tensor& tensor = model.tensors[selection.tensors[i]];
  std::string_view name = selection.NameOf(model, i);
  const auto width = [](std::string_view text) {
    return ascii::IsPrintable(text) ? text.size() : DisplayWidth(EscapeForTerminal(text));
  };
  widths.Cover({.name = width(name),
                .dtype = DTypeName(tensor.dtype).size(),
                .shape = ShapeWidth(tensor.shape),
                .numel = DigitsWithCommas(static_cast<uint64_t>(tensor.numel)),
                .bytes = DigitsWithCommas(StoredBytes(model, tensor)),
                .device = width(tensor.device)});
}

// One row, with its end of line.
void PutRow(Line& line, const Widths& widths, const Model& model, const Selection& selection, size_t i,
            std::span<const std::string> hashes) {
  const Tensor& tensor = model.tensors[selection.tensors[i]];
  line.Clear();
  std::string_view name = selection.NameOf(model, i);
  if (ascii::IsPrintable(name)) {
    line.Left(name, widths.name + 2);
  } else {
    std::string escaped = EscapeForTerminal(name);
    line.Left(escaped, DisplayWidth(escaped), widths.name + 2);
  }
  line.Left(DTypeName(tensor.dtype), widths.dtype + 2);
  line.Shape(tensor.shape, widths.shape + 2);
  line.Number(static_cast<uint64_t>(tensor.numel), widths.numel);
  line.Spaces(2);
  line.Number(StoredBytes(model, tensor), widths.bytes);
  line.Spaces(2);
  line.Left(KindName(tensor.kind), 11);
  std::string_view device = DeviceOf(tensor);
  if (ascii::IsPrintable(device)) {
    line.Left(device, widths.device + 2);
  } else {
    line.Left(EscapeForTerminal(device), widths.device + 2);
  }
  line.Left(GradOf(tensor), hashes.empty() ? 0 : 13);
  if (!hashes.empty()) line.Text("  " + (hashes[i].empty() ? std::string("-") : hashes[i]));
  if (tensor.layout != Layout::kDense) line.Text(fmt::format("  {}", LayoutName(tensor.layout)));
  if (tensor.data != DataState::kPresent) line.Text(fmt::format("  data: {}", DataStateName(tensor.data)));
  if (tensor.tied != kNone && tensor.tied != selection.tensors[i]) {  // many may be tied to one whose name is long
    const std::string_view path = model.tensors[tensor.tied].path;
    line.Text("  same as " + EscapeForTerminal(path.substr(0, kWidestColumn)) +
              (path.size() > kWidestColumn ? "..." : ""));
  }
  line.Text("\n");
}

// Rows that one thread puts together at a time; a batch of them, one for each core, is printed before the next.
constexpr size_t kRowsAtOnce = 4096;

}  // namespace

std::string ShapeText(std::span<const int64_t> shape) {
  Line line;
  line.Shape(shape, 0);
  return std::string(line.text());
}

void PrintTensorTable(Output& out, const Style& style, const Model& model, const Selection& selection,
                      std::span<const size_t> order, std::span<const std::string> hashes) {
  const size_t count = selection.tensors.size();
  std::vector<Widths> parts((count + kRowsAtOnce - 1) / kRowsAtOnce);
  TensorCount totals;
  ParallelFor(parts.size() + 1, [&](size_t which) {
    if (which == parts.size()) {
      totals = TotalsOf(model, selection);
      return;
    }
    const size_t end = std::min(count, (which + 1) * kRowsAtOnce);
    for (size_t i = which * kRowsAtOnce; i < end; ++i) Widen(parts[which], model, selection, i);
  });
  Widths widths;
  for (const Widths& part : parts) widths.Cover(part);
  widths.name = std::min<size_t>(widths.name, 120);
  widths.shape = std::min<size_t>(widths.shape, 60);
  out << style.Bold(fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {:<9}  {:<{}}  requires_grad{}", "name",
                                widths.name, "dtype", widths.dtype, "shape", widths.shape, "parameters", widths.numel,
                                "bytes", widths.bytes, "kind", "device", widths.device,
                                hashes.empty() ? "" : "  sha256"))
      << "\n";
  for (size_t begin = 0; begin < order.size();) {
    std::span<const size_t> rows = order.subspan(begin, std::min(order.size() - begin, kRowsAtOnce * Cores()));
    std::vector<std::string> texts((rows.size() + kRowsAtOnce - 1) / kRowsAtOnce);
    ParallelFor(texts.size(), [&](size_t which) {
      Line line;
      for (size_t i : rows.subspan(which * kRowsAtOnce, std::min(kRowsAtOnce, rows.size() - which * kRowsAtOnce))) {
        PutRow(line, widths, model, selection, i, hashes);
        texts[which] += line.text();
      }
    });
    for (const std::string& text : texts) out << text;
    begin += rows.size();
  }
  out << style.Bold(fmt::format("{} tensor{}, {} parameters, {}", WithCommas(selection.tensors.size()),
                                selection.tensors.size() == 1 ? "" : "s", WithCommas(totals.parameters()),
                                BytesText(totals.StorageBytes(model))))
      << "\n";
}

Result<RowLess> RowOrder(std::string_view column) {
  struct Row {
    std::string_view name;
    bool (*less)(const Tensor&, const Tensor&);
  };
  static constexpr Row kRows[] = {
      {"name", [](const Tensor& a, const Tensor& b) { return a.name < b.name; }},
      {"path", [](const Tensor& a, const Tensor& b) { return a.path < b.path; }},
      {"dtype", [](const Tensor& a, const Tensor& b) { return DTypeName(a.dtype) < DTypeName(b.dtype); }},
      {"shape",
       [](const Tensor& a, const Tensor& b) {
         return std::lexicographical_compare(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end());
       }},
      {"parameters", [](const Tensor& a, const Tensor& b) { return a.numel < b.numel; }},
      {"bytes", [](const Tensor& a, const Tensor& b) { return a.nbytes() < b.nbytes(); }},
      {"kind", [](const Tensor& a, const Tensor& b) { return KindName(a.kind) < KindName(b.kind); }},
      {"device", [](const Tensor& a, const Tensor& b) { return a.device < b.device; }},
      {"requires_grad", [](const Tensor& a, const Tensor& b) { return GradOf(a) < GradOf(b); }},
  };
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (row.name == column) return RowLess(row.less);
    names.push_back(row.name);
  }
  auto near = Suggest(column, names, 1);
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("--sort: there is no column '{}'", column),
               .hint = near.empty() ? "name, path, dtype, shape, parameters, bytes, kind, device or requires_grad"
                                    : "--sort " + near[0]};
}

}  // namespace pthview
