#include "lib/analysis/structure/extra_repr.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/analysis/structure/module_tree.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

// A form is a list of pieces between '|', which are printed with ", " between them:
//
//   eps            eps=1e-05
//   @eps           1e-05
//   'mode          mode='nearest': the value is a str, printed with its quotes
//   groups~1       groups=2, and nothing where it is 1, or a tuple of which each is 1, or missing
//   bias+          bias=True where the module has such a tensor, else bias=False
//   bias-          bias=False where it has none, else nothing
//   a/b            a=2.0, and b=None where a is None
//   out=()         out=(1, 2), and out=() where the file's is empty
//   @weight[0]     the first size of a tensor
//   linear>bias+   any of these, of a submodule
struct Row {
  std::string_view classes;  // between blanks
  std::string_view form;
};

constexpr std::string_view kInplace = "inplace~False";
constexpr std::string_view kDropout = "p|inplace";
constexpr std::string_view kPadding = "@padding";

constexpr Row kTorchRows[] = {
    // modules/activation.py
    {"CELU ELU", "alpha|inplace~False"},
    {"GELU", "'approximate"},
    {"GLU LogSoftmax Softmax Softmin", "dim"},
    {"Hardshrink Softshrink", "@lambd"},
    {"Hardtanh", "min_val|max_val|inplace~False"},
    {"LeakyReLU", "negative_slope|inplace~False"},
    {"Mish ReLU ReLU6 SELU SiLU", kInplace},
    {"PReLU", "num_parameters"},
    {"RReLU", "lower|upper|inplace~False"},
    {"Softplus", "beta|threshold"},
    {"Threshold", "threshold|value|inplace~False"},
    {"Hardsigmoid Hardswish LogSigmoid MultiheadAttention Sigmoid Softmax2d Softsign Tanh Tanhshrink", ""},
    // modules/batchnorm.py, instancenorm.py, normalization.py
    {"BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyBatchNorm1d "
     "LazyBatchNorm2d LazyBatchNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d",
     "@num_features|eps|momentum|affine|bias+|track_running_stats"},
    {"CrossMapLRN2d LocalResponseNorm", "@size|alpha|beta|k"},
    {"GroupNorm", "@num_groups|@num_channels|eps|affine|bias+"},
    {"LayerNorm", "@normalized_shape|eps|elementwise_affine|bias+"},
    {"RMSNorm", "@normalized_shape|eps|elementwise_affine"},
    // modules/conv.py
    {"Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d LazyConv3d "
     "LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d",
     "@in_channels|@out_channels|kernel_size|stride|padding~0|dilation~1|output_padding~0|groups~1|bias-|"
     "padding_mode~zeros"},
    // modules/dropout.py
    {"AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout", kDropout},
    // modules/flatten.py, fold.py, channelshuffle.py, pixelshuffle.py, upsampling.py
    {"Flatten", "start_dim|end_dim"},
    {"Unflatten", "dim|unflattened_size"},
    {"Fold", "output_size|kernel_size|dilation|padding|stride"},
    {"Unfold", "kernel_size|dilation|padding|stride"},
    {"ChannelShuffle", "groups"},
    {"PixelShuffle", "upscale_factor"},
    {"PixelUnshuffle", "downscale_factor"},
    {"Upsample UpsamplingBilinear2d UpsamplingNearest2d", "scale_factor/size|'mode"},
    // modules/linear.py, sparse.py
    {"Bilinear", "in1_features|in2_features|out_features|bias+"},
    {"Linear LazyLinear NonDynamicallyQuantizableLinear", "in_features|out_features|bias+"},
    {"Embedding",
     "@num_embeddings|@embedding_dim|padding_idx~None|max_norm~None|norm_type~2|scale_grad_by_freq~False|"
     "sparse~False"},
    {"EmbeddingBag",
     "@num_embeddings|@embedding_dim|max_norm~None|norm_type~2|scale_grad_by_freq~False|'mode|padding_idx~None"},
    // modules/padding.py
    {"CircularPad1d CircularPad2d CircularPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d "
     "ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
     kPadding},
    {"ConstantPad1d ConstantPad2d ConstantPad3d", "padding|value"},
    // modules/pooling.py
    {"AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d",
     "output_size"},
    {"AvgPool1d AvgPool2d AvgPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d", "kernel_size|stride|padding"},
    {"LPPool1d LPPool2d LPPool3d", "norm_type|kernel_size|stride|ceil_mode"},
    {"MaxPool1d MaxPool2d MaxPool3d", "kernel_size|stride|padding|dilation|ceil_mode"},
    {"FractionalMaxPool2d FractionalMaxPool3d", ""},
    // modules/rnn.py
    {"GRU LSTM RNN RNNBase",
     "@input_size|@hidden_size|proj_size~0|num_layers~1|bias~True|batch_first~False|dropout~0|bidirectional~False"},
    {"GRUCell LSTMCell RNNCell RNNCellBase", "@input_size|@hidden_size|bias~True|nonlinearity~tanh"},
    // modules/loss.py: the others say nothing
    {"LinearCrossEntropyLoss",
     "linear>in_features|num_classes|out_features=()|linear>bias+|reduction|ignore_index|label_smoothing|options"},
};

