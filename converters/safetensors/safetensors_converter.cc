#include "converters/safetensors/safetensors_converter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "converters/common/loss_notes.h"
#include "converters/common/output_paths.h"
#include "converters/common/side_file.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/model/path.h"
#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

constexpr uint64_t kHeaderLimit = 100'000'000;  // of the reference implementation
constexpr size_t kHeaderAlignment = 8;
// An expanded tensor repeats what its storage holds once: past these it is not written out.
constexpr uint64_t kMostRepeated = uint64_t{64} << 20;
constexpr uint64_t kMostTimes = 16;

struct Entry {
  const Tensor* tensor = nullptr;
  uint64_t* place = nullptr;  // where its offset is noted
  std::string name;           // raw bytes
  std::string_view dtype;     // of safetensors
  std::vector<int64_t> shape;
  uint64_t nbytes = 0;
  uint64_t align = 1;
  uint64_t at = 0;  // behind the header
  std::optional<ByteRange> range;
};

class FileLayout {
 public:
  FileLayout(const Model& model, std::span<const Index> selected) : model_(model), selected_(selected) {
    placed_.tensors.assign(model.tensors.size(), PlacedWeights::kNowhere);
    placed_.components.assign(model.components.size(), PlacedWeights::kNowhere);
    seen_.resize(model.storages.size());
    for (const Storage& storage : model.storages)
      stored_ = CheckedAdd(stored_, storage.nbytes).value_or(UINT64_MAX / 64);
  }

