// The globals that a reader of PyTorch pickles gives a meaning to. Nothing is ever imported or called: a global that is
// not in this table is a name, and what stands inside it is read all the same.
// Source: torch/_utils.py, torch/_tensor.py, torch/storage.py, numpy/core/multiarray, CPython's pickle tests.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/pickle/value.h"

namespace pthview {

enum class GlobalKind : uint8_t {
  kUnknown,
  // functions that rebuild tensors
  kRebuildTensor,
  kRebuildTensorV2,
  kRebuildTensorV3,
  kRebuildParameter,
  kRebuildParameterWithState,
  kRebuildQTensor,
  kRebuildSparse,
  kRebuildSparseCsr,
  kRebuildMeta,
  kRebuildNested,
  kRebuildJagged,
  kRebuildWrapper,
  kRebuildFromNumpy,
  kRebuildFromCpu,
  kRebuildFromType,
  kRebuildFromTypeV2,
  kLoadFromBytes,
  kTensorClass,  // torch.FloatTensor and its like; dtype tells which
  kTensorBase,   // torch.Tensor, torch._C._TensorBase
  kParameter,    // torch.nn.parameter.Parameter
  kBuffer,
  kUninitialized,
  kShardedTensor,  // of torch 1.10 to 1.13, when it was no tensor
  kStorageClass,   // torch.FloatStorage, torch.storage.UntypedStorage; dtype tells which
  kGetLayout,
  // values
  kDType,
  kLayout,
  kQScheme,
  kSize,
  kDevice,
  // numpy
  kNumpyReconstruct,
  kNumpyScalar,
  kNumpyFromBuffer,
  kJoblibArray,  // joblib.numpy_pickle.NumpyArrayWrapper, whose elements follow its BUILD
  kDillArray,    // dill._dill._create_array(function, arguments, state, attributes)
  kNumpyDType,
  kNumpyArrayClass,
  // Python containers and scalars
  kOrderedDict,
  kDefaultDict,
  kCounter,
  kSet,
  kFrozenSet,
  kList,
  kDict,
  kTuple,
  kByteArray,  // and bytes, which old protocols make by a call too
  kComplex,
  kCodecsEncode,
  kReconstructor,  // copy_reg._reconstructor(cls, base, state)
  kNewObject,      // copyreg.__newobj__(cls, *args)
  // TorchScript's pickler
  kIntList,
  kDoubleList,
  kBoolList,
  kTensorList,
  kRestoreTypeTag,
  kTensorFromId,
};

struct GlobalMeaning {
  GlobalKind kind = GlobalKind::kUnknown;
  DType dtype = DType::kUnknown;  // kTensorClass, kStorageClass, kDType
  bool cuda = false;              // kTensorClass, kStorageClass from torch.cuda
};

GlobalMeaning MeaningOf(std::string_view module, std::string_view name);

// One row for each of tree.globals(), so that a name is looked up once and not once a tensor.
std::vector<GlobalMeaning> MeaningsOf(const pickle::Tree& tree);

}  // namespace pthview
