#include "tools/cli/slice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"
#include "tools/cli/value_text.h"

namespace pthview {
namespace {

using ::testing::ElementsAre;
using testing::ModelFixture;

class SliceTest : public ::testing::Test {
 protected:
  SliceTest() {
    std::vector<float> values(24);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    cube_ = fixture_.AddValues<float>({2, 3, 4}, DType::kFloat32, values);
  }
  const Tensor& cube() const { return fixture_.model.tensors[cube_]; }

  // "[shape] values" of a slice, or the error.
  std::string Show(std::string_view text) {
    auto window = SliceTensor(cube(), text);
    if (!window) return window.error().message;
    window->Bind();
    std::string shown = "[";
    for (int64_t size : window->shape) shown += (shown.size() > 1 ? ", " : "") + std::to_string(size);
    auto values = FlatValues(fixture_.model, *window, 100);
    if (!values) return values.error().message;
    shown += ']';
    for (const std::string& value : *values) shown += " " + value.substr(0, value.find('.'));
    return shown;
  }

  ModelFixture fixture_;
  Index cube_;
};

TEST_F(SliceTest, AsInPython) {
  struct Case {
    const char* text;
    const char* expected;
  };
  const Case kCases[] = {
      {"1,2,3", "[] 23"},
      {"-1,-1,-1", "[] 23"},
      {"0,0", "[4] 0 1 2 3"},
      {"0,:,0", "[3] 0 4 8"},
      {":,1,1:3", "[2, 2] 5 6 17 18"},
      {"[ :, 1, 1:3 ]", "[2, 2] 5 6 17 18"},
      {"1,...", "[3, 4] 12 13 14 15 16 17 18 19 20 21 22 23"},
      {"...,0", "[2, 3] 0 4 8 12 16 20"},
      {"0,...,0", "[3] 0 4 8"},
      {"0,0,0,...", "[] 0"},
      {"0,0,::2", "[2] 0 2"},
      {"0,0,::3", "[2] 0 3"},
      {"0,0,::99", "[1] 0"},
      {"0,0,::9223372036854775807", "[1] 0"},
      {"0,0,1:-1", "[2] 1 2"},
      {"0,0,-2:", "[2] 2 3"},
      {"0,0,-99:99", "[4] 0 1 2 3"},
      {"0,0,3:1", "[0]"},
      {"0,0,9:", "[0]"},
      {"0,0,-9223372036854775808:9223372036854775807", "[4] 0 1 2 3"},
  };
  for (const Case& c : kCases) EXPECT_EQ(Show(c.text), c.expected) << c.text;
}

TEST_F(SliceTest, EmptyTextIsTheWholeTensor) {
  auto window = SliceTensor(cube(), "");
  ASSERT_TRUE(window);
  EXPECT_THAT(window->shape, ElementsAre(2, 3, 4));
  EXPECT_TRUE(window->tensor.contiguous);
}

TEST_F(SliceTest, SaysWhatIsWrong) {
  for (auto [text, message] : {std::pair{"2", "index 2 is out of range for dimension 0 of size 2"},
                               {"-3", "index -3 is out of range for dimension 0 of size 2"},
                               {"0,3", "index 3 is out of range for dimension 1 of size 3"},
                               {"0,0,0,0", "4 dimensions for a tensor of 3"},
                               {"...,...", "'...' may stand once"},
                               {"a", "'a' is neither an index nor a slice"},
                               {"1.5", "'1.5' is neither an index nor a slice"},
                               {"0,,0", "'' is neither an index nor a slice"},
                               {"0,", "'' is neither an index nor a slice"},
                               {"1:2:3:4", "'1:2:3:4' has too many colons"},
                               {"::0", "steps must be positive"},
                               {"::-1", "steps must be positive"},
                               {"99999999999999999999", "'99999999999999999999' is neither an index nor a slice"}}) {
    auto window = SliceTensor(cube(), text);
    ASSERT_FALSE(window) << text;
    EXPECT_EQ(window.error().code, ErrorCode::kUsage);
    EXPECT_EQ(window.error().message, std::string("--slice ") + text + ": " + message);
  }
}

TEST_F(SliceTest, OfATransposedTensor) {
  fixture_.Restride(cube_, {4, 3, 2}, {1, 4, 12});
  EXPECT_EQ(Show("1,:,1"), "[3] 13 17 21");
}

}  // namespace
}  // namespace pthview