constexpr Row kTorchvisionRows[] = {
    {"DeformConv2d", "@in_channels|@out_channels|kernel_size|stride|padding~0|dilation~1|groups~1|bias-"},
    {"DropBlock2d DropBlock3d", "p|block_size|inplace"},
    {"FrozenBatchNorm2d", "@weight[0]|eps"},
    {"MultiScaleRoIAlign", "featmap_names|output_size|sampling_ratio"},
    {"PSRoIAlign", "output_size|spatial_scale|sampling_ratio"},
    {"PSRoIPool RoIPool", "output_size|spatial_scale"},
    {"RoIAlign", "output_size|spatial_scale|sampling_ratio|aligned"},
    {"StochasticDepth", "p|mode"},
};

// A class of somebody's that derives from one of torch's (torchvision's Conv3DSimple, timm's Conv2dSame) prints as that
// one does. Pickles do not say what a class derives from, but its attributes do where nobody else has so many of the
// same names.
struct Ancestor {
  std::string_view attributes;  // between blanks
  std::string_view tensor;      // that it must hold; may be empty
  std::string_view name;
};
constexpr Ancestor kAncestors[] = {
    {"in_channels out_channels kernel_size stride padding dilation transposed output_padding groups padding_mode",
     "weight", "Conv2d"},
    {"num_features eps momentum affine track_running_stats", "", "BatchNorm2d"},
    {"normalized_shape eps elementwise_affine", "bias", "LayerNorm"},
    {"num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse", "weight", "Embedding"},
    {"input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size", "", "LSTM"},
};

using Forms = std::unordered_map<std::string_view, std::string_view, TextHash>;

Forms FormsOf(std::span<const Row> rows) {
  Forms forms;
  for (const Row& row : rows) {
    for (std::string_view rest = row.classes; !rest.empty();) {
      std::string_view name = rest.substr(0, rest.find(' '));
      forms.emplace(name, row.form);
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
  }
  return forms;
}

constexpr std::string_view kScript = "__torch__.";

std::string_view WithoutScript(std::string_view class_name) {
  if (class_name.starts_with(kScript)) class_name.remove_prefix(kScript.size());
  return class_name;
}

const std::string* Find(const Module& module, std::string_view name) {
  for (const Attribute& attribute : module.attributes) {
    if (attribute.name == name) return &attribute.text;
  }
  return nullptr;
}

// A tensor that the module holds itself, by the last step of its name.
const Tensor* FindTensor(const Model& model, const Module& module, std::string_view name) {
  for (Index t : module.tensors) {
    std::string_view full = model.tensors[t].name;
    if (full == name ||
        (full.size() > name.size() && full.ends_with(name) && full[full.size() - name.size() - 1] == '.'))
      return &model.tensors[t];
  }
  return nullptr;
}

// As Python compares: 0.0 == 0, and a tuple or list whose elements all are.
bool IsAll(std::string_view text, std::string_view value) {
  auto equal = [&](std::string_view one) {
    if (one == value) return true;
    double a = 0;
    double b = 0;
    auto number = [](std::string_view digits, double* out) {
      auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *out);
      return error == std::errc() && end == digits.data() + digits.size();
    };
    return number(one, &a) && number(value, &b) && a == b;
  };
  if (equal(text)) return true;
  if (text.size() < 2 || (text.front() != '(' && text.front() != '[')) return false;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (!equal(one)) return false;
  }
  return true;
}

