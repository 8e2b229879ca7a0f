#include "lib/formats/torch/torch_layers.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace pthview {
namespace {

struct Row {
  std::string_view file;   // below torch.nn.modules
  std::string_view names;  // between blanks
};

// torch 2.13, and what older versions had.
constexpr Row kRows[] = {
    {"activation",
     "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
     "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus "
     "Softshrink Softsign Tanh Tanhshrink Threshold"},
    {"adaptive", "AdaptiveLogSoftmaxWithLoss"},
    {"batchnorm", "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm"},
    {"channelshuffle", "ChannelShuffle"},
    {"container", "Container ModuleDict ModuleList ParameterDict ParameterList Sequential"},
    {"conv",
     "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d "
     "LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"},
    {"distance", "CosineSimilarity PairwiseDistance"},
    {"dropout", "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout"},
    {"flatten", "Flatten Unflatten"},
    {"fold", "Fold Unfold"},
    {"instancenorm",
     "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d "
     "LazyInstanceNorm3d"},
    {"linear", "Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear"},
    {"loss",
     "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss "
     "HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss "
     "MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss "
     "SmoothL1Loss SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss"},
    {"module", "Module"},
    {"normalization", "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm"},
    {"padding",
     "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
     "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d "
     "ZeroPad2d ZeroPad3d"},
    {"pixelshuffle", "PixelShuffle PixelUnshuffle"},
    {"pooling",
     "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
     "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d "
     "LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d"},
    {"rnn", "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase"},
    {"sparse", "Embedding EmbeddingBag"},
    {"transformer",
     "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"},
    {"upsampling", "Upsample UpsamplingBilinear2d UpsamplingNearest2d"},
};
constexpr std::string_view kParallel = "DataParallel DistributedDataParallel";
constexpr std::string_view kFunctions =
    "celu elu gelu glu hardsigmoid hardswish hardtanh leaky_relu log_softmax logsigmoid mish relu relu6 selu sigmoid "
    "silu "
    "softmax softplus softsign tanh tanhshrink";

bool Has(std::string_view names, std::string_view name) {
  for (size_t at = names.find(name); at != names.npos; at = names.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || names[at - 1] == ' ') && (end == names.size() || names[end] == ' ')) return !name.empty();
  }
  return false;
}

// Without what TorchScript puts before and into names.
std::string Plain(std::string_view module) {
  constexpr std::string_view kScript = "__torch__.";
  if (!module.starts_with(kScript)) return std::string(module);
  module.remove_prefix(kScript.size());
  const size_t mangled = module.rfind(".___torch_mangle_");
  return std::string(module.substr(0, std::min(mangled, module.size())));
}

}  // namespace

bool IsTorchLayer(std::string_view module, std::string_view name) {
  constexpr std::string_view kModules = "torch.nn.modules.";
  constexpr size_t kLongest = 200;
  if (module.size() > kLongest || name.size() > kLongest) return false;
  const std::string plain = Plain(module);
  if (plain == "torch.nn.functional" || plain == "torch._C._nn") return Has(kFunctions, name);
  if (plain == "torch.nn.parallel.data_parallel" || plain == "torch.nn.parallel.distributed") {
    return Has(kParallel, name);
  }
  if (!plain.starts_with(kModules)) return false;
  const std::string_view file = std::string_view(plain).substr(kModules.size());
  return std::any_of(std::begin(kRows), std::end(kRows),
                     [&](const Row& row) { return row.file == file && Has(row.names, name); });
}

}  // namespace pthview
