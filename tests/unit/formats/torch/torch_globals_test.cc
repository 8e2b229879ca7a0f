#include "lib/formats/torch/torch_globals.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(TorchGlobals, KnowsEachName) {
  struct Case {
    const char* module;
    const char* name;
    GlobalKind kind;
  };
  const Case kCases[] = {
      {"torch._utils", "_rebuild_tensor_v2", GlobalKind::kRebuildTensorV2},
      {"torch._utils", "_rebuild_parameter", GlobalKind::kRebuildParameter},
      {"torch._tensor", "_rebuild_from_type_v2", GlobalKind::kRebuildFromTypeV2},
      {"torch.storage", "_load_from_bytes", GlobalKind::kLoadFromBytes},
      {"torch.nn.parameter", "Parameter", GlobalKind::kParameter},
      {"torch", "Size", GlobalKind::kSize},
      {"torch", "sparse_coo", GlobalKind::kLayout},
      {"torch", "per_channel_affine", GlobalKind::kQScheme},
      {"numpy.core.multiarray", "_reconstruct", GlobalKind::kNumpyReconstruct},
      {"numpy._core.multiarray", "_reconstruct", GlobalKind::kNumpyReconstruct},
      {"numpy.dtypes", "Float32DType", GlobalKind::kNumpyDType},
      {"collections", "OrderedDict", GlobalKind::kOrderedDict},
      {"__builtin__", "set", GlobalKind::kSet},
      {"builtins", "set", GlobalKind::kSet},
      {"copy_reg", "_reconstructor", GlobalKind::kReconstructor},
      {"copyreg", "_reconstructor", GlobalKind::kReconstructor},
  };
  for (const Case& c : kCases) EXPECT_EQ(MeaningOf(c.module, c.name).kind, c.kind) << c.module << '.' << c.name;
}

TEST(TorchGlobals, ReadsElementTypesFromNames) {
  struct Case {
    const char* module;
    const char* name;
    GlobalKind kind;
    DType dtype;
    bool cuda;
  };
  const Case kCases[] = {
      {"torch", "FloatStorage", GlobalKind::kStorageClass, DType::kFloat32, false},
      {"torch", "BFloat16Storage", GlobalKind::kStorageClass, DType::kBFloat16, false},
      {"torch.cuda", "HalfStorage", GlobalKind::kStorageClass, DType::kFloat16, true},
      {"torch.storage", "UntypedStorage", GlobalKind::kStorageClass, DType::kUint8, false},
      {"torch", "LongTensor", GlobalKind::kTensorClass, DType::kInt64, false},
      {"torch.cuda", "FloatTensor", GlobalKind::kTensorClass, DType::kFloat32, true},
      {"torch", "bfloat16", GlobalKind::kDType, DType::kBFloat16, false},
      {"torch", "quint4x2", GlobalKind::kDType, DType::kQUInt4x2, false},
  };
  for (const Case& c : kCases) {
    GlobalMeaning meaning = MeaningOf(c.module, c.name);
    EXPECT_EQ(meaning.kind, c.kind) << c.name;
    EXPECT_EQ(meaning.dtype, c.dtype) << c.name;
    EXPECT_EQ(meaning.cuda, c.cuda) << c.name;
  }
}

TEST(TorchGlobals, SameNameInAnotherModuleMeansNothing) {
  for (auto [module, name] : {std::pair{"mytorch._utils", "_rebuild_tensor_v2"},
                              {"os", "Size"},
                              {"builtins", "eval"},
                              {"torch", "MyStorage"},
                              {"numpy", "_reconstruct"},
                              {"", ""},
                              {"torch", ""}}) {
    EXPECT_EQ(MeaningOf(module, name).kind, GlobalKind::kUnknown) << module << '.' << name;
  }
}

}  // namespace
}  // namespace pthview
