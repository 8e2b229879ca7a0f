#include "lib/formats/torch/torch_walk.h"

#include <gtest/gtest.h>

#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

Code Weight() { return Row("FloatStorage", "f", 2); }

Model Open(const Code& root) {
  auto model = OpenBytes(LegacyFile(root, {Values<float>("f", {1, 2})}));
  EXPECT_TRUE(model.has_value()) << (model ? "" : model.error().message);
  return model ? std::move(*model) : Model();
}

TEST(TorchWalk, PathsAndNames) {
  Model model = Open(Named({{"state_dict", Named({{"fc.weight", Weight()}, {"a b", Weight()}})},
                            {"optimizer", Named({{"state", Dict({{Int(0), Named({{"exp_avg", Weight()}})}})},
                                                 {"param_groups", List({Named({{"lr", Float(0.1)}})})}})}}));
  ASSERT_EQ(model.tensors.size(), 3U);
  EXPECT_EQ(model.tensors[0].path, "state_dict.fc.weight");
  EXPECT_EQ(model.tensors[0].name, "fc.weight");
  EXPECT_EQ(model.tensors[1].path, "state_dict[\"a b\"]");
  EXPECT_EQ(model.tensors[2].path, "optimizer.state[0].exp_avg");
  EXPECT_EQ(model.tensors[2].name, "state[0].exp_avg");
  EXPECT_EQ(model.tensors[2].kind, TensorKind::kState);
  EXPECT_EQ(PlainText(model), "optimizer.param_groups[0].lr=0.1\n");
  EXPECT_EQ(Parts(model), "state_dict:model optimizer:optimizer");
}

TEST(TorchWalk, SameObjectIsListedAgainAndTellsWhere) {
  Model model = Open(Named({{"a", Weight() + Put(90)}, {"b", Get(90)}, {"c", Weight()}}));
  ASSERT_EQ(model.tensors.size(), 3U);
  EXPECT_EQ(model.tensors[0].same_as, kNone);
  EXPECT_EQ(model.tensors[1].same_as, 0U);
  EXPECT_EQ(Describe(model, "b"), "float32[2] 1.0 2.0");
  EXPECT_EQ(model.tensors[2].same_as, kNone) << "another object over the same storage";
  EXPECT_EQ(model.tensors[2].storage, model.tensors[0].storage);
}

TEST(TorchWalk, CyclesEndWhereTheyClose) {
  Model list = Open("]" + Put(90) + "(" + Get(90) + Weight() + "e");
  EXPECT_EQ(list.tensors.size(), 1U);
  EXPECT_TRUE(Noted(list, "cycle"));
  Model dict = Open("}" + Put(90) + "(" + Text("self") + Get(90) + Text("w") + Weight() + "u");
  EXPECT_EQ(dict.tensors.size(), 1U);
  EXPECT_TRUE(Noted(dict, "cycle"));
}

TEST(TorchWalk, SharedContainersAreListedWithinABudget) {
  Model few = Open(Named({{"a", List({Weight()}) + Put(90)}, {"b", Get(90)}}));
  EXPECT_EQ(few.tensors.size(), 2U);
  EXPECT_FALSE(Noted(few, "shared-containers"));
  // Ten references each to the level below: 10^9 places.
  Code root = List({Weight()}) + Put(90);
  for (uint8_t level = 1; level <= 9; ++level) {
    root += "0](";
    for (int i = 0; i < 10; ++i) root += Get(static_cast<uint8_t>(89 + level));
    root += "e" + Put(static_cast<uint8_t>(90 + level));
  }
  Model many = Open(root);
  EXPECT_LT(many.tensors.size(), 20000U);
  EXPECT_TRUE(Noted(many, "shared-containers"));
}

TEST(TorchWalk, DeepNestingEndsWithAFinding) {
  Model model = Open("](" + Weight() + std::string(50000, ']') + Weight() + std::string(50000, 'a') + "e");
  EXPECT_TRUE(Noted(model, "nesting") || Noted(model, "text-limit"));
  EXPECT_NE(FindTensor(model, "[0]"), nullptr) << "what stands before it is listed";
}

TEST(TorchWalk, CallsThatAreTheirOwnArgumentsEnd) {
  // l = []; x = f(*l); l.append(x)
  for (auto [module, name] : {std::pair{"torch.jit._pickle", "restore_type_tag"},
                              {"torch.jit._pickle", "build_tensorlist"},
                              {"torch._utils", "_rebuild_parameter"},
                              {"torch._utils", "_rebuild_sparse_tensor"},
                              {"torch", "FloatStorage"},
                              {"torch", "FloatTensor"},
                              {"torch", "Size"},
                              {"torch", "device"},
                              {"torch.storage", "_load_from_bytes"},
                              {"numpy.core.multiarray", "scalar"},
                              {"_codecs", "encode"},
                              {"builtins", "set"},
                              {"collections", "OrderedDict"},
                              {"copyreg", "__newobj__"},
                              {"project", "function"}}) {
    Code cycle = Global(module, name) + "]" + Put(50) + "R" + Put(51) + "0" + Get(50) + Get(51) + "a0" + Get(51);
    Model model = Open("](" + Weight() + cycle + "e");
    EXPECT_EQ(Describe(model, "[0]"), "float32[2] 1.0 2.0") << name;
  }
}

