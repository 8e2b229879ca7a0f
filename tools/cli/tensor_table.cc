#include "tools/cli/tensor_table.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/analysis/suggest.h"
#include "lib/base/escape.h"

namespace pthview {
namespace {

// Each column is a width and a way to write one cell; names are measured, the others are narrow.
void Pad(std::string& line, size_t width, size_t to) {
  if (width < to) line.append(to - width, ' ');
}

void AppendShape(std::string& out, std::span<const int64_t> shape) {
  out += '[';
  char digits[24];
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), shape[i]).ptr);
  }
  out += ']';
}

// Names are nearly always printable ASCII, whose escaped form and width are themselves.
bool IsSimple(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

struct Widths {
  size_t name = 4;
  size_t dtype = 5;
  size_t shape = 5;
  size_t numel = 10;
  size_t bytes = 5;
  size_t device = 6;
};

size_t DigitsWithCommas(uint64_t number) {
  size_t digits = 1;
  while (number >= 10) {
    number /= 10;
    ++digits;
  }
  return digits + (digits - 1) / 3;
}

void AppendWithCommas(std::string& out, uint64_t number, size_t width) {
  char digits[24];
  size_t count = static_cast<size_t>(std::to_chars(digits, digits + sizeof(digits), number).ptr - digits);
  Pad(out, count + (count - 1) / 3, width);
  for (size_t i = 0; i < count; ++i) {
    if (i > 0 && (count - i) % 3 == 0) out += ',';
    out += digits[i];
  }
}

size_t ShapeWidth(std::span<const int64_t> shape) {
  size_t width = 2 + (shape.empty() ? 0 : 2 * (shape.size() - 1));
  char digits[24];
  for (int64_t size : shape) width += static_cast<size_t>(std::to_chars(digits, digits + sizeof(digits), size).ptr - digits);
  return width;
}

std::string_view DeviceOf(const Tensor& tensor) { return tensor.device.empty() ? "-" : tensor.device; }
std::string_view GradOf(const Tensor& tensor) { return !tensor.requires_grad ? "-" : *tensor.requires_grad ? "True" : "False"; }

struct Totals {
  uint64_t parameters = 0;
  uint64_t bytes = 0;
};

Totals TotalsOf(const Model& model, const Selection& selection) {
  Totals totals;
  std::unordered_set<Index> storages;
  storages.reserve(selection.tensors.size());
  for (Index i : selection.tensors) {
    const Tensor& tensor = model.tensors[i];
    if (tensor.same_as != kNone) continue;
    bool first = tensor.storage == kNone || storages.insert(tensor.storage).second;
    if (tensor.storage != kNone && model.storages[tensor.storage].source != kNone) {
      // A storage under many views counts once, whole.
      if (first) totals.bytes += model.storages[tensor.storage].nbytes;
    } else {
      totals.bytes += tensor.nbytes();
    }
    if (tensor.kind == TensorKind::kParameter) totals.parameters += static_cast<uint64_t>(tensor.numel);
  }
  return totals;
}

}  // namespace

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text;
  AppendShape(text, shape);
  return text;
}

void PrintTensorTable(Output& out, const Style& style, const Model& model, const Selection& selection,
                      std::span<const size_t> order, std::span<const std::string> hashes) {
  Widths widths;
  for (size_t i = 0; i < selection.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[selection.tensors[i]];
    std::string_view name = selection.NameOf(model, i);
    widths.name = std::max(widths.name, IsSimple(name) ? name.size() : DisplayWidth(EscapeForTerminal(name)));
    widths.dtype = std::max(widths.dtype, DTypeName(tensor.dtype).size());
    widths.shape = std::max(widths.shape, ShapeWidth(tensor.shape));
    widths.numel = std::max(widths.numel, DigitsWithCommas(static_cast<uint64_t>(tensor.numel)));
    widths.bytes = std::max(widths.bytes, DigitsWithCommas(tensor.nbytes()));
    widths.device = std::max(widths.device, IsSimple(tensor.device) ? tensor.device.size() : DisplayWidth(EscapeForTerminal(tensor.device)));
  }
  widths.name = std::min<size_t>(widths.name, 120);
  widths.shape = std::min<size_t>(widths.shape, 60);
  out << style.Bold(fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {:<9}  {:<{}}  requires_grad{}", "name", widths.name, "dtype",
                                widths.dtype, "shape", widths.shape, "parameters", widths.numel, "bytes", widths.bytes, "kind",
                                "device", widths.device, hashes.empty() ? "" : "  sha256"))
      << "\n";
  std::string& line = out.buffer();
  for (size_t i : order) {
    const Tensor& tensor = model.tensors[selection.tensors[i]];
    std::string_view name = selection.NameOf(model, i);
    if (IsSimple(name)) {
      line += name;
      Pad(line, name.size(), widths.name);
    } else {
      std::string escaped = EscapeForTerminal(name);
      line += escaped;
      Pad(line, DisplayWidth(escaped), widths.name);
    }
    line += "  ";
    std::string_view dtype = DTypeName(tensor.dtype);
    line += dtype;
    Pad(line, dtype.size(), widths.dtype + 2);
    size_t before = line.size();
    AppendShape(line, tensor.shape);
    Pad(line, line.size() - before, widths.shape);
    line += "  ";
    AppendWithCommas(line, static_cast<uint64_t>(tensor.numel), widths.numel);
    line += "  ";
    AppendWithCommas(line, tensor.nbytes(), widths.bytes);
    line += "  ";
    std::string_view kind = KindName(tensor.kind);
    line += kind;
    Pad(line, kind.size(), 11);
    std::string device = IsSimple(DeviceOf(tensor)) ? std::string(DeviceOf(tensor)) : EscapeForTerminal(DeviceOf(tensor));
    line += device;
    Pad(line, device.size(), widths.device + 2);
    std::string_view grad = GradOf(tensor);
    line += grad;
    if (tensor.layout != Layout::kDense) line += fmt::format("  {}", LayoutName(tensor.layout));
    if (tensor.data != DataState::kPresent) line += fmt::format("  data: {}", DataStateName(tensor.data));
    if (tensor.same_as != kNone) line += "  same as " + EscapeForTerminal(model.tensors[tensor.same_as].path);
    if (!hashes.empty()) {
      Pad(line, grad.size(), 13);
      line += "  " + (hashes[i].empty() ? std::string("-") : hashes[i]);
    }
    line += '\n';
    out.MaybeFlush();
  }
  Totals totals = TotalsOf(model, selection);
  out << style.Bold(fmt::format("{} tensor{}, {} parameters, {} bytes ({})", WithCommas(selection.tensors.size()),
                                selection.tensors.size() == 1 ? "" : "s", WithCommas(totals.parameters),
                                WithCommas(totals.bytes), HumanBytes(totals.bytes)))
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
      {"shape", [](const Tensor& a, const Tensor& b) {
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
               .hint = near.empty() ? "name, path, dtype, shape, parameters, bytes, kind, device or requires_grad" : "--sort " + near[0]};
}

}  // namespace pthview
