// Tensors that hold others, over files put together by hand: the forms of older torch, and what no torch writes.
#include <gtest/gtest.h>

#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

Model Open(const Code& tensor) {
  Code root =
      Named({{"f", StorageCode("FloatStorage", "f", 6)}, {"i", StorageCode("IntStorage", "i", 4)}, {"t", tensor}});
  auto model =
      OpenBytes(LegacyFile(root, {Values<float>("f", {0, 1, 2, 3, 4, 5}), Values<int32_t>("i", {0, 1, 2, 3})}));
  EXPECT_TRUE(model.has_value()) << (model ? "" : model.error().message);
  return model ? std::move(*model) : Model();
}

Code Floats(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  return TensorV2(StorageCode("FloatStorage", "f", 6), shape, strides);
}

// _rebuild_from_type_v2(_rebuild_wrapper_subclass, cls, (...), state)
Code Wrapper(const Code& type, const std::vector<int64_t>& shape, const Code& state) {
  Code layout = Reduce(Global("torch.serialization", "_get_layout"), {Text("torch.strided")});
  Code device = Reduce(Global("torch", "device"), {Text("cpu")});
  Code args = Tuple({type, Global("torch", "float32"), Ints(shape), Ints(std::vector<int64_t>(shape.size(), 1)), Int(0),
                     layout, device, Bool(true)});
  return Reduce(Global("torch._tensor", "_rebuild_from_type_v2"),
                {Global("torch._utils", "_rebuild_wrapper_subclass"), type, args, state});
}

Code Object(std::string_view module, std::string_view name, const Code& state) {
  return Build(NewObject(Global(module, name)), state);
}

constexpr std::string_view kPlacements = "torch.distributed._tensor.placement_types";

// As torch 2.2 wrote it: the mesh is a tensor, all state in one dict.
Code OldDTensor(const std::vector<int64_t>& shape, const Code& local, const Codes& placements, const Code& coordinate) {
  Code mesh = Object("torch.distributed.device_mesh", "DeviceMesh",
                     Named({{"device_type", Text("cpu")},
                            {"mesh", TensorV2(StorageCode("IntStorage", "i", 4), {2, 2}, {2, 1})},
                            {"mesh_dim_names", Tuple({Text("dp"), Text("tp")})},
                            {"_coordinate_on_dim", coordinate}}));
  Code spec = Object("torch.distributed._tensor.placement_types", "DTensorSpec",
                     Named({{"mesh", mesh}, {"placements", Tuple(placements)}}));
  return Wrapper(Global("torch.distributed._tensor.api", "DTensor"), shape,
                 Tuple({None(), Named({{"_local_tensor", local}, {"_spec", spec}})}));
}

Code Shard(int64_t dim) { return Object(kPlacements, "Shard", Named({{"dim", Int(dim)}})); }
Code Replicate() { return NewObject(Global(kPlacements, "Replicate")); }

std::string PlainAt(const Model& model, std::string_view path) {
  for (const PlainValue& plain : model.plain) {
    if (plain.path == path) return std::string(plain.text);
  }
  return "(none)";
}

