// The rebuild functions, each over a file put together by hand.
#include "lib/formats/torch/torch_tensors.h"

#include <gtest/gtest.h>

#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

// Storages that the cases below name.
std::vector<StorageBytes> Storages() {
  return {Values<float>("f", {0, 1, 2, 3, 4, 5}), Values<int64_t>("l", {0, 1, 1, 0}),
          Values<int8_t>("q", {-2, -1, 0, 1}), Values<double>("d", {0.5, 2})};
}

Code Floats(int64_t n) { return Row("FloatStorage", "f", n); }
Code Longs(int64_t n) { return Row("LongStorage", "l", n); }

Model Open(const Code& tensor) {
  // All storages are named first, so that each is of known type.
  Code root = Named({{"f", StorageCode("FloatStorage", "f", 6)},
                     {"l", StorageCode("LongStorage", "l", 4)},
                     {"q", StorageCode("QInt8Storage", "q", 4)},
                     {"d", StorageCode("DoubleStorage", "d", 2)},
                     {"t", tensor}});
  auto model = OpenBytes(LegacyFile(root, Storages()));
  EXPECT_TRUE(model.has_value()) << (model ? "" : model.error().message);
  return model ? std::move(*model) : Model();
}

TEST(TorchTensors, EachFunctionGivesItsTensor) {
  Code storage = StorageCode("FloatStorage", "f", 6);
  Code hooks = OrderedDict();
  auto array_of = [](int64_t size, const Code& data) {
    return Build(
        Reduce(Global("numpy.core.multiarray", "_reconstruct"), {Global("numpy", "ndarray"), Ints({0}), Bytes("b")}),
        Tuple({Int(1), Ints({size}),
               Build(Reduce(Global("numpy", "dtype"), {Text("f4"), Bool(false), Bool(true)}),
                     Tuple({Int(3), Text("<"), None(), None(), None(), Int(-1), Int(-1), Int(0)})),
               Bool(false), data}));
  };
  Code array = array_of(2, Bytes(Little(1.5F) + Little(-2.0F)));
  struct Case {
    const char* what;
    Code code;
    std::string expected;
  };
  const Case kCases[] = {
      {"v1", Rebuild("_rebuild_tensor", {storage, Int(1), Ints({2}), Ints({3})}), "float32[2] 1.0 4.0"},
      {"v2", TensorV2(storage, {2, 3}, {1, 2}), "float32[2, 3] 0.0 2.0 4.0 1.0 3.0 5.0"},
      {"v3",
       Rebuild("_rebuild_tensor_v3", {StorageCode("UntypedStorage", "f", 24), Int(0), Ints({2}), Ints({1}), Bool(false),
                                      hooks, Global("torch", "float32")}),
       "float32[2] 0.0 1.0"},
      // 0x3F80 and 0xBFC0 are 1 and -1.5; the storage holds the floats 0 and 1.
      {"two bfloat16",
       Rebuild("_rebuild_tensor_v3", {StorageCode("UntypedStorage", "f", 24), Int(1), Ints({1}), Ints({1}), Bool(false),
                                      hooks, Global("torch", "bcomplex32")}),
       "bcomplex32[1] (0+1j)"},
      {"parameter", Rebuild("_rebuild_parameter", {Floats(2), Bool(true), hooks}), "float32[2] 0.0 1.0"},
      {"parameter with state",
       Rebuild("_rebuild_parameter_with_state", {Floats(2), Bool(true), hooks, Named({{"a", Int(1)}})}),
       "float32[2] 0.0 1.0"},
      {"quantized",
       Rebuild("_rebuild_qtensor",
               {StorageCode("QInt8Storage", "q", 4), Int(0), Ints({4}), Ints({1}),
                Tuple({Global("torch", "per_tensor_affine"), Float(0.5), Int(1)}), Bool(false), hooks}),
       "qint8[4] -2 -1 0 1"},
      {"meta",
       Rebuild("_rebuild_meta_tensor_no_storage",
               {Global("torch", "float16"), Ints({2, 2}), Ints({2, 1}), Bool(false)}),
       "float16[2, 2] meta"},
      {"from type",
       Reduce(Global("torch._tensor", "_rebuild_from_type_v2"),
              {Global("torch._utils", "_rebuild_tensor_v2"), Global("project", "Named"),
               Tuple({storage, Int(0), Ints({2}), Ints({1}), Bool(false), hooks}), None()}),
       "float32[2] 0.0 1.0"},
      {"old tensor", Build(NewObject(Global("torch", "FloatTensor")), Tuple({storage, Int(2), Ints({2}), Ints({1})})),
       "float32[2] 2.0 3.0"},
      {"old parameter", Build(NewObject(Global("torch.nn.parameter", "Parameter")), Tuple({Floats(1), Bool(true)})),
       "float32[1] 0.0"},
      {"list", Reduce(Global("torch", "FloatTensor"), {List({List({Int(1), Float(2)}), List({Int(3), Int(4)})})}),
       "float32[2, 2] 1.0 2.0 3.0 4.0"},
      {"storage", storage, "float32[6] 0.0 1.0 2.0 3.0 4.0 5.0"},
      {"array", array, "float32[2] 1.5 -2.0"},
      {"empty array of protocol 2", array_of(0, Reduce(Global("__builtin__", "bytes"), {})), "float32[0]"},
      {"array of a bytearray of protocol 2",
       array_of(1, Reduce(Global("__builtin__", "bytearray"), {Text(std::string(4, '\0')), Text("latin-1")})),
       "float32[1] 0.0"},
      {"from numpy",
       Rebuild("_rebuild_device_tensor_from_numpy", {array, Global("torch", "float32"), Text("xla:0"), Bool(false)}),
       "float32[2] 1.5 -2.0"},
      {"scalar", TensorV2(storage, {}, {}, 5), "float32[] 5.0"},
      {"empty", TensorV2(storage, {0, 3}, {3, 1}, 6), "float32[0, 3]"},
      {"repeated", TensorV2(storage, {3}, {0}, 4), "float32[3] 4.0 4.0 4.0"},
      {"too long", TensorV2(storage, {7}, {1}), "float32[7] oob"},
      {"too far", TensorV2(storage, {2}, {1}, 5), "float32[2] oob"},
      {"before", TensorV2(storage, {2}, {-1}, 0), "float32[2] oob"},
      {"huge stride", TensorV2(storage, {2}, {INT64_MAX}), "float32[2] oob"},
      {"huge shape", TensorV2(storage, {INT64_MAX, INT64_MAX}, {1, 1}),
       "float32[9223372036854775807, 9223372036854775807] oob"},
      {"negative shape", TensorV2(storage, {-1}, {1}), "float32[-1] oob"},
      {"strides missing", TensorV2(storage, {2, 2}, {1}), "float32[2, 2] oob"},
      {"no storage", TensorV2(StorageCode("FloatStorage", "gone", 2), {2}, {1}), "float32[2] missing"},
      {"unknown type", TensorV2(StorageCode("StrangeStorage", "f", 6), {2}, {1}), "unknown[2] missing"},
  };
  for (const Case& c : kCases) {
    Model model = Open(c.code);
    EXPECT_EQ(Describe(model, "t"), c.expected) << c.what;
  }
}

