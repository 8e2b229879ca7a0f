#include "lib/formats/torch/torch_storages.h"

#include <charconv>
#include <string>

#include "lib/base/checked.h"

namespace pthview {

using pickle::Kind;
using pickle::Tree;
using pickle::Value;

namespace {

std::string_view KeyText(Value key, Arena& arena) {
  if (key.IsText()) return key.Text();
  if (key.Is(Kind::kInt)) return arena.Copy(std::to_string(key.integer));
  return {};
}

// A persistent id of protocol 0 is text, as Python's str() writes the tuple:
//
//   ('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 6)                        zip archives
//   ('storage', <class 'torch.FloatStorage'>, '94', 'cuda:0', 6L, ('95', 2, 4))     legacy files; None without a view
class StorageText {
 public:
  explicit StorageText(std::string_view text) : rest_(text) {}

  std::optional<StorageId> Parse() {
    StorageId id;
    std::string_view word;
    std::string_view type;
    if (!Take("(") || !Quoted(&word) || word != "storage" || !Take(", <class ") || !Quoted(&type)) return std::nullopt;
    if (!Take(">, ") || !Quoted(&id.key) || !Take(", ") || !Quoted(&id.location) || !Take(", ") || !Number(&id.numel)) {
      return std::nullopt;
    }
    if (Take(", (")) {
      id.has_view = Quoted(&id.view_key) && Take(", ") && Number(&id.view_offset) && Take(", ") &&
                    Number(&id.view_size) && Take(")");
      if (!id.has_view) return std::nullopt;
    } else {
      Take(", None");
    }
    if (rest_ != ")") return std::nullopt;
    const size_t dot = type.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const GlobalMeaning meaning = MeaningOf(type.substr(0, dot), type.substr(dot + 1));
    if (meaning.kind == GlobalKind::kStorageClass) id.dtype = meaning.dtype;
    id.untyped = type.ends_with(".UntypedStorage");
    return id;
  }

 private:
  bool Take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  // Keys and devices have nothing that would be escaped.
  bool Quoted(std::string_view* text) {
    Take("u");  // Python 2
    if (!Take("'")) return false;
    const size_t end = rest_.find('\'');
    if (end == std::string_view::npos) return false;
    *text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text->find('\\') == std::string_view::npos;
  }

  bool Number(int64_t* number) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), *number);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    Take("L");
    return true;
  }

  std::string_view rest_;
};

int64_t IntOr(Value value, int64_t otherwise) { return value.Is(Kind::kInt) ? value.integer : otherwise; }

}  // namespace

std::string_view DeviceNames::Of(std::string_view device) {
  constexpr size_t kLongest = 64;
  std::string cut;
  if (device.size() > kLongest) device = cut = std::string(device.substr(0, kLongest)) + "...";
  for (std::string_view known : known_) {
    if (known == device) return known;
  }
  const std::string_view copy = arena_.Copy(device);
  if (known_.size() < kMostKnown) known_.push_back(copy);
  return copy;
}

std::optional<StorageId> ParseStorageId(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value id,
                                        Arena& arena) {
  if (id.IsText()) return StorageText(id.Text()).Parse();
  auto items = tree.Sequence(id);
  if (items.size() < 5 || !items[0].IsText() || items[0].Text() != "storage") return std::nullopt;
  StorageId result;
  if (items[1].Is(Kind::kGlobal)) {
    const GlobalMeaning& meaning = meanings[items[1].index];
    if (meaning.kind == GlobalKind::kStorageClass || meaning.kind == GlobalKind::kTensorClass) {
      result.dtype = meaning.dtype;
    }
    // The name is looked at only where it can make a difference: of most ids it would be a string compared for nothing.
    result.untyped = meaning.dtype == DType::kUint8 && tree.GlobalOf(items[1]).name.ends_with("UntypedStorage");
  }
  result.key = KeyText(items[2], arena);
  if (items[3].IsText()) result.location = items[3].Text();
  result.numel = IntOr(items[4], -1);
  if (items.size() > 5) {
    auto view = tree.Sequence(items[5]);
    if (view.size() == 3) {
      result.has_view = true;
      result.view_key = KeyText(view[0], arena);
      result.view_offset = IntOr(view[1], -1);
      result.view_size = IntOr(view[2], -1);
    }
  }
  return result;
}

std::optional<uint64_t> BytesOfStorage(DType dtype, int64_t numel) {
  if (numel < 0) return std::nullopt;
  return CheckedMul<uint64_t>(static_cast<uint64_t>(numel), Info(dtype).item_size);
}

std::optional<ModuleSourceId> ParseModuleSourceId(const Tree& tree, Value id) {
  auto items = tree.Sequence(id);
  if (items.size() == 4 && items[0].IsText() && items[0].Text() == "module") {
    items = items.subspan(1);
  } else if (items.size() != 3 || !items[0].Is(Kind::kGlobal)) {  // tar files leave the word out
    return std::nullopt;
  }
  ModuleSourceId result{.class_name = items[0]};
  if (items[1].IsText()) result.file = items[1].Text();
  if (items[2].IsText()) result.source = items[2].Text();
  return result;
}

}  // namespace pthview