// A torch.Size prints its sizes in brackets.
std::string AsPrinted(const std::string& text) {
  constexpr std::string_view kSize = "torch.Size((";
  if (!text.starts_with(kSize) || !text.ends_with("))")) return text;
  std::string sizes = text.substr(kSize.size(), text.size() - kSize.size() - 2);
  if (sizes.ends_with(',')) sizes.pop_back();
  return fmt::format("torch.Size([{}])", sizes);
}

// Puts the pieces of a form together.
class FormPrinter {
 public:
  FormPrinter(const Model& model, const Module& module, bool complete)
      : model_(model), module_(module), complete_(complete) {}

  // false: what torch prints is not known.
  bool Add(std::string_view piece) {
    const Module* module = &module_;
    if (size_t at = piece.find('>'); at != std::string_view::npos) {
      module = Child(piece.substr(0, at));
      if (module == nullptr) return !complete_;
      piece.remove_prefix(at + 1);
    }
    const bool bare = piece.starts_with('@');
    const bool quoted = piece.starts_with('\'');
    if (bare || quoted) piece.remove_prefix(1);
    if (piece.ends_with('+') || piece.ends_with('-')) {
      const char sign = piece.back();
      piece.remove_suffix(1);
      const bool there = Has(*module, piece);
      if (sign == '+' || !there) Put(piece, there ? "True" : "False", false);
      return true;
    }
    if (piece.ends_with("[0]")) return AddSize(*module, piece.substr(0, piece.size() - 3));
    if (size_t at = piece.find('~'); at != std::string_view::npos) {
      const std::string* text = Find(*module, piece.substr(0, at));
      if (text != nullptr && !IsAll(*text, piece.substr(at + 1))) Put(piece.substr(0, at), *text, bare);
      return true;
    }
    if (size_t at = piece.find('/'); at != std::string_view::npos) {
      const std::string* text = Find(*module, piece.substr(0, at));
      piece = text != nullptr && *text != "None" ? piece.substr(0, at) : piece.substr(at + 1);
    }
    std::string_view otherwise;
    if (size_t at = piece.find('='); at != std::string_view::npos) {
      otherwise = piece.substr(at + 1);
      piece = piece.substr(0, at);
    }
    const std::string* text = Find(*module, piece);
    if (text == nullptr && otherwise.empty()) {
      skipped_ = skipped_ || bare;
      return !complete_;
    }
    const std::string value = text != nullptr ? AsPrinted(*text) : std::string(otherwise);
    Put(piece, quoted ? "'" + value + "'" : value, bare);
    return true;
  }

  std::string Take() { return std::move(text_); }

 private:
  void Put(std::string_view name, std::string_view value, bool bare) {
    // "3 per group" wants its name; and in Python no value without a name stands behind one with.
    if (bare && !complete_ && !value.starts_with('(') && value.find(' ') != std::string_view::npos) skipped_ = true;
    bare = bare && !skipped_;
    if (!text_.empty()) text_ += ", ";
    if (!bare) text_.append(name).append("=");
    text_ += value;
  }