TEST(TorchTensors, ArgumentsThatAreNotUnderstoodAreAFinding) {
  Code storage = StorageCode("FloatStorage", "f", 6);
  for (const Code& code :
       {Rebuild("_rebuild_tensor_v2", {}), Rebuild("_rebuild_tensor_v2", {storage, Int(0)}),
        Rebuild("_rebuild_tensor_v2", {storage, Text("0"), Ints({1}), Ints({1})}),
        Rebuild("_rebuild_tensor_v2", {Int(1), Int(0), Ints({1}), Ints({1})}),
        Rebuild("_rebuild_tensor_v2", {storage, Int(0), Tuple({Text("x")}), Ints({1})}),
        Rebuild("_rebuild_parameter", {}), Rebuild("_rebuild_parameter", {Int(1), Bool(true)}),
        Rebuild("_rebuild_qtensor", {storage, Int(0), Ints({1}), Ints({1})}),
        Rebuild("_rebuild_sparse_tensor", {None()}), Rebuild("_rebuild_nested_tensor", {Floats(1)}),
        Reduce(Global("torch._tensor", "_rebuild_from_type_v2"), {None(), None(), None(), None()})}) {
    Model model = Open(code);
    EXPECT_EQ(Describe(model, "t"), "(none)");
    EXPECT_TRUE(Noted(model, "tensor-unread"));
    EXPECT_NE(FindTensor(model, "f"), nullptr) << "what stands beside it is listed";
  }
}

