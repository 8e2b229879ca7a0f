#include "lib/formats/torch/torch_globals.h"

#include <string>

namespace pthview {
namespace {

struct Row {
  std::string_view module;
  std::string_view name;
  GlobalKind kind;
};

using enum GlobalKind;

constexpr Row kRows[] = {
    {"torch._utils", "_rebuild_tensor", kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", kRebuildTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", kRebuildTensorV3},
    {"torch._utils", "_rebuild_parameter", kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_v2", kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", kRebuildParameterWithState},
    {"torch._utils", "_rebuild_parameter_with_state_v2", kRebuildParameterWithState},
    {"torch._utils", "_rebuild_qtensor", kRebuildQTensor},
    {"torch._utils", "_rebuild_sparse_tensor", kRebuildSparse},
    {"torch._utils", "_rebuild_sparse_csr_tensor", kRebuildSparseCsr},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", kRebuildMeta},
    {"torch._utils", "_rebuild_nested_tensor", kRebuildNested},
    {"torch.nested._internal.nested_tensor", "_rebuild_njt", kRebuildJagged},
    {"torch._utils", "_rebuild_wrapper_subclass", kRebuildWrapper},
    {"torch._utils", "_rebuild_device_tensor_from_numpy", kRebuildFromNumpy},
    {"torch._utils", "_rebuild_xla_tensor", kRebuildFromNumpy},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor", kRebuildFromCpu},
    {"torch._tensor", "_rebuild_from_type", kRebuildFromType},
    {"torch._tensor", "_rebuild_from_type_v2", kRebuildFromTypeV2},
    {"torch.tensor", "_rebuild_from_type", kRebuildFromType},
    {"torch.tensor", "_rebuild_from_type_v2", kRebuildFromTypeV2},
    {"torch.storage", "_load_from_bytes", kLoadFromBytes},
    {"torch", "Tensor", kTensorBase},
    {"torch._tensor", "Tensor", kTensorBase},
    {"torch.tensor", "Tensor", kTensorBase},
    {"torch._C", "_TensorBase", kTensorBase},
    {"torch.nn.parameter", "Parameter", kParameter},
    {"torch.nn", "Parameter", kParameter},
    {"torch.nn.parameter", "Buffer", kBuffer},
    {"torch.nn.parameter", "UninitializedParameter", kUninitialized},
    {"torch.nn.parameter", "UninitializedBuffer", kUninitialized},
    {"torch.distributed._shard.sharded_tensor.api", "ShardedTensor", kShardedTensor},
    {"torch.distributed._sharded_tensor.api", "ShardedTensor", kShardedTensor},
    {"torch.serialization", "_get_layout", kGetLayout},
    {"torch", "Size", kSize},
    {"torch", "device", kDevice},
    {"torch._C", "device", kDevice},
    {"numpy.core.multiarray", "_reconstruct", kNumpyReconstruct},
    {"numpy._core.multiarray", "_reconstruct", kNumpyReconstruct},
    {"numpy.core.multiarray", "scalar", kNumpyScalar},
    {"numpy._core.multiarray", "scalar", kNumpyScalar},
    {"numpy.core.numeric", "_frombuffer", kNumpyFromBuffer},
    {"numpy._core.numeric", "_frombuffer", kNumpyFromBuffer},
    {"dill._dill", "_create_array", kDillArray},
    {"dill.dill", "_create_array", kDillArray},
    {"joblib.numpy_pickle", "NumpyArrayWrapper", kJoblibArray},
    {"sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper", kJoblibArray},
    {"numpy", "dtype", kNumpyDType},
    {"numpy", "ndarray", kNumpyArrayClass},
    {"collections", "OrderedDict", kOrderedDict},
    {"collections", "defaultdict", kDefaultDict},
    {"collections", "Counter", kCounter},
    {"_codecs", "encode", kCodecsEncode},
    {"copy_reg", "_reconstructor", kReconstructor},
    {"copyreg", "_reconstructor", kReconstructor},
    {"copy_reg", "__newobj__", kNewObject},
    {"copyreg", "__newobj__", kNewObject},
    {"torch.jit._pickle", "build_intlist", kIntList},
    {"torch.jit._pickle", "build_doublelist", kDoubleList},
    {"torch.jit._pickle", "build_boollist", kBoolList},
    {"torch.jit._pickle", "build_tensorlist", kTensorList},
    {"torch.jit._pickle", "restore_type_tag", kRestoreTypeTag},
    {"torch.jit._pickle", "build_tensor_from_id", kTensorFromId},
};

// Names of Python 2's __builtin__ and Python 3's builtins.
constexpr Row kBuiltins[] = {
    {"", "set", kSet},     {"", "frozenset", kFrozenSet}, {"", "list", kList},       {"", "dict", kDict},
    {"", "tuple", kTuple}, {"", "bytearray", kByteArray}, {"", "bytes", kByteArray}, {"", "complex", kComplex},
};

constexpr std::string_view kLayouts[] = {"strided",    "sparse_coo", "sparse_csr", "sparse_csc",
                                         "sparse_bsr", "sparse_bsc", "jagged",     "_mkldnn"};
constexpr std::string_view kQSchemes[] = {"per_tensor_affine", "per_channel_affine", "per_tensor_symmetric",
                                          "per_channel_symmetric", "per_channel_affine_float_qparams"};

GlobalMeaning MeaningInTorch(std::string_view name, bool cuda) {
  for (std::string_view layout : kLayouts) {
    if (name == layout) return {kLayout};
  }
  for (std::string_view scheme : kQSchemes) {
    if (name == scheme) return {kQScheme};
  }
  if (name.ends_with("Storage")) {
    if (auto dtype = DTypeFromStorageClass(name)) return {kStorageClass, *dtype, cuda};
  }
  if (name.ends_with("Tensor")) {
    std::string storage(name.substr(0, name.size() - 6));
    if (auto dtype = DTypeFromStorageClass(storage + "Storage")) return {kTensorClass, *dtype, cuda};
  }
  if (auto dtype = DTypeFromName(name)) return {kDType, *dtype};
  return {};
}

}  // namespace

GlobalMeaning MeaningOf(std::string_view module, std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name && row.module == module) return {row.kind};
  }
  if (module == "__builtin__" || module == "builtins") {
    for (const Row& row : kBuiltins) {
      if (row.name == name) return {row.kind};
    }
    return {};
  }
  if (module == "torch" || module == "torch.storage") return MeaningInTorch(name, false);
  if (module == "torch.cuda") return MeaningInTorch(name, true);
  if (module == "numpy.dtypes" && name.ends_with("DType")) return {kNumpyDType};
  return {};
}

std::vector<GlobalMeaning> MeaningsOf(const pickle::Tree& tree) {
  std::vector<GlobalMeaning> meanings;
  meanings.reserve(tree.globals().size());
  for (const pickle::Global& global : tree.globals()) meanings.push_back(MeaningOf(global.module, global.name));
  return meanings;
}

}  // namespace pthview