TEST(TorchWrappers, DTensorOfAnOlderTorch) {
  Model model = Open(OldDTensor({4, 3}, Floats({2, 3}, {3, 1}), {Replicate(), Shard(-2)}, List({Int(0), Int(1)})));
  const Tensor* tensor = FindTensor(model, "t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->layout, Layout::kWrapper);
  EXPECT_EQ(tensor->class_name, "torch.distributed._tensor.api.DTensor");
  EXPECT_EQ(tensor->requires_grad, true);
  ASSERT_EQ(model.ComponentsOf(*tensor).size(), 1U);
  EXPECT_EQ(Describe(model, model.components[model.ComponentsOf(*tensor)[0].tensor]),
            "float32[2, 3] 0.0 1.0 2.0 3.0 4.0 5.0");
  EXPECT_EQ(PlainAt(model, "t.placements"), "(Replicate(), Shard(dim=-2))");
  EXPECT_EQ(PlainAt(model, "t.mesh"), "a mesh of (dp=2, tp=2) at [0, 1]");
  EXPECT_EQ(PlainAt(model, "t.local_offsets"), "[2, 0]");
  EXPECT_TRUE(Noted(model, "shard"));
}

TEST(TorchWrappers, OffsetsAreToldOnlyWhereTheyFit) {
  struct Case {
    const char* what;
    std::vector<int64_t> shape;
    Code local;
    Codes placements;
    Code coordinate;
    std::string offsets;
  };
  const Case kCases[] = {
      {"both dimensions of the mesh cut one of the tensor",
       {8},
       Floats({2}, {1}),
       {Shard(0), Shard(0)},
       List({Int(1), Int(1)}),
       "[6]"},
      {"uneven", {5}, Floats({1}, {1}), {Shard(0), Shard(0)}, List({Int(1), Int(1)}), "[4]"},
      {"another size than the mesh gives",
       {8},
       Floats({3}, {1}),
       {Shard(0), Shard(0)},
       List({Int(1), Int(1)}),
       "(none)"},
      {"a dimension that is not there",
       {8},
       Floats({4}, {1}),
       {Shard(3), Replicate()},
       List({Int(0), Int(0)}),
       "(none)"},
      {"a coordinate outside", {8}, Floats({4}, {1}), {Shard(0), Replicate()}, List({Int(7), Int(0)}), "(none)"},
      {"a coordinate far outside",
       {8},
       Floats({4}, {1}),
       {Shard(0), Replicate()},
       List({Int(INT64_MAX), Int(0)}),
       "(none)"},
      {"no coordinate", {8}, Floats({4}, {1}), {Shard(0), Replicate()}, None(), "(none)"},
      {"a placement too few", {8}, Floats({4}, {1}), {Shard(0)}, List({Int(0), Int(0)}), "(none)"},
      {"strided shards",
       {8},
       Floats({4}, {1}),
       {Object(kPlacements, "_StridedShard", Named({{"dim", Int(0)}, {"split_factor", Int(2)}})), Replicate()},
       List({Int(0), Int(0)}),
       "(none)"},
  };
  for (const Case& c : kCases) {
    Model model = Open(OldDTensor(c.shape, c.local, c.placements, c.coordinate));
    EXPECT_EQ(PlainAt(model, "t.local_offsets"), c.offsets) << c.what;
    EXPECT_EQ(FindTensor(model, "t")->component_count, 1U) << c.what;
  }
}

TEST(TorchWrappers, ReplicatedDTensorIsItsLocalTensor) {
  Model model = Open(OldDTensor({2, 3}, Floats({2, 3}, {3, 1}), {Replicate(), Replicate()}, None()));
  EXPECT_EQ(Describe(model, "t"), "float32[2, 3] 0.0 1.0 2.0 3.0 4.0 5.0");
  EXPECT_EQ(FindTensor(model, "t")->class_name, "torch.distributed._tensor.api.DTensor");
  EXPECT_FALSE(Noted(model, "shard"));
  Model summand = Open(
      OldDTensor({2, 3}, Floats({2, 3}, {3, 1}), {NewObject(Global(kPlacements, "_Partial")), Replicate()}, None()));
  EXPECT_EQ(FindTensor(summand, "t")->layout, Layout::kWrapper) << "one of several summands is not the tensor";
}

TEST(TorchWrappers, DTensorWithoutAnythingInside) {
  for (const Code& state : {None(), Named({}), Tuple({None(), None()}), Named({{"_local_tensor", Int(1)}}),
                            Tuple({None(), Named({{"_spec", Int(1)}})})}) {
    Model model = Open(Wrapper(Global("torch.distributed.tensor", "DTensor"), {2}, state));
    EXPECT_EQ(Describe(model, "t"), "float32[2] missing");
    EXPECT_TRUE(Noted(model, "dtensor"));
  }
}

// torch 1.10 to 1.13: no tensor, but an object with a state of its own.
TEST(TorchWrappers, ShardedTensorBeforeItWasATensor) {
  auto place = [](int64_t start, int64_t size) {
    return Object("torch.distributed._shard.metadata", "ShardMetadata",
                  Named({{"shard_offsets", List({Int(start)})}, {"shard_sizes", List({Int(size)})}}));
  };
  Code properties = Object("torch.distributed._shard.sharded_tensor.metadata", "TensorProperties",
                           Tuple({Global("torch", "float32"), Global("torch", "strided"), Bool(false)}));
  Code metadata = Object("torch.distributed._shard.sharded_tensor.metadata", "ShardedTensorMetadata",
                         Named({{"shards_metadata", List({place(0, 3), place(3, 3), place(6, 2)})},
                                {"size", Reduce(Global("torch", "Size"), {Ints({8})})},
                                {"tensor_properties", properties}}));
  auto shard = [&](int64_t start, int64_t size) {
    return Object("torch.distributed._shard.sharded_tensor.shard", "Shard",
                  Named({{"tensor", Floats({size}, {1})}, {"metadata", place(start, size)}}));
  };
  Code type = Global("torch.distributed._shard.sharded_tensor.api", "ShardedTensor");
  Model model = Open(Build(NewObject(type), Tuple({List({shard(0, 3), shard(6, 2)}), metadata, None()})));
  const Tensor* tensor = FindTensor(model, "t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->dtype, DType::kFloat32);
  ASSERT_EQ(tensor->shape.size(), 1U);
  EXPECT_EQ(tensor->shape[0], 8);
  auto components = model.ComponentsOf(*tensor);
  ASSERT_EQ(components.size(), 2U);
  EXPECT_EQ(Describe(model, model.components[components[1].tensor]), "float32[2] 0.0 1.0");
  EXPECT_EQ(PlainAt(model, "t.shard_1.offsets"), "[6]");
  EXPECT_EQ(PlainAt(model, "t.shards"), "2 of 3");
  Model none = Open(Build(NewObject(type), Tuple({List({}), metadata, None()})));
  EXPECT_EQ(Describe(none, "t"), "float32[8] missing");
}

TEST(TorchWrappers, AttributesOfTensorsAreRead) {
  Code inner = Object("library", "State", Named({{"absmax", Floats({2}, {1})}, {"kind", Text("nf4")}}));
  Code hooks = OrderedDict();
  Model model =
      Open(Rebuild("_rebuild_parameter_with_state",
                   {Floats({3}, {1}), Bool(false), hooks,
                    Named({{"state", inner}, {"many", List({Floats({1}, {1}), Int(2)})}, {"_dynamo_x", Int(1)}})}));
  EXPECT_EQ(Describe(model, "t"), "float32[3] 0.0 1.0 2.0");
  auto components = model.ComponentsOf(*FindTensor(model, "t"));
  ASSERT_EQ(components.size(), 2U);
  EXPECT_EQ(components[0].name, "state.absmax");
  EXPECT_EQ(components[1].name, "many_0");
  EXPECT_EQ(PlainAt(model, "t.state.kind"), "nf4");
  EXPECT_EQ(PlainAt(model, "t._dynamo_x"), "(none)");
}

TEST(TorchWrappers, SharedAttributesDoNotMultiply) {
  // Each level is a dict that names the level before eight times: 8^15 attributes if each were read.
  Code root = Named({{"a", Floats({1}, {1})}, {"b", Int(1)}}) + Put(100);
  for (uint8_t level = 1; level <= 15; ++level) {
    Pairs pairs;
    for (int i = 0; i < 8; ++i)
      pairs.emplace_back(Text(std::string(1, static_cast<char>('a' + i))), Get(static_cast<uint8_t>(99 + level)));
    root += "0" + Dict(pairs) + Put(static_cast<uint8_t>(100 + level));
  }
  Model model = Open(
      root + "0" + Rebuild("_rebuild_parameter_with_state", {Floats({3}, {1}), Bool(false), OrderedDict(), Get(115)}));
  EXPECT_EQ(Describe(model, "t"), "float32[3] 0.0 1.0 2.0");
  EXPECT_LT(model.components.size(), 20000U);
  EXPECT_LT(model.plain.size(), 200000U);
}

TEST(TorchWrappers, JaggedTensorsCountWhatTheirLengthsSay) {
  auto count = [](const Code& lengths, int64_t ragged) {
    Model model = Open(Reduce(Global("torch.nested._internal.nested_tensor", "_rebuild_njt"),
                              {Named({{"values", Floats({3, 2}, {2, 1})},
                                      {"offsets", TensorV2(StorageCode("IntStorage", "i", 4), {3}, {1})},
                                      {"lengths", lengths},
                                      {"_ragged_idx", Int(ragged)}})}));
    const Tensor* tensor = FindTensor(model, "t");
    return tensor == nullptr ? -1 : tensor->numel;
  };
  Code lengths = TensorV2(StorageCode("IntStorage", "i", 4), {2}, {1}, 1);  // 1 and 2, of the 3 that there are
  EXPECT_EQ(count(lengths, 1), (1 + 2) * 2);
  EXPECT_EQ(count(TensorV2(StorageCode("IntStorage", "i", 4), {2}, {1}), 1), (0 + 1) * 2);
  EXPECT_EQ(count(None(), 1), 6);
  EXPECT_EQ(count(lengths, 7), 6) << "no such dimension: as if there were none";
  EXPECT_EQ(count(Floats({2}, {1}), 1), 6) << "lengths that are no ints";
}

TEST(TorchWrappers, JaggedTensor) {
  auto jagged = [](const Code& offsets) {
    return Reduce(
        Global("torch._tensor", "_rebuild_from_type_v2"),
        {Global("torch.nested._internal.nested_tensor", "_rebuild_njt"),
         Global("torch.nested._internal.nested_tensor", "NestedTensor"),
         Tuple({Named(
             {{"values", Floats({6}, {1})}, {"offsets", offsets}, {"lengths", None()}, {"_ragged_idx", Int(1)}})}),
         Named({})});
  };
  Model model = Open(jagged(TensorV2(StorageCode("IntStorage", "i", 4), {3}, {1})));
  const Tensor* tensor = FindTensor(model, "t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->layout, Layout::kNested);
  EXPECT_EQ(tensor->shape[0], 2);
  EXPECT_EQ(tensor->numel, 6);
  EXPECT_EQ(PlainAt(model, "t.ragged_idx"), "1");
  Model scalar = Open(jagged(TensorV2(StorageCode("IntStorage", "i", 4), {}, {})));
  EXPECT_EQ(Describe(scalar, "t"), "(none)");
  EXPECT_TRUE(Noted(scalar, "tensor-unread"));
}

}  // namespace
}  // namespace pthview