  bool Has(const Module& module, std::string_view name) const {
    if (FindTensor(model_, module, name) != nullptr) return true;
    const std::string* text = Find(module, name);  // what the names of an inferred module say
    return text != nullptr && *text == "True";
  }

  bool AddSize(const Module& module, std::string_view name) {
    const Tensor* tensor = FindTensor(model_, module, name);
    if (tensor == nullptr || tensor->shape.empty()) return !complete_;
    Put(name, std::to_string(tensor->shape[0]), true);
    return true;
  }

  const Module* Child(std::string_view name) const {
    for (Index child : module_.children) {
      if (model_.modules[child].name == name) return &model_.modules[child];
    }
    return nullptr;
  }

  const Model& model_;
  const Module& module_;
  bool complete_;         // the file has every attribute
  bool skipped_ = false;  // a value without a name is missing: those that follow get theirs
  std::string text_;
};

// "int" for what an object's printed value looks like.
std::string_view TypeOf(std::string_view text) {
  if (text == "None") return "NoneType";
  if (text == "True" || text == "False") return "bool";
  if (text.starts_with('(')) return "tuple";
  if (text.starts_with('[')) return "list";
  const bool number = !text.empty() && text.find_first_not_of("0123456789.e+-") == std::string_view::npos;
  if (!number) return "str";
  return text.find_first_of(".e") == std::string_view::npos ? "int" : "float";
}

// "FloatTensor", as Tensor.type() calls it.
std::string TypeName(const Tensor& tensor) {
  static constexpr std::pair<DType, std::string_view> kNames[] = {{DType::kFloat32, "Float"},
                                                                  {DType::kFloat64, "Double"},
                                                                  {DType::kFloat16, "Half"},
                                                                  {DType::kBFloat16, "BFloat16"},
                                                                  {DType::kUint8, "Byte"},
                                                                  {DType::kInt8, "Char"},
                                                                  {DType::kInt16, "Short"},
                                                                  {DType::kInt32, "Int"},
                                                                  {DType::kInt64, "Long"},
                                                                  {DType::kBool, "Bool"},
                                                                  {DType::kComplex64, "ComplexFloat"},
                                                                  {DType::kComplex128, "ComplexDouble"}};
  const auto* found =
      std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& row) { return row.first == tensor.dtype; });
  const bool cuda = tensor.device.starts_with("cuda");
  return fmt::format("torch.{}{}Tensor", cuda ? "cuda." : "", found == std::end(kNames) ? "" : found->second);
}

// modules/container.py: a line for each of ParameterList and ParameterDict.
std::string ParametersRepr(const Model& model, const Module& module, bool list) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (Index t : module.tensors) {
    const Tensor& tensor = model.tensors[t];
    std::string_view name = NameInPart(model, tensor);
    if (name.starts_with(module.path) && name.size() > module.path.size()) name.remove_prefix(module.path.size());
    if (name.starts_with('.')) name.remove_prefix(1);
    lines.emplace_back(
        std::string(name),
        fmt::format("{} containing: [{} of size {}{}]", tensor.kind == TensorKind::kParameter ? "Parameter" : "Tensor",
                    list ? fmt::format("torch.{}", DTypeName(tensor.dtype)) : TypeName(tensor),
                    fmt::join(tensor.shape, "x"),
                    tensor.device.starts_with("cuda") ? fmt::format(" ({})", tensor.device) : ""));
  }
  for (const Attribute& attribute : module.attributes) {
    if (attribute.name.starts_with('_')) continue;
    lines.emplace_back(attribute.name, fmt::format("Object of type: {}", TypeOf(attribute.text)));
  }
  if (list) {  // the file has parameters and other values apart
    auto number = [](const std::string& name) {
      size_t value = SIZE_MAX;
      std::from_chars(name.data(), name.data() + name.size(), value);
      return value;
    };
    std::stable_sort(lines.begin(), lines.end(),
                     [&](const auto& a, const auto& b) { return number(a.first) < number(b.first); });
  }
  std::string text;
  for (const auto& [name, line] : lines) text += fmt::format("{}  ({}): {}", text.empty() ? "" : "\n", name, line);
  return text;
}

