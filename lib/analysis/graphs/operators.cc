#include "lib/analysis/graphs/operators.h"

#include <algorithm>
#include <iterator>

namespace pthview {
namespace {

struct Row {
  std::string_view op;
  std::string_view category;
};

// Sorted by name. Names of aten without "_" at the front and back, and of torch.nn in lower case.
constexpr Row kRows[] = {
    {"adaptive_avg_pool1d", "Pool"},
    {"adaptive_avg_pool2d", "Pool"},
    {"adaptive_avg_pool3d", "Pool"},
    {"adaptive_max_pool1d", "Pool"},
    {"adaptive_max_pool2d", "Pool"},
    {"adaptive_max_pool3d", "Pool"},
    {"adaptiveavgpool1d", "Pool"},
    {"adaptiveavgpool2d", "Pool"},
    {"adaptiveavgpool3d", "Pool"},
    {"adaptivemaxpool1d", "Pool"},
    {"adaptivemaxpool2d", "Pool"},
    {"addbmm", "Layer"},
    {"addmm", "Layer"},
    {"alpha_dropout", "Dropout"},
    {"avg_pool1d", "Pool"},
    {"avg_pool2d", "Pool"},
    {"avg_pool3d", "Pool"},
    {"avgpool1d", "Pool"},
    {"avgpool2d", "Pool"},
    {"avgpool3d", "Pool"},
    {"baddbmm", "Layer"},
    {"batch_norm", "Normalization"},
    {"batchnorm1d", "Normalization"},
    {"batchnorm2d", "Normalization"},
    {"batchnorm3d", "Normalization"},
    {"bilinear", "Layer"},
    {"bmm", "Layer"},
    {"cat", "Tensor"},
    {"celu", "Activation"},
    {"chunk", "Tensor"},
    {"concat", "Tensor"},
    {"cond", "Control"},
    {"constant", "Constant"},
    {"constant_pad_nd", "Tensor"},
    {"conv1d", "Layer"},
    {"conv2d", "Layer"},
    {"conv3d", "Layer"},
    {"conv_transpose1d", "Layer"},
    {"conv_transpose2d", "Layer"},
    {"conv_transpose3d", "Layer"},
    {"convolution", "Layer"},
    {"convolution_mode", "Layer"},
    {"convtranspose1d", "Layer"},
    {"convtranspose2d", "Layer"},
    {"convtranspose3d", "Layer"},
    {"cudnn_batch_norm", "Normalization"},
    {"dropout", "Dropout"},
    {"dropout1d", "Dropout"},
    {"dropout2d", "Dropout"},
    {"dropout3d", "Dropout"},
    {"einsum", "Layer"},
    {"elu", "Activation"},
    {"embedding", "Transform"},
    {"embedding_bag", "Transform"},
    {"embeddingbag", "Transform"},
    {"expand", "Shape"},
    {"expand_as", "Shape"},
    {"feature_alpha_dropout", "Dropout"},
    {"feature_dropout", "Dropout"},
    {"flatten", "Shape"},
    {"gather", "Transform"},
    {"gelu", "Activation"},
    {"glu", "Activation"},
    {"group_norm", "Normalization"},
    {"groupnorm", "Normalization"},
    {"gru", "Layer"},
    {"gru_cell", "Layer"},
    {"grucell", "Layer"},
    {"hardshrink", "Activation"},
    {"hardsigmoid", "Activation"},
    {"hardswish", "Activation"},
    {"hardtanh", "Activation"},
    {"if", "Control"},
    {"index_select", "Transform"},
    {"instance_norm", "Normalization"},
    {"instancenorm1d", "Normalization"},
    {"instancenorm2d", "Normalization"},
    {"instancenorm3d", "Normalization"},
    {"layer_norm", "Normalization"},
    {"layernorm", "Normalization"},
    {"leaky_relu", "Activation"},
    {"leakyrelu", "Activation"},
    {"linear", "Layer"},
    {"local_response_norm", "Normalization"},
    {"localresponsenorm", "Normalization"},
    {"log_sigmoid", "Activation"},
    {"log_softmax", "Activation"},
    {"logsigmoid", "Activation"},
    {"logsoftmax", "Activation"},
    {"loop", "Control"},
    {"lstm", "Layer"},
    {"lstm_cell", "Layer"},
    {"lstmcell", "Layer"},
    {"map_impl", "Control"},
    {"matmul", "Layer"},
    {"max_pool1d", "Pool"},
    {"max_pool2d", "Pool"},
    {"max_pool2d_with_indices", "Pool"},
    {"max_pool3d", "Pool"},
    {"maxpool1d", "Pool"},
    {"maxpool2d", "Pool"},
    {"maxpool3d", "Pool"},
    {"mish", "Activation"},
    {"mm", "Layer"},
    {"multiheadattention", "Attention"},
    {"narrow", "Tensor"},
    {"native_batch_norm", "Normalization"},
    {"native_batch_norm_legit", "Normalization"},
    {"native_batch_norm_legit_no_training", "Normalization"},
    {"native_dropout", "Dropout"},
    {"native_group_norm", "Normalization"},
    {"native_layer_norm", "Normalization"},
    {"native_multi_head_attention", "Attention"},
    {"pad", "Tensor"},
    {"permute", "Shape"},
    {"pixel_shuffle", "Shape"},
    {"prelu", "Activation"},
    {"prelu_kernel", "Activation"},
    {"quantize_per_tensor", "Quantization"},
    {"reflection_pad1d", "Tensor"},
    {"reflection_pad2d", "Tensor"},
    {"relu", "Activation"},
    {"relu6", "Activation"},
    {"replication_pad2d", "Tensor"},
    {"reshape", "Shape"},
    {"rms_norm", "Normalization"},
    {"rmsnorm", "Normalization"},
    {"rnn", "Layer"},
    {"rnn_relu", "Layer"},
    {"rnn_tanh", "Layer"},
    {"rrelu", "Activation"},
    {"scaled_dot_product_attention", "Attention"},
    {"scaled_dot_product_efficient_attention", "Attention"},
    {"scaled_dot_product_flash_attention", "Attention"},
    {"scaled_dot_product_flash_attention_for_cpu", "Attention"},
    {"scan", "Control"},
    {"select", "Tensor"},
    {"selu", "Activation"},
    {"sigmoid", "Activation"},
    {"silu", "Activation"},
    {"slice", "Tensor"},
    {"softmax", "Activation"},
    {"softplus", "Activation"},
    {"softshrink", "Activation"},
    {"softsign", "Activation"},
    {"split", "Tensor"},
    {"split_with_sizes", "Tensor"},
    {"squeeze", "Transform"},
    {"stack", "Tensor"},
    {"sync_batch_norm", "Normalization"},
    {"t", "Shape"},
    {"tanh", "Activation"},
    {"tanhshrink", "Activation"},
    {"threshold", "Activation"},
    {"transpose", "Shape"},
    {"unbind", "Tensor"},
    {"unflatten", "Shape"},
    {"unsafe_split", "Tensor"},
    {"unsqueeze", "Transform"},
    {"upsample_bicubic2d", "Layer"},
    {"upsample_bilinear2d", "Layer"},
    {"upsample_linear1d", "Layer"},
    {"upsample_nearest1d", "Layer"},
    {"upsample_nearest2d", "Layer"},
    {"upsample_nearest3d", "Layer"},
    {"upsample_trilinear3d", "Layer"},
    {"view", "Shape"},
    {"while_loop", "Control"},
};

constexpr bool Sorted() {
  for (size_t i = 1; i < std::size(kRows); ++i) {
    if (!(kRows[i - 1].op < kRows[i].op)) return false;
  }
  return true;
}
static_assert(Sorted());

// Of numbers: what Python's operator module and TorchScript's interpreter call them.
constexpr std::string_view kArithmetic[] = {
    "add",     "sub",     "mul",     "floordiv",  "truediv", "mod",     "neg", "pow",  "eq",
    "ne",      "lt",      "le",      "gt",        "ge",      "and_",    "or_", "not_", "sym_max",
    "sym_min", "sym_not", "sym_int", "sym_float", "sym_ite", "sym_sum", "min", "max"};
constexpr std::string_view kSizes[] = {
    "size", "sym_size",       "sym_numel",   "sym_stride",  "sym_storage_offset", "dim",         "len",   "numel",
    "Int",  "ScalarImplicit", "IntImplicit", "NumToTensor", "ListConstruct",      "__getitem__", "Float", "Bool"};

template <size_t N>
bool Among(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

std::string_view OperatorCategory(const Node& node) {
  std::string name;
  name.reserve(node.op.size());
  for (char c : node.op) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string_view op = name;
  while (op.starts_with('_')) op.remove_prefix(1);
  while (op.ends_with('_')) op.remove_suffix(1);
  const Row* found = std::lower_bound(std::begin(kRows), std::end(kRows), op,
                                      [](const Row& row, std::string_view wanted) { return row.op < wanted; });
  return found != std::end(kRows) && found->op == op ? found->category : std::string_view();
}

std::string OperatorName(const Node& node) { return node.domain.empty() ? node.op : node.domain + "::" + node.op; }

bool ComputesSizes(const Node& node) {
  if (node.domain == "_operator" || node.domain == "torch" || node.domain == "math") return Among(node.op, kArithmetic);
  if (node.domain == "aten" || node.domain == "prim") return Among(node.op, kSizes);
  return false;
}

}  // namespace pthview
