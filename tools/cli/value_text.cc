#include "tools/cli/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "lib/base/element.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

constexpr int64_t kShownInFull = 1000;
constexpr int64_t kEdge = 3;
constexpr size_t kMaxRank = 8;  // beyond it the layout helps nobody: the first values are shown flat
constexpr size_t kLineWidth = 100;

// Turns stored elements into text, applying scale and zero point.
class ElementPrinter {
 public:
  static Result<ElementPrinter> For(const Model& model, const Tensor& tensor) {
    ElementPrinter printer;
    printer.dtype_ = tensor.dtype;
    if (tensor.quantization == kNone) return printer;
    const Quantization& q = model.quantizations[tensor.quantization];
    printer.quantized_ = true;
    if (!q.per_channel) {
      printer.scales_ = {q.scale};
      printer.zero_points_ = {static_cast<double>(q.zero_point)};
      return printer;
    }
    printer.axis_ = q.axis;
    PTHVIEW_ASSIGN(printer.scales_, Doubles(model, model.components[q.scales]));
    PTHVIEW_ASSIGN(printer.zero_points_, Doubles(model, model.components[q.zero_points]));
    return printer;
  }

  // The tensor's dimension along which scales differ; -1: one for all.
  int64_t axis() const { return axis_; }

  std::string Text(const std::byte* at, int64_t channel) const {
    std::string text;
    if (!quantized_) {
      AppendElement(text, dtype_, at);
      return text;
    }
    double code = 0;
    DecodeToDouble(dtype_, at, 1, &code);
    auto c = static_cast<size_t>(channel);
    double value = (code - zero_points_[c]) * scales_[c];
    AppendElement(text, DType::kFloat32, reinterpret_cast<const std::byte*>(&(single_ = static_cast<float>(value))));
    return text;
  }

 private:
  static Result<std::vector<double>> Doubles(const Model& model, const Tensor& tensor) {
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(model, tensor, 0, tensor.numel));
    std::vector<double> values(static_cast<size_t>(tensor.numel));
    DecodeToDouble(tensor.dtype, bytes.data(), values.size(), values.data());
    return values;
  }

  DType dtype_ = DType::kUnknown;
  bool quantized_ = false;
  int64_t axis_ = -1;
  std::vector<double> scales_;
  std::vector<double> zero_points_;
  mutable float single_ = 0;
};

// Where a packed type's unpacked element is one byte, as ReadElements gives it.
size_t ElementSize(DType dtype) { return Info(dtype).item_size; }

class Layouter {
 public:
  Layouter(const Model& model, const TensorWindow& window, const ElementPrinter& printer)
      : model_(model), window_(window), printer_(printer), full_(window.tensor.numel <= kShownInFull) {
    index_ = window.starts;
  }

  Result<std::string> Run() {
    PTHVIEW_TRY(Dimension(0, window_.tensor.offset));
    return Aligned();
  }

 private:
  // Indices of a dimension that are shown; -1 stands for the gap.
  std::vector<int64_t> Shown(int64_t size) const {
    std::vector<int64_t> shown;
    for (int64_t i = 0; i < size; ++i) {
      if (!full_ && size > 2 * kEdge && i == kEdge) {
        shown.push_back(-1);
        i = size - kEdge;
      }
      shown.push_back(i);
    }
    return shown;
  }

  // Recurses once a dimension, at most kMaxRank deep.
  Status Dimension(size_t d, int64_t offset) {
    size_t rank = window_.shape.size();
    if (d + 1 >= rank) return Row(d, offset);
    auto axis = static_cast<size_t>(window_.axes[d]);
    Add("[");
    bool first = true;
    for (int64_t i : Shown(window_.shape[d])) {
      if (!first) NewLine(d);
      first = false;
      if (i < 0) {
        Add("...");
        continue;
      }
      index_[axis] = window_.starts[axis] + i * window_.steps[axis];
      PTHVIEW_TRY(Dimension(d + 1, offset + i * window_.strides[d]));
    }
    Add("]");
    return Ok();
  }

