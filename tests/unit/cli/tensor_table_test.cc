#include "tools/cli/tensor_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/display_width.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using ::testing::HasSubstr;
using testing::ModelFixture;
using ::testing::Not;

class TensorTableTest : public ::testing::Test {
 protected:
  TensorTableTest() {
    Add("layer2.0.downsample.1.num_batches_tracked", {}, DType::kInt64, TensorKind::kBuffer);
    Add("layer2.0.downsample.0.weight", {2048, 1024, 1, 1}, DType::kFloat32, TensorKind::kParameter);
    Add("エンコーダ.層.0.重み.エンコーダ.層.0.重み", {3, 4}, DType::kFloat32, TensorKind::kParameter);
    Add("שכבה.משקל", {7}, DType::kFloat16, TensorKind::kParameter).data = DataState::kMeta;
  }
  Tensor& Add(std::string_view name, std::vector<int64_t> shape, DType dtype, TensorKind kind) {
    Tensor& tensor = fixture_.model.tensors[fixture_.Add(name, std::move(shape), dtype)];
    tensor.kind = kind;
    return tensor;
  }
  std::string Text(size_t width, std::vector<std::string> hashes = {}) {
    Selection selection;
    std::vector<size_t> order;
    for (size_t i = 0; i < fixture_.model.tensors.size(); ++i) {
      selection.tensors.push_back(static_cast<Index>(i));
      order.push_back(i);
    }
    Output out;
    PrintTensorTable(out, Style(false), fixture_.model, selection, order, hashes, {width, ""});
    std::string text = std::move(out.buffer());
    out.buffer().clear();
    return text;
  }
  ModelFixture fixture_;
};

TEST_F(TensorTableTest, EveryLineFits) {
  for (size_t width : {24, 30, 40, 60, 80, 100, 120}) {
    const std::string text = Text(width);
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      EXPECT_LE(DisplayWidth(std::string_view(text).substr(at, end - at)), width) << text.substr(at, end - at);
      at = end + 1;
    }
  }
}

TEST_F(TensorTableTest, NothingIsCutWithoutATerminal) {
  const std::string text = Text(kNoWidthLimit);
  EXPECT_THAT(text, Not(HasSubstr("…")));
  EXPECT_THAT(text, HasSubstr("エンコーダ.層.0.重み.エンコーダ.層.0.重み"));
}

TEST_F(TensorTableTest, NamesAndShapesKeepTheirEnds) {
  const std::string text = Text(60);
  EXPECT_THAT(text, HasSubstr("batches_tracked"));
  EXPECT_THAT(text, HasSubstr("[2048, 1024, 1, 1]"));
}

TEST_F(TensorTableTest, StatesStandUnderTheirParametersName) {
  fixture_.AddPart(PartKind::kOptimizer, "optimizer");
  Add("state[0].exp_avg", {2048, 1024, 1, 1}, DType::kFloat32, TensorKind::kState).state_of = 1;
  EXPECT_THAT(Text(kNoWidthLimit), HasSubstr("exp_avg of layer2.0.downsample.0.weight"));
}

TEST_F(TensorTableTest, HashesThatDoNotFitStandBelowWhole) {
  const std::string hash(64, 'f');
  const std::vector<std::string> hashes(4, hash);
  EXPECT_THAT(Text(80, hashes), HasSubstr("\n  " + hash + "\n"));
  EXPECT_THAT(Text(kNoWidthLimit, hashes), HasSubstr("  " + hash));
}

}  // namespace
}  // namespace pthview
