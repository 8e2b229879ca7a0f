#include "lib/formats/json/annotated_json_tables.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace pthview {
namespace {

constexpr auto kDataStates = {DataState::kPresent, DataState::kMissing, DataState::kOutOfBounds, DataState::kMeta};
constexpr auto kTensorKinds = {TensorKind::kState, TensorKind::kParameter, TensorKind::kBuffer, TensorKind::kConstant};
constexpr auto kLayouts = {Layout::kDense,     Layout::kSparseCoo, Layout::kSparseCsr, Layout::kSparseCsc,
                           Layout::kSparseBsr, Layout::kSparseBsc, Layout::kNested,    Layout::kWrapper};
constexpr auto kPlainKinds = {PlainKind::kNone,     PlainKind::kBool,   PlainKind::kInt,
                              PlainKind::kFloat,    PlainKind::kString, PlainKind::kBytes,
                              PlainKind::kSequence, PlainKind::kEmpty,  PlainKind::kObject};
constexpr auto kPartKinds = {PartKind::kOther, PartKind::kModel, PartKind::kEma, PartKind::kOptimizer,
                             PartKind::kScheduler};
constexpr auto kSeverities = {Severity::kInfo, Severity::kWarning, Severity::kError, Severity::kDanger};

}  // namespace

DType AnnotatedJsonTables::ReadDType(JsonRow& row, const char* key) {
  std::string_view name = row.Text(key);
  if (name == DTypeName(DType::kUnknown)) return DType::kUnknown;
  auto dtype = DTypeFromName(name);
  if (!dtype) row.Fail(key, "is no dtype");
  return dtype.value_or(DType::kUnknown);
}

void AnnotatedJsonTables::ReadFinding(JsonRow& row) {
  findings_.push_back({row.Named<Severity>("severity", kSeverities, SeverityName), std::string(row.Text("code")),
                       std::string(row.Text("where")), std::string(row.Text("text"))});
}

void AnnotatedJsonTables::ReadPart(JsonRow& row) {
  model_.parts.push_back({.kind = row.Named<PartKind>("kind", kPartKinds, PartKindName),
                          .path = builder_.arena().Copy(row.Text("path")),
                          .root = row.RowOf("root", kNone),
                          .prefix = builder_.arena().Copy(row.Text("prefix"))});
}

void AnnotatedJsonTables::ReadQuantization(JsonRow& row) {
  Quantization quantization{.per_channel = row.Bool("per_channel")};
  if (quantization.per_channel) {
    quantization.scales = row.RowOf("scales", kNone);
    quantization.zero_points = row.RowOf("zero_points", kNone);
    quantization.axis = row.Int("axis");
    if (quantization.scales == kNone || quantization.zero_points == kNone) {
      row.Fail("scales", "or 'zero_points' is missing");
    }
  } else {
    quantization.scale = row.Number("scale");
    quantization.zero_point = row.Int("zero_point");
  }
  model_.quantizations.push_back(quantization);
}