TEST(TorchWalk, KeysThatAreTwiceCountOnce) {
  Model model = Open(Named({{"w", Weight()}, {"n", Int(1)}, {"w", Row("FloatStorage", "f", 1)}}));
  ASSERT_EQ(model.tensors.size(), 1U);
  EXPECT_EQ(Describe(model, "w"), "float32[1] 1.0");
}

Code ModuleOf(std::string_view name, const Pairs& parameters, const Pairs& buffers, const Pairs& modules,
              const Pairs& more = {}) {
  Pairs state = {{"training", Bool(false)},
                 {"_parameters", Named(parameters)},
                 {"_buffers", Named(buffers)},
                 {"_modules", Named(modules)}};
  state.insert(state.end(), more.begin(), more.end());
  return Build(NewObject(Global("project", name)), Named(state));
}

TEST(TorchWalk, ModulesWithParametersBuffersAndAttributes) {
  Code not_saved = Reduce(Global("builtins", "set"), {List({Text("cache")})});
  Code inner =
      ModuleOf("Inner", {{"weight", Weight()}, {"bias", None()}}, {{"mean", Weight()}, {"cache", Weight()}}, {},
               {{"_non_persistent_buffers_set", not_saved}, {"width", Int(7)}, {"_forward_hooks", Named({})}});
  Model model = Open(ModuleOf("Outer", {}, {}, {{"inner", inner}}));
  ASSERT_EQ(model.modules.size(), 2U);
  EXPECT_EQ(model.modules[0].class_name, "project.Outer");
  EXPECT_EQ(model.modules[1].path, "inner");
  EXPECT_EQ(model.modules[1].parent, 0U);
  EXPECT_EQ(model.modules[1].training, false);
  ASSERT_EQ(model.modules[1].attributes.size(), 1U) << "hooks and bookkeeping are left out";
  EXPECT_EQ(model.modules[1].attributes[0].name, "width");
  ASSERT_EQ(model.tensors.size(), 3U);
  EXPECT_EQ(model.tensors[0].name, "inner.weight") << "no _modules, no _parameters in the path";
  EXPECT_EQ(model.tensors[0].kind, TensorKind::kParameter);
  EXPECT_EQ(FindTensor(model, "inner.mean")->kind, TensorKind::kBuffer);
  EXPECT_TRUE(FindTensor(model, "inner.mean")->persistent);
  EXPECT_FALSE(FindTensor(model, "inner.cache")->persistent);
}

TEST(TorchWalk, ObjectsOfUnknownClassesAreWalkedInto) {
  Model model = Open(Named(
      {{"config", Build(NewObject(Global("argparse", "Namespace")), Named({{"seed", Int(7)}, {"anchors", Weight()}}))},
       {"call", Reduce(Global("project", "make"), {List({Weight()}), Int(3)})}}));
  EXPECT_NE(FindTensor(model, "config.anchors"), nullptr);
  EXPECT_NE(FindTensor(model, "call.args[0][0]"), nullptr);
  EXPECT_NE(PlainText(model).find("config.seed=7\n"), std::string::npos);
}

TEST(TorchWalk, SlotsAreAttributesToo) {
  Code object = NewObject(Global("project", "Slotted"));
  for (const Code& first : {None(), Named({{"seed", Int(7)}})}) {
    Model model = Open(Named({{"x", Build(object, Tuple({first, Named({{"anchors", Weight()}, {"n", Int(3)}})}))}}));
    EXPECT_NE(FindTensor(model, "x.anchors"), nullptr);
    EXPECT_NE(PlainText(model).find("x.n=3\n"), std::string::npos);
    EXPECT_EQ(PlainText(model).find("x.seed=7\n") != std::string::npos, first != None());
  }
  // A pair that is none of slots: both are shown.
  Model other = Open(Named({{"x", Build(object, Tuple({Named({{"w", Weight()}}), List({Weight()})}))}}));
  EXPECT_NE(FindTensor(other, "x[0].w"), nullptr);
  EXPECT_NE(FindTensor(other, "x[1][0]"), nullptr);
}

TEST(TorchWalk, CyclesAreToldOnceAClass) {
  // Two nodes that name themselves as their parent, and a list in itself.
  Code node = NewObject(Global("project", "Node"));
  Code first = node + Put(90) + Named({{"parent", Get(90)}}) + "b";
  Code second = node + Put(91) + Named({{"parent", Get(91)}}) + "b";
  Model model = Open(Named({{"a", first}, {"b", second}, {"w", Weight()}}));
  EXPECT_EQ(
      std::count_if(model.findings.begin(), model.findings.end(), [](const auto& f) { return f.code == "cycle"; }), 1);
  EXPECT_EQ(TextOf(model, "cycle"), "it contains itself, as do 1 more of project.Node");
}

