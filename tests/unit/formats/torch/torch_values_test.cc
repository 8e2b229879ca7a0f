#include "lib/formats/torch/torch_values.h"

#include <gtest/gtest.h>

#include "lib/pickle/machine.h"
#include "lib/pickle/print.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

class TorchValuesTest : public ::testing::Test {
 protected:
  TorchValues& Read(const Code& root) {
    std::string pickle = Pickle(root);
    const auto* data = reinterpret_cast<const std::byte*>(pickle.data());
    auto tree = pickle::Read({data, data + pickle.size()}, {});
    EXPECT_TRUE(tree.has_value()) << (tree ? "" : tree.error().message);
    file_.tree = std::move(*tree);
    file_.meanings = MeaningsOf(file_.tree);
    values_.emplace(file_);
    return *values_;
  }
  pickle::Value root() const { return file_.tree.root; }

  // "key=value key=value" of the root; "no dict".
  std::string PairsOf(const Code& code) {
    auto pairs = Read(code).Pairs(root());
    if (!pairs) return "no dict";
    std::string text;
    for (const auto& [key, value] : *pairs) {
      text +=
          (text.empty() ? "" : " ") + pickle::Print(file_.tree, key, 99) + "=" + pickle::Print(file_.tree, value, 99);
    }
    return text;
  }

  TorchPickle file_;
  std::optional<TorchValues> values_;
};

TEST_F(TorchValuesTest, LastValueWinsAtThePlaceOfTheFirst) {
  EXPECT_EQ(PairsOf(Named({{"a", Int(1)}, {"b", Int(2)}, {"a", Int(3)}})), "'a'=3 'b'=2");
  EXPECT_EQ(PairsOf(Named({{"a", Int(1)}, {"a", Int(2)}, {"a", Int(3)}, {"b", Int(4)}})), "'a'=3 'b'=4");
}

TEST_F(TorchValuesTest, KeysOfDifferentKindsAreDifferent) {
  EXPECT_EQ(PairsOf(Dict({{Int(1), Int(10)}, {Text("1"), Int(11)}, {Bytes("1"), Int(12)}, {Int(1), Int(13)}})),
            "1=13 '1'=11 b'1'=12");
}

TEST_F(TorchValuesTest, ManyKeysWithOneTwice) {
  Pairs pairs;
  for (int i = 0; i < 1000; ++i) pairs.emplace_back(Text("key" + std::to_string(i)), Int(i));
  pairs.emplace_back(Text("key500"), Int(-1));
  auto found = Read(Dict(pairs)).Pairs(root());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1000U);
  EXPECT_EQ((*found)[500].second.integer, -1);
  EXPECT_EQ((*found)[999].second.integer, 999);
}

TEST_F(TorchValuesTest, ReadsEachDictOfPython) {
  const std::string kExpected = "'a'=1";
  Code set_item = "(" + Text("a") + Int(1) + "u";
  EXPECT_EQ(PairsOf(OrderedDict() + set_item), kExpected);
  EXPECT_EQ(PairsOf(Reduce(Global("collections", "OrderedDict"), {List({List({Text("a"), Int(1)})})})), kExpected);
  EXPECT_EQ(PairsOf(Reduce(Global("collections", "Counter"), {Named({{"a", Int(1)}})})), kExpected);
  EXPECT_EQ(PairsOf(Reduce(Global("collections", "defaultdict"), {Global("builtins", "list")}) + set_item), kExpected);
  EXPECT_EQ(PairsOf(NewObject(Global("project", "ConfigDict")) + set_item), kExpected);
  EXPECT_EQ(PairsOf(Reduce(Global("collections", "Counter"), {Named({{"a", Int(9)}})}) + set_item), kExpected);
}

TEST_F(TorchValuesTest, OtherThingsAreNoDict) {
  EXPECT_EQ(PairsOf(List({Int(1)})), "no dict");
  EXPECT_EQ(PairsOf(Reduce(Global("project", "Thing"), {Int(1)})), "no dict");
  EXPECT_EQ(PairsOf(Text("a")), "no dict");
}

TEST_F(TorchValuesTest, ItemsOfEachSequence) {
  for (const Code& code :
       {List({Int(1), Int(2)}), Tuple({Int(1), Int(2)}), Reduce(Global("builtins", "set"), {List({Int(1), Int(2)})}),
        Reduce(Global("torch.jit._pickle", "build_intlist"), {List({Int(1), Int(2)})})}) {
    auto items = Read(code).Items(root());
    ASSERT_TRUE(items);
    ASSERT_EQ(items->size(), 2U);
    EXPECT_EQ((*items)[1].integer, 2);
  }
  EXPECT_FALSE(Read(Named({{"a", Int(1)}})).Items(root()));
}

TEST_F(TorchValuesTest, SimpleTexts) {
  EXPECT_EQ(Read(Reduce(Global("torch", "device"), {Text("cuda"), Int(1)})).SimpleText(root()), "cuda:1");
  EXPECT_EQ(Read(Reduce(Global("torch", "device"), {Text("cpu")})).SimpleText(root()), "cpu");
  EXPECT_EQ(Read(Reduce(Global("torch", "Size"), {Ints({2, 3})})).SimpleText(root()), "torch.Size((2, 3))");
  EXPECT_EQ(Read(Reduce(Global("builtins", "complex"), {Float(1), Float(-2)})).SimpleText(root()),
            "complex(1.0, -2.0)");
  EXPECT_EQ(Read(Global("torch", "float16")).SimpleText(root()), "torch.float16");
  EXPECT_EQ(Read(Reduce(Global("_codecs", "encode"), {Text("a\xC3\xBF"), Text("latin1")})).SimpleText(root()),
            "a\\xff");
  EXPECT_EQ(Read(Reduce(Global("project", "Thing"), {})).SimpleText(root()), "");
}

TEST_F(TorchValuesTest, ClassBehindAnObject) {
  EXPECT_EQ(Read(NewObject(Global("project", "Net"))).ClassOf(root()).Full(), "project.Net");
  Code reconstructor =
      Reduce(Global("copy_reg", "_reconstructor"), {Global("project", "Old"), Global("__builtin__", "object"), None()});
  EXPECT_EQ(Read(reconstructor).ClassOf(root()).Full(), "project.Old");
  Code with_source = Tuple({Text("module"), Global("project", "Net"), Text("net.py"), Text("class Net: pass")}) + "Q";
  ClassName name = Read(NewObject(with_source)).ClassOf(root());
  EXPECT_EQ(name.Full(), "project.Net");
  EXPECT_EQ(name.source, "class Net: pass");
  EXPECT_FALSE(Read(Int(1)).ClassOf(root()).known());
}

TEST_F(TorchValuesTest, AttributesOfStateAndOfStateWithSlots) {
  Code state = Named({{"lr", Int(3)}});
  for (const Code& code : {Build(NewObject(Global("p", "C")), state),
                           Build(NewObject(Global("p", "C")), Tuple({state, Named({{"slot", Int(1)}})}))}) {
    auto attributes = Read(code).AttributesOf(root());
    ASSERT_TRUE(attributes);
    const pickle::Value* lr = TorchValues::Find(*attributes, "lr");
    ASSERT_NE(lr, nullptr);
    EXPECT_EQ(lr->integer, 3);
    EXPECT_EQ(TorchValues::Find(*attributes, "momentum"), nullptr);
  }
  EXPECT_FALSE(Read(NewObject(Global("p", "C"))).AttributesOf(root()));
}

}  // namespace
}  // namespace pthview