TEST(TorchTensors, RequiresGradClassAndDevice) {
  Code hooks = OrderedDict();
  Model model = Open(Rebuild("_rebuild_parameter", {Floats(2), Bool(true), hooks}));
  EXPECT_EQ(FindTensor(model, "t")->requires_grad, true);
  EXPECT_EQ(FindTensor(model, "t")->kind, TensorKind::kParameter);
  EXPECT_EQ(FindTensor(model, "t")->device, "cpu");
  EXPECT_EQ(FindTensor(model, "f")->requires_grad, std::nullopt);
  EXPECT_EQ(FindTensor(model, "f")->class_name, "storage");
  Model typed = Open(Reduce(Global("torch._tensor", "_rebuild_from_type_v2"),
                            {Global("torch._utils", "_rebuild_parameter"), Global("project", "Named"),
                             Tuple({Floats(1), Bool(false), hooks}), None()}));
  EXPECT_EQ(FindTensor(typed, "t")->class_name, "project.Named");
}

TEST(TorchTensors, SparseNestedAndQuantizedHaveComponents) {
  Code layout = Reduce(Global("torch.serialization", "_get_layout"), {Text("torch.sparse_coo")});
  Code indices = TensorV2(StorageCode("LongStorage", "l", 4), {2, 2}, {2, 1});
  Model sparse = Open(Rebuild("_rebuild_sparse_tensor", {layout, Tuple({indices, Floats(2), Ints({2, 2})})}));
  const Tensor* tensor = FindTensor(sparse, "t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->layout, Layout::kSparseCoo);
  ASSERT_EQ(sparse.ComponentsOf(*tensor).size(), 2U);
  EXPECT_EQ(sparse.ComponentsOf(*tensor)[0].name, "indices");
  EXPECT_EQ(Describe(sparse, sparse.components[sparse.ComponentsOf(*tensor)[1].tensor]), "float32[2] 0.0 1.0");

  Model nested = Open(Rebuild("_rebuild_nested_tensor", {Floats(4), indices, indices, Longs(2)}));
  tensor = FindTensor(nested, "t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->layout, Layout::kNested);
  EXPECT_EQ(tensor->numel, 4);
  EXPECT_EQ(nested.ComponentsOf(*tensor).size(), 4U);

  Code qparams = Tuple({Global("torch", "per_channel_affine"), Row("DoubleStorage", "d", 2), Longs(2), Int(0)});
  Model quantized = Open(Rebuild("_rebuild_qtensor", {StorageCode("QInt8Storage", "q", 4), Int(0), Ints({2, 2}),
                                                      Ints({2, 1}), qparams, Bool(false), OrderedDict()}));
  tensor = FindTensor(quantized, "t");
  ASSERT_NE(tensor, nullptr);
  ASSERT_NE(tensor->quantization, kNone);
  const Quantization& q = quantized.quantizations[tensor->quantization];
  EXPECT_TRUE(q.per_channel);
  EXPECT_EQ(Describe(quantized, quantized.components[q.scales]), "float64[2] 0.5 2.0");
}

TEST(TorchTensors, ConjAndNegBits) {
  Model model = Open(Rebuild("_rebuild_tensor_v2", {StorageCode("FloatStorage", "f", 6), Int(1), Ints({2}), Ints({1}),
                                                    Bool(false), OrderedDict(), Named({{"neg", Bool(true)}})}));
  EXPECT_TRUE(FindTensor(model, "t")->neg);
  EXPECT_FALSE(FindTensor(model, "t")->conj);
  EXPECT_EQ(Describe(model, "t"), "float32[2] -1.0 -2.0");
}

// ---- hostile ----

TEST(TorchTensors, FunctionThatRebuildsItselfEnds) {
  // args of _rebuild_from_type that hold themselves: l = []; l.append(f, T, l, None)
  Code function = Global("torch._tensor", "_rebuild_from_type");
  Code cycle = "]" + Put(50) + "(" + function + Global("project", "T") + Get(50) + None() + "e";
  Model model = Open(Reduce(function, {function, Global("project", "T"), cycle, None()}));
  EXPECT_EQ(Describe(model, "t"), "(none)");
}

TEST(TorchTensors, StoragesInStoragesEnd) {
  Code storage = StorageCode("FloatStorage", "f", 6);
  Code deep;
  for (int i = 0; i < 300000; ++i) deep += Global("torch", "FloatStorage") + "(";
  deep += storage;
  for (int i = 0; i < 300000; ++i) deep += "tR";
  Model model = Open(TensorV2(deep, {1}, {1}));
  EXPECT_EQ(Describe(model, "t"), "(none)");
}

TEST(TorchTensors, TensorsMadeOfSharedTensorsDoNotMultiply) {
  // Each level is a nested tensor of four times the level before: 4^15 components if each were read.
  Code root = Floats(1) + Put(100);
  for (uint8_t level = 1; level <= 15; ++level) {
    Code below = Get(static_cast<uint8_t>(99 + level));
    root +=
        "0" + Rebuild("_rebuild_nested_tensor", {below, below, below, below}) + Put(static_cast<uint8_t>(100 + level));
  }
  Model model = Open(root);
  EXPECT_LT(model.components.size(), 20000U);
}

TEST(TorchTensors, SharedRowsOfAListDoNotMultiply) {
  // 400 references to 400 references to ... an empty list: nothing in all, and 400^4 rows on the way.
  Code root = "]" + Put(100);
  for (uint8_t level = 1; level <= 4; ++level) {
    root += "0](";
    for (int i = 0; i < 400; ++i) root += Get(static_cast<uint8_t>(99 + level));
    root += "e" + Put(static_cast<uint8_t>(100 + level));
  }
  Code type = Global("torch", "FloatTensor");
  Model model = Open(root + "0" + Reduce(type, {Get(104)}));
  EXPECT_EQ(Describe(model, "t"), "(none)");
}

TEST(TorchTensors, FileNamedByManyCallsIsReadOnce) {
  std::string inner = LegacyFile(StorageCode("FloatStorage", "0", 2), {Values<float>("0", {7, 8})});
  Code load = Global("torch.storage", "_load_from_bytes");
  Code calls = Reduce(load, {Bytes(inner) + Put(60)});
  for (int i = 0; i < 50; ++i) calls += Reduce(load, {Get(60)});
  Model model = Open("](" + calls + "e");
  EXPECT_EQ(Describe(model, "t[0]"), "float32[2] 7.0 8.0");
  EXPECT_EQ(Describe(model, "t[50]"), "float32[2] 7.0 8.0");
  EXPECT_LE(model.sources.size(), 3U);
}

TEST(TorchTensors, FileInsideAPickle) {
  std::string inner = LegacyFile(StorageCode("FloatStorage", "0", 2), {Values<float>("0", {7, 8})});
  Code load = Global("torch.storage", "_load_from_bytes");
  Model model = Open(TensorV2(Reduce(load, {Bytes(inner)}), {2}, {1}));
  EXPECT_EQ(Describe(model, "t"), "float32[2] 7.0 8.0");
  Model broken = Open(TensorV2(Reduce(load, {Bytes(inner.substr(0, 40))}), {2}, {1}));
  EXPECT_EQ(Describe(broken, "t"), "(none)");
  EXPECT_TRUE(Noted(broken, "nested-file"));
}

}  // namespace
}  // namespace pthview