TEST(TorchWalk, WhatStandsAmongSubmodulesIsAModule) {
  Code odd = Build(NewObject(Global("project", "Odd")), Tuple({Int(3), Weight(), Text("x")}));
  Model model = Open(ModuleOf("Outer", {}, {}, {{"odd", odd}}));
  ASSERT_EQ(model.modules.size(), 2U);
  EXPECT_EQ(model.modules[1].class_name, "project.Odd");
  EXPECT_NE(FindTensor(model, "odd[1]"), nullptr);
}

TEST(TorchWalk, DangerousNamesAreFindings) {
  Model model = Open(Named({{"w", Weight()}, {"x", Reduce(Global("os", "system"), {Text("id")})}}));
  EXPECT_TRUE(Noted(model, "dangerous-global"));
  EXPECT_EQ(model.tensors.size(), 1U);
  EXPECT_FALSE(Noted(Open(Named({{"w", Weight()}})), "dangerous-global"));
}

TEST(TorchWalk, PlainValuesInPythonNotation) {
  Model model = Open(Named({{"n", None()},
                            {"t", Bool(true)},
                            {"f", Float(0.001)},
                            {"s", Text("adam")},
                            {"b", Bytes("\x01\xff")},
                            {"l", Tuple({Float(0.9), Text("x")})},
                            {"e", List({})},
                            {"w", Weight()}}));
  EXPECT_EQ(PlainText(model), "n=None\nt=True\nf=0.001\ns=adam\nb=\x01\\xff\nl=(0.9, 'x')\ne=[]\n");
}

// ---- parts ----

TEST(Parts, AreToldByKeysAndContents) {
  struct Case {
    const char* what;
    Code root;
    const char* parts;
  };
  Code weights = Named({{"fc.weight", Weight()}});
  Code filled = Named({{"state", Dict({{Int(0), Named({{"exp_avg", Weight()}})}})},
                       {"param_groups", List({Named({{"lr", Float(1)}})})}});
  Code optimizer = Named({{"state", Dict({})}, {"param_groups", List({Named({{"lr", Float(1)}})})}});
  const Case kCases[] = {
      {"state dict", weights, ":model"},
      {"list of tensors", List({Weight()}), ":model"},
      {"tensor", Weight(), ":model"},
      {"checkpoint", Named({{"model", weights}, {"optimizer", optimizer}}), "model:model optimizer:optimizer"},
      {"optimizer by content", Named({{"net", weights}, {"adam", optimizer}}), "net:model adam:optimizer"},
      {"ema", Named({{"model", weights}, {"model_ema", weights}, {"emaModel", weights}}),
       "model:model model_ema:ema emaModel:ema"},
      {"two networks", Named({{"netG", weights}, {"netD", weights}}), "netG:model netD:model"},
      {"unknown key", Named({{"my_tower", weights}, {"epoch", Int(1)}}), ":other my_tower:model"},
      {"statistics", Named({{"state_dict", weights}, {"loss_history", Named({{"x", Weight()}})}}),
       ":other state_dict:model"},
      {"scheduler", Named({{"state_dict", weights}, {"lr_scheduler", Named({{"step", Int(1)}})}}),
       "state_dict:model lr_scheduler:scheduler"},
      {"nested state dict", Named({{"encoder", weights}, {"head.weight", Weight()}}), nullptr},
      {"optimizer alone", optimizer, ":optimizer"},
      {"optimizer alone, with states", filled, ":optimizer"},
      {"Optimizer object", Build(NewObject(Global("torch.optim.adam", "Adam")), filled), ":optimizer"},
      {"Optimizer object under another key",
       Named({{"model", weights}, {"adam", Build(NewObject(Global("torch.optim.adam", "Adam")), filled)}}),
       "model:model adam:optimizer"},
      {"all under one key", Named({{"state", Named({{"model", weights}, {"_optimizers", List({filled})}})}}),
       "state.model:model state._optimizers:optimizer"},
      {"all under one key, optimizers by name",
       Named({{"state", Named({{"model", weights}, {"optimizers", Named({{"Adam", filled}})}})}, {"rng", Int(1)}}),
       ":other state.model:model state.optimizers:optimizer"},
      {"a name of an optimizer",
       Named({{"model", weights}, {"optim", Reduce(Global("project", "OptimizerNames"), {Text("adamw")})}}),
       ":other model:model"},
      {"training arguments",
       Build(NewObject(Global("transformers.training_args", "TrainingArguments")),
             Named({{"optim", Reduce(Global("project", "OptimizerNames"), {Text("adamw")})},
                    {"lr_scheduler_kwargs", Named({{"num_cycles", Int(1)}})},
                    {"ema", Build(NewObject(Global("project", "Ema")), Named({{"decay", Float(0.9)}}))}})),
       ":other"},
      {"no tensors", Named({{"epoch", Int(1)}}), ":other"},
  };
  for (const Case& c : kCases) {
    if (c.parts != nullptr) {
      EXPECT_EQ(Parts(Open(c.root)), c.parts) << c.what;
    }
  }
}

}  // namespace
}  // namespace pthview