  void Run() {
    // Names of the model come first: they stay as they are, and others give way.
    for (bool of_model : {true, false}) {
      for (Index row : selected_) {
        const Tensor& tensor = model_.tensors[row];
        const bool is_model =
            model_.parts.size() <= 1 || (tensor.part != kNone && model_.parts[tensor.part].kind == PartKind::kModel);
        if (is_model == of_model) AddRow(row, of_model);
      }
    }
    std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      if (a.align != b.align) return a.align > b.align;
      if (a.tensor->storage != b.tensor->storage) return a.tensor->storage < b.tensor->storage;
      return a.tensor->offset < b.tensor->offset;
    });
    for (Entry& entry : entries_) {
      entry.at = size_;
      size_ += entry.nbytes;
    }
  }

  std::string Header() const {
    std::string text;
    JsonWriter json(&text);
    json.BeginObject().Key("__metadata__").BeginObject().Key("format").String("pt").EndObject();
    for (const Entry& entry : entries_) {
      json.Key(entry.name).BeginObject().Key("dtype").String(entry.dtype).Key("shape").BeginArray();
      for (int64_t size : entry.shape) json.Int(size);
      json.EndArray().Key("data_offsets").BeginArray().Uint(entry.at).Uint(entry.at + entry.nbytes).EndArray();
      json.EndObject();
    }
    json.EndObject();
    text.append((kHeaderAlignment - text.size() % kHeaderAlignment) % kHeaderAlignment, ' ');
    return text;
  }

  Status Write(OutputFile& out, Progress* progress) const {
    for (size_t i = 0; i < entries_.size();) {
      const Entry& entry = entries_[i++];
      uint64_t length = entry.nbytes;
      if (!entry.range) {
        PTHVIEW_TRY(WriteValues(*entry.tensor, out));
      } else {
        while (i < entries_.size() && entries_[i].range && entries_[i].range->source == entry.range->source &&
               entries_[i].range->offset == entry.range->offset + length) {
          length += entries_[i++].nbytes;
        }
        if (length > 0) {
          PTHVIEW_TRY(out.CopyFrom(*model_.sources[entry.range->source], entry.range->offset, length));
        }
      }
      if (progress != nullptr) progress->Advance(length);
    }
    return Ok();
  }

  PlacedWeights TakePlaced(std::string file, uint64_t data) {
    for (Entry& entry : entries_) *entry.place = data + entry.at;
    placed_.Add(std::move(file), data + size_);
    return std::move(placed_);
  }
  std::vector<Loss> TakeLosses() { return std::move(losses_); }
  size_t count() const { return entries_.size(); }

 private:
  void Note(Loss::Kind kind, std::string_view code, const Tensor& tensor, std::string text) {
    losses_.push_back({kind, std::string(code), std::string(tensor.path), std::move(text)});
  }

  void AddRow(Index row, bool of_model) {
    const Tensor& tensor = model_.tensors[row];
    if (!tensor.class_name.empty() && tensor.layout == Layout::kDense) {
      Note(Loss::kChanged, "tensor-class", tensor, fmt::format("a {} is written as a plain tensor", tensor.class_name));
    }
    std::string name = Claim(of_model ? KeyOf(tensor.name) : std::string(tensor.path), tensor.path);
    if (tensor.component_count > 0 && tensor.quantization == kNone && tensor.layout == Layout::kDense) {
      Add(tensor, name, &placed_.tensors[row]);
      return AddComponents(tensor, name, 0);
    }
    if (tensor.component_count > 0 && tensor.quantization == kNone) {
      Note(Loss::kChanged, "tensor-layout", tensor,
           fmt::format("a {} tensor is written as the tensors that it is made of", LayoutName(tensor.layout)));
      AddComponents(tensor, name, 0);
      return;
    }
    Add(tensor, std::move(name), &placed_.tensors[row]);
    if (tensor.quantization == kNone) return;
    const Quantization& how = model_.quantizations[tensor.quantization];
    for (auto [component, what] : {std::pair(how.scales, "scales"), std::pair(how.zero_points, "zero_points")}) {
      if (!how.per_channel || component == kNone) continue;
      if (placed_.components[component] != PlacedWeights::kNowhere) continue;
      placed_.components[component] = 0;
      Add(model_.components[component], Claim(entries_.back().name + "." + what, tensor.path),
          &placed_.components[component]);
    }
  }

  void AddComponents(const Tensor& tensor, const std::string& name, int depth) {
    if (depth > 16) return;
    for (const Component& component : model_.ComponentsOf(tensor)) {
      const Tensor& inside = model_.components[component.tensor];
      std::string of = Claim(name + "." + std::string(component.name), tensor.path);
      if (inside.component_count > 0) {
        AddComponents(inside, of, depth + 1);
      } else {
        Add(inside, std::move(of), &placed_.components[component.tensor]);
      }
    }
  }

  void Add(const Tensor& tensor, std::string name, uint64_t* place) {
    if (tensor.data != DataState::kPresent || tensor.layout != Layout::kDense) {
      return Note(Loss::kDropped, "data", tensor,
                  tensor.data == DataState::kMeta ? "a meta tensor has no values"
                                                  : "its values are not in the file, and it is not written");
    }
    Entry entry{.tensor = &tensor, .place = place, .name = std::move(name), .nbytes = tensor.nbytes()};
    const uint64_t stored = tensor.storage == kNone ? 0 : model_.storages[tensor.storage].nbytes;
    // Neither one that repeats itself, nor many that each show the same large storage.
    const bool again = tensor.storage != kNone && seen_[tensor.storage];
    if (tensor.storage != kNone) seen_[tensor.storage] = true;
    if (again || entry.nbytes > stored) repeated_ += entry.nbytes;
    if ((entry.nbytes > kMostRepeated && entry.nbytes / kMostTimes > stored) ||
        repeated_ > kMostRepeated + kMostTimes * stored_) {
      return Note(Loss::kDropped, "expanded", tensor,
                  fmt::format("it repeats the {} bytes of its storage up to {} bytes, and is not written", stored,
                              entry.nbytes));
    }
    const DTypeInfo& info = Info(tensor.dtype);
    entry.dtype = info.safetensors;
    entry.align = info.item_size;
    entry.shape.assign(tensor.shape.begin(), tensor.shape.end());
    if (tensor.dtype == DType::kFloat4E2M1FNx2 && !entry.shape.empty()) entry.shape.back() *= 2;
    if (info.kind == DTypeClass::kQuantized) {
      Note(Loss::kChanged, "quantized", tensor, "its integers are written; scale and zero point are not among them");
      entry.dtype = tensor.dtype == DType::kQInt8 ? "I8" : tensor.dtype == DType::kQInt32 ? "I32" : "U8";
    }
    const bool packed = info.items_per_byte > 1;
    if (entry.dtype.empty() || packed) {
      if (!packed || info.kind != DTypeClass::kQuantized) {
        Note(Loss::kChanged, "dtype", tensor,
             fmt::format("safetensors has no {}: its bytes are written as U8", info.name));
      }
      entry.dtype = "U8";
      entry.align = 1;
      entry.shape = {static_cast<int64_t>(entry.nbytes)};
    }
    entry.range = ContiguousRange(model_, tensor);
    if (!entry.range && tensor.numel > 0) {
      const bool resolved = tensor.conj || tensor.neg;
      Note(Loss::kChanged, resolved ? "lazy-view" : "not-contiguous", tensor,
           resolved ? "a lazily conjugated or negated view is written with its values"
                    : "it was not contiguous, and is written row by row");
    }
    if (tensor.numel > 0 && tensor.storage != kNone && !shared_.insert(RangeKey(tensor)).second) {
      Note(Loss::kChanged, "tied", tensor, "it shares its values with an earlier tensor, and they are written again");
    }
    entries_.push_back(std::move(entry));
  }

  // The elements in order; those of packed types as the bytes that they share.
  Status WriteValues(const Tensor& tensor, OutputFile& out) const {
    const uint8_t per_byte = Info(tensor.dtype).items_per_byte;
    if (per_byte <= 1 || tensor.dtype == DType::kFloat4E2M1FNx2) return WriteElements(model_, tensor, out);
    uint8_t byte = 0;
    int filled = 0;
    const int bits = 8 / per_byte;
    std::vector<std::byte> bytes;
    PTHVIEW_TRY(ForEachBlock(model_, tensor, [&](std::span<const std::byte> block) -> Status {
      bytes.clear();
      for (std::byte element : block) {
        byte |= static_cast<uint8_t>(static_cast<uint8_t>(element) << (filled * bits));
        if (++filled < per_byte) continue;
        bytes.push_back(std::byte{byte});
        byte = 0;
        filled = 0;
      }
      return out.Write(bytes);
    }));
    return filled == 0 ? Ok() : out.Write(std::span(reinterpret_cast<const std::byte*>(&byte), 1));
  }

  std::string RangeKey(const Tensor& tensor) const {
    const Storage& storage = model_.storages[tensor.storage];
    return fmt::format("{} {} {} {}", storage.source, storage.offset, tensor.offset * Info(tensor.dtype).item_size,
                       tensor.nbytes());
  }

  std::string Claim(std::string name, std::string_view path) {
    if (!IsPlainText(name)) name = EscapeName(name);
    if (name != "__metadata__" && names_.insert(name).second) return name;
    name = path;
    for (size_t number = 2; name == "__metadata__" || !names_.insert(name).second; ++number) {
      name = fmt::format("{}#{}", path, number);
    }
    return name;
  }

  const Model& model_;
  std::span<const Index> selected_;
  std::vector<Entry> entries_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> shared_;
  std::vector<Loss> losses_;
  std::vector<bool> seen_;  // by storage
  uint64_t stored_ = 0;     // bytes of all storages
  uint64_t repeated_ = 0;   // bytes that are written more than once
  PlacedWeights placed_;
  uint64_t size_ = 0;
};

}  // namespace