// torchvision/models/detection/transform.py: two lines.
std::optional<std::string> TransformRepr(const Module& module) {
  std::string values[4];
  for (size_t i = 0; const char* name : {"image_mean", "image_std", "min_size", "max_size"}) {
    const std::string* text = Find(module, name);
    if (text == nullptr) return std::nullopt;
    values[i++] = *text;
  }
  return fmt::format("  Normalize(mean={}, std={})\n  Resize(min_size={}, max_size={}, mode='bilinear')", values[0],
                     values[1], values[2], values[3]);
}

// Whether the module has each of the attributes, named between blanks.
bool HasAll(const Module& module, std::string_view names) {
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(' '));
    if (Find(module, name) == nullptr) return false;
    names.remove_prefix(std::min(names.size(), name.size() + 1));
  }
  return true;
}

std::optional<std::string_view> FormOf(const Model& model, const Module& module) {
  static const Forms torch_forms = FormsOf(kTorchRows);
  static const Forms torchvision_forms = FormsOf(kTorchvisionRows);
  const std::string_view name = PrintedClass(module.class_name);
  const bool torch_class = IsTorchClass(module.class_name);
  if (torch_class || (module.origin == Origin::kInferred && name == module.class_name)) {
    if (auto found = torch_forms.find(name); found != torch_forms.end()) return found->second;
    if (torch_class) return "";
  }
  if (WithoutScript(module.class_name).starts_with("torchvision.ops.")) {
    if (auto found = torchvision_forms.find(name); found != torchvision_forms.end()) return found->second;
  }
  if (module.origin != Origin::kRecorded || module.class_name.starts_with(kScript)) return std::nullopt;
  // torch.ao's classes derive from some of these and print more.
  if (module.class_name.starts_with("torch.")) return std::nullopt;
  for (const Ancestor& ancestor : kAncestors) {
    if (!ancestor.tensor.empty() && FindTensor(model, module, ancestor.tensor) == nullptr) continue;
    if (HasAll(module, ancestor.attributes)) return torch_forms.find(ancestor.name)->second;
  }
  return std::nullopt;
}

}  // namespace

bool IsTorchClass(std::string_view class_name) {
  class_name = WithoutScript(class_name);
  return class_name.starts_with("torch.nn.modules.") || class_name.starts_with("torch.nn.parallel.") ||
         class_name.starts_with("torch.nn.utils.");
}

std::string_view PrintedClass(std::string_view class_name) {
  size_t dot = class_name.rfind('.');
  return dot == std::string_view::npos ? class_name : class_name.substr(dot + 1);
}

std::optional<std::string> ExtraRepr(const Model& model, const Module& module) {
  const std::string_view name = PrintedClass(module.class_name);
  if (IsTorchClass(module.class_name) && (name == "ParameterList" || name == "ParameterDict")) {
    return ParametersRepr(model, module, name == "ParameterList");
  }
  if (name == "GeneralizedRCNNTransform" && WithoutScript(module.class_name).starts_with("torchvision.")) {
    return TransformRepr(module);
  }
  auto form = FormOf(model, module);
  if (!form) return std::nullopt;
  const bool complete = module.origin == Origin::kRecorded && !module.class_name.starts_with(kScript);
  FormPrinter printer(model, module, complete);
  for (std::string_view rest = *form; !rest.empty();) {
    std::string_view piece = rest.substr(0, rest.find('|'));
    if (!printer.Add(piece)) return std::nullopt;
    rest.remove_prefix(std::min(rest.size(), piece.size() + 1));
  }
  return printer.Take();
}

}  // namespace pthview