void AnnotatedJsonTables::ReadTensor(JsonRow& row, bool component) {
  Arena& arena = builder_.arena();
  std::vector<int64_t> shape = row.Ints("shape");
  std::vector<int64_t> strides = row.Ints("strides");
  auto state = row.Has("data") ? row.Named<DataState>("data", kDataStates, DataStateName) : DataState::kPresent;
  TensorDraft draft{.shape = shape,
                    .strides = strides,
                    .offset = row.Int("offset"),
                    .storage = row.RowOf("storage", model_.storages.size()),
                    .dtype = ReadDType(row, "dtype"),
                    .layout = row.Named<Layout>("layout", kLayouts, LayoutName),
                    .requires_grad = row.Maybe("requires_grad"),
                    .conj = row.Bool("conj"),
                    .neg = row.Bool("neg"),
                    .meta = state == DataState::kMeta,
                    .device = arena.Copy(row.Text("device")),
                    .class_name = arena.Copy(row.Text("class"))};
  if (draft.layout == Layout::kNested) draft.numel_override = row.Int("numel");
  if (!row.status()) return;
  std::string_view path = arena.Copy(row.Text("path"));
  Tensor tensor = builder_.Check(draft, path);
  tensor.path = path;
  tensor.name = arena.Copy(row.Text("name"));
  tensor.kind = row.Named<TensorKind>("kind", kTensorKinds, KindName);
  tensor.part = row.RowOf("part", model_.parts.size());
  tensor.persistent = row.Bool("persistent", true);
  size_t components = model_.components.size();
  if (!component) tensor.same_as = row.RowOf("same_as", model_.tensors.size());
  tensor.quantization = row.RowOf("quantization", model_.quantizations.size());
  ReadComponents(row, tensor, components);
  CheckQuantization(row, tensor, components);
  if (tensor.layout != Layout::kDense) {
    // Of a wrapper the first component is the data; of the others all are.
    tensor.data = tensor.component_count == 0 ? DataState::kMissing : DataState::kPresent;
    for (const Component& part : model_.ComponentsOf(tensor)) {
      DataState inner = model_.components[part.tensor].data;
      if (inner != DataState::kPresent) tensor.data = inner;
      if (tensor.layout == Layout::kWrapper) break;
    }
  }
  if (state != DataState::kPresent) tensor.data = state;
  if (!row.status()) return;
  component ? builder_.AddComponent(tensor) : builder_.AddTensor(tensor);
}

// Only components before `limit`, and none twice: what stands behind tensors is a tree, so that whoever follows it
// comes to an end.
void AnnotatedJsonTables::ReadComponents(JsonRow& row, Tensor& tensor, size_t limit) {
  std::vector<Component> components;
  component_used_.resize(limit);
  static const std::string kWhat = "a component";
  for (const nlohmann::json& object : row.Array("components")) {
    JsonRow item(object, kWhat);
    Component component{builder_.arena().Copy(item.Text("name")), item.RowOf("tensor", limit)};
    if (!item.status() || component.tensor == kNone || component_used_[component.tensor]) {
      row.Fail("components", "names no component, or one that belongs to another tensor");
      return;
    }
    component_used_[component.tensor] = true;
    components.push_back(component);
  }
  if (!components.empty()) builder_.Attach(tensor, components);
}

void AnnotatedJsonTables::CheckQuantization(JsonRow& row, const Tensor& tensor, size_t limit) {
  if (tensor.quantization == kNone) return;
  const Quantization& quantization = model_.quantizations[tensor.quantization];
  if (!quantization.per_channel) return;
  auto fits = [&](Index component) {
    return component < limit && model_.components[component].layout == Layout::kDense &&
           model_.components[component].numel == tensor.shape[static_cast<size_t>(quantization.axis)];
  };
  if (quantization.axis < 0 || static_cast<uint64_t>(quantization.axis) >= tensor.shape.size() ||
      !fits(quantization.scales) || !fits(quantization.zero_points)) {
    row.Fail("quantization", "does not fit the tensor");
  }
}

void AnnotatedJsonTables::ReadPlain(JsonRow& row) {
  Arena& arena = builder_.arena();
  builder_.AddPlain({.path = arena.Copy(row.Text("path")),
                     .text = arena.Copy(row.Text("text")),
                     .class_name = arena.Copy(row.Text("class")),
                     .part = row.RowOf("part", model_.parts.size()),
                     .kind = row.Named<PlainKind>("kind", kPlainKinds, PlainKindName)});
}

Model AnnotatedJsonTables::Finish() {
  Model model = std::move(builder_).Finish();
  std::vector<Finding> found = std::exchange(model.findings, std::move(findings_));
  size_t known = model.findings.size();
  for (Finding& finding : found) {
    size_t alike = 0;
    bool again = false;
    for (size_t i = 0; i < known && !again; ++i) {
      if (model.findings[i].code != finding.code) continue;
      again = model.findings[i].where == finding.where || ++alike >= Findings::kPerCode;
    }
    if (!again) model.findings.push_back(std::move(finding));
  }
  return model;
}

}  // namespace pthview