Result<ConvertReport> WriteSafetensors(Model& model, std::span<const Index> tensors, const ConvertOptions& options) {
  PTHVIEW_TRY(RefuseInput(model, options.output));
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(options.output, options.force));
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  out.Observe(options.observer);
  FileLayout layout(model, tensors);
  layout.Run();
  const std::string header = layout.Header();
  if (header.size() > kHeaderLimit) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("the names and shapes take {} bytes, and readers of safetensors refuse more than {}",
                             header.size(), kHeaderLimit),
                 options.output,
                 {},
                 {},
                 "--include and --exclude choose tensors; --to pth has no such limit"};
  }
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>(header.size() >> (8 * i));
  PTHVIEW_TRY(out.Write(length));
  PTHVIEW_TRY(out.Write(header));
  PTHVIEW_TRY(layout.Write(out, options.progress));
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  ConvertReport report;
  report.losses = layout.TakeLosses();
  report.notes = NotesOf(report.losses);
  report.placed = layout.TakePlaced(BaseName(options.output), length.size() + header.size());
  // Nothing in the format says in which section a tensor stood, in which order, or what else there was.
  report.more_to_say = model.format != "safetensors" || !model.plain.empty() || !report.losses.empty();
  return CommitOutputs(std::move(out), std::nullopt, options, {}, std::move(report));
}

}  // namespace pthview
