#include "tools/cli/slice.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace pthview {
namespace {

struct Item {
  bool is_index = false;
  bool is_ellipsis = false;
  std::optional<int64_t> start, stop, step;
};

Error Bad(std::string_view text, std::string message) {
  return Error{
      .code = ErrorCode::kUsage, .message = fmt::format("--slice {}: {}", text, message), .hint = "--slice 0,:,3:5"};
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> pieces;
  for (size_t from = 0;;) {
    size_t to = text.find(at, from);
    pieces.push_back(Trim(text.substr(from, to - from)));
    if (to == std::string_view::npos) return pieces;
    from = to + 1;
  }
}

bool ParseInt(std::string_view text, int64_t* out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

Result<Item> ParseItem(std::string_view whole, std::string_view text) {
  Item item;
  if (text == "...") {
    item.is_ellipsis = true;
    return item;
  }
  auto pieces = Split(text, ':');
  if (pieces.size() > 3) return Bad(whole, fmt::format("'{}' has too many colons", text));
  std::optional<int64_t>* fields[] = {&item.start, &item.stop, &item.step};
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].empty() && pieces.size() > 1) continue;
    int64_t number = 0;
    if (!ParseInt(pieces[i], &number)) return Bad(whole, fmt::format("'{}' is neither an index nor a slice", text));
    *fields[i] = number;
  }
  item.is_index = pieces.size() == 1;
  if (item.step && *item.step <= 0) return Bad(whole, "steps must be positive");
  return item;
}

int64_t Clip(int64_t at, int64_t size) {
  if (at < 0) at += size;
  return std::clamp<int64_t>(at, 0, size);
}

}  // namespace

void TensorWindow::Bind() {
  tensor.shape = shape;
  tensor.strides = strides;
}

Result<TensorWindow> SliceTensor(const Tensor& tensor, std::string_view text) {
  std::vector<Item> items;
  std::string_view inner = Trim(text);
  if (inner.starts_with('[') && inner.ends_with(']')) inner = Trim(inner.substr(1, inner.size() - 2));
  if (!inner.empty()) {
    for (std::string_view piece : Split(inner, ',')) {
      PTHVIEW_ASSIGN(Item item, ParseItem(text, piece));
      items.push_back(item);
    }
  }
  size_t rank = tensor.shape.size();
  auto ellipsis = std::find_if(items.begin(), items.end(), [](const Item& item) { return item.is_ellipsis; });
  size_t given = items.size() - (ellipsis == items.end() ? 0 : 1);
  if (given > rank) return Bad(text, fmt::format("{} dimensions for a tensor of {}", given, rank));
  if (ellipsis != items.end()) {
    size_t at = static_cast<size_t>(ellipsis - items.begin());
    items.erase(ellipsis);
    items.insert(items.begin() + static_cast<ptrdiff_t>(at), rank - given, Item{});
  }
  items.resize(rank);
  if (std::any_of(items.begin(), items.end(), [](const Item& item) { return item.is_ellipsis; })) {
    return Bad(text, "'...' may stand once");
  }

  TensorWindow window;
  window.tensor = tensor;
  window.tensor.numel = 1;
  for (size_t d = 0; d < rank; ++d) {
    const Item& item = items[d];
    int64_t size = tensor.shape[d];
    int64_t start = 0;
    int64_t step = item.step.value_or(1);
    int64_t count = 1;
    if (item.is_index) {
      start = *item.start < 0 ? *item.start + size : *item.start;
      if (start < 0 || start >= size) {
        return Bad(text, fmt::format("index {} is out of range for dimension {} of size {}", *item.start, d, size));
      }
    } else {
      start = Clip(item.start.value_or(0), size);
      int64_t stop = Clip(item.stop.value_or(size), size);
      count = stop > start ? (stop - start - 1) / step + 1 : 0;
    }
    window.starts.push_back(start);
    window.steps.push_back(step);
    if (count > 0) window.tensor.offset += start * tensor.strides[d];  // inside the tensor's extent, which was checked
    if (item.is_index) continue;
    window.shape.push_back(count);
    window.strides.push_back(count > 1 ? tensor.strides[d] * step : 1);
    window.axes.push_back(static_cast<int64_t>(d));
    window.tensor.numel *= count;
  }
  bool whole = window.tensor.numel == tensor.numel && window.shape.size() == rank;
  window.tensor.contiguous = whole && tensor.contiguous;
  window.Bind();
  return window;
}

}  // namespace pthview