  Status Row(size_t d, int64_t offset) {
    bool scalar = window_.shape.empty();
    int64_t size = scalar ? 1 : window_.shape[d];
    int64_t step = scalar ? 1 : window_.strides[d];
    if (!scalar) Add("[");
    bool first = true;
    for (int64_t i : Shown(size)) {
      if (!first) Add(" ");
      first = false;
      if (i < 0) {
        Add("...");
        continue;
      }
      Tensor one = window_.tensor;
      one.shape = {};
      one.strides = {};
      one.numel = 1;
      one.offset = offset + i * step;
      one.contiguous = true;
      PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(model_, one, 0, 1));
      if (bytes.size() < ElementSize(one.dtype)) return Error{.message = "a value is missing"};
      int64_t channel = 0;
      if (printer_.axis() >= 0) {
        auto axis = static_cast<size_t>(printer_.axis());
        bool along = !scalar && window_.axes[d] == printer_.axis();
        channel = along ? window_.starts[axis] + i * window_.steps[axis] : index_[axis];
      }
      texts_.push_back(printer_.Text(bytes.data(), channel));
      pieces_.push_back(-static_cast<int64_t>(texts_.size()));
    }
    if (!scalar) Add("]");
    return Ok();
  }

  // The layout is a list of pieces: literal texts, and values whose width is known only at the end.
  void Add(std::string_view text) {
    literals_.emplace_back(text);
    pieces_.push_back(static_cast<int64_t>(literals_.size()));
  }
  void NewLine(size_t d) {
    size_t blank = window_.shape.size() - d >= 3 ? 2 : 1;
    Add(std::string(blank, '\n') + std::string(d + 1, ' '));
  }

  std::string Aligned() const {
    size_t width = 0;
    for (const std::string& text : texts_) width = std::max(width, text.size());
    std::string out;
    size_t line = 0;
    for (int64_t piece : pieces_) {
      if (piece > 0) {
        const std::string& text = literals_[static_cast<size_t>(piece - 1)];
        out += text;
        size_t newline = text.rfind('\n');
        line = newline == std::string::npos ? line + text.size() : text.size() - newline - 1;
        continue;
      }
      const std::string& text = texts_[static_cast<size_t>(-piece - 1)];
      if (line + width > kLineWidth && line > window_.shape.size()) {
        while (out.ends_with(' ')) out.pop_back();
        out += "\n" + std::string(window_.shape.size(), ' ');
        line = window_.shape.size();
      }
      out.append(width - text.size(), ' ');
      out += text;
      line += width;
    }
    return out;
  }

  const Model& model_;
  const TensorWindow& window_;
  const ElementPrinter& printer_;
  bool full_;
  std::vector<int64_t> index_;  // of the element at hand, in the tensor's dimensions
  std::vector<std::string> literals_;
  std::vector<std::string> texts_;
  std::vector<int64_t> pieces_;  // >0: literal; <0: value
};

}  // namespace

Result<std::string> ValuesText(const Model& model, const TensorWindow& window) {
  if (window.tensor.numel == 0) return std::string("[]");
  if (window.shape.size() > kMaxRank) {
    PTHVIEW_ASSIGN(std::vector<std::string> values, FlatValues(model, window, 20));
    return fmt::format("{}{}", fmt::join(values, " "), window.tensor.numel > 20 ? " ..." : "");
  }
  PTHVIEW_ASSIGN(ElementPrinter printer, ElementPrinter::For(model, window.tensor));
  return Layouter(model, window, printer).Run();
}

Result<std::vector<std::string>> FlatValues(const Model& model, const TensorWindow& window, int64_t limit) {
  PTHVIEW_ASSIGN(ElementPrinter printer, ElementPrinter::For(model, window.tensor));
  int64_t count = std::min(limit, window.tensor.numel);
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, ReadElements(model, window.tensor, 0, count));
  std::vector<std::string> values;
  size_t step = ElementSize(window.tensor.dtype);
  // How many elements go by before the channel changes, and how the channel is found.
  int64_t inner = 1;
  int64_t channels = 1;
  size_t axis = 0;
  bool varies = false;
  for (size_t d = window.shape.size(); d-- > 0;) {
    if (window.axes[d] == printer.axis()) {
      channels = window.shape[d];
      axis = static_cast<size_t>(window.axes[d]);
      varies = true;
      break;
    }
    inner *= window.shape[d];
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t channel = 0;
    if (printer.axis() >= 0) {
      auto fixed = static_cast<size_t>(printer.axis());
      channel = varies ? window.starts[axis] + (i / inner % channels) * window.steps[axis] : window.starts[fixed];
    }
    values.push_back(printer.Text(bytes.data() + static_cast<size_t>(i) * step, channel));
  }
  return values;
}

}  // namespace pthview
