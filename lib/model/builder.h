// ModelBuilder: the only way a Model comes about. It checks the invariants of model.h once, so that all later code may
// rely on them; what breaks one becomes a finding and a tensor without data, never a refusal of the whole file.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/allowance.h"
#include "lib/base/finding.h"
#include "lib/model/model.h"

namespace pthview {

// A tensor as a format describes it, unchecked.
struct TensorDraft {
  std::span<const int64_t> shape;    // borrowed for the call
  std::span<const int64_t> strides;  // borrowed; in elements. Empty with a non-empty shape: row-major
  int64_t offset = 0;                // in elements
  Index storage = kNone;
  DType dtype = DType::kUnknown;
  Layout layout = Layout::kDense;
  std::optional<bool> requires_grad;
  bool conj = false;
  bool neg = false;
  bool meta = false;            // a meta tensor: no data by intent
  std::string_view device;      // borrowed
  std::string_view class_name;  // borrowed
  int64_t numel_override = -1;  // layouts whose shape does not give the count (nested)
};

class ModelBuilder {
 public:
  // A shape with more dimensions is no tensor: torch's own limit is 64 for most operations.
  static constexpr size_t kMaxRank = 1024;

  explicit ModelBuilder(Findings findings = {}) : findings_(std::move(findings)) {}

  Model& model() { return model_; }
  Findings& findings() { return findings_; }
  Arena& arena() { return model_.arena; }

  Index AddSource(std::unique_ptr<ByteSource> source);
  Index AddStorage(Storage storage);
  // Bytes of our own (inflated, decoded, nested) as a storage.
  Index AddMemoryStorage(std::string_view name, std::vector<std::byte> bytes, DType dtype, std::string_view device);

  // Copies of bytes that stand in a pickle (NumPy arrays, lists of numbers, nested files) may be asked for many times
  // by reference. Whoever reads a pickle allows a multiple of its size, and each copy takes its share first.
  void AllowInline(uint64_t bytes) { inline_.Allow(bytes); }
  [[nodiscard]] bool TakeInline(uint64_t bytes, std::string_view where);

  // So may names and values that are written out: one text may be named many times, and each path repeats the names of
  // all that is around it. Whoever reads bytes allows a multiple of them, and what is written out takes its share
  // first. False when there is not so much left: then nothing is, until more is allowed, and one finding says so.
  void AllowText(uint64_t bytes) { text_.Allow(bytes); }
  [[nodiscard]] bool TakeText(uint64_t bytes);
  uint64_t text_left() const { return text_.left(); }

  // Checks the draft, makes it a Tensor and returns it; `where` (borrowed) names it in findings. It is not yet in a
  // table.
  Tensor Check(const TensorDraft& draft, std::string_view where);

  // Appends to Model::tensors / Model::components.
  Index AddTensor(Tensor tensor);
  Index AddComponent(Tensor tensor);
  // Attaches components (already in Model::components) to a tensor.
  void Attach(Tensor& tensor, std::span<const Component> components);

  void AddPlain(PlainValue value) { model_.plain.push_back(value); }

  void Note(Severity severity, std::string_view code, std::string_view where, std::string text) {
    findings_.Add(severity, code, std::string(where), std::move(text));
  }

  // Graphs of which one breaks a rule (graph_check.h) are all left out, with the finding "graph-invalid".
  Model Finish() &&;

 private:
  Model model_;
  Findings findings_;
  std::vector<int64_t> scratch_;
  Allowance inline_;
  Allowance text_{1 << 20};
  bool text_limited_ = false;
};

}  // namespace pthview
