#include "tools/server/departure.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"
#include "tools/server/figures_json.h"
#include "tools/server/health_json.h"
#include "tools/server/tensor_json.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;

TEST(Departure, IsSeenWhileWorkGoesOn) {
  std::atomic<bool> gone = false;
  Departure departure([&] { return gone.load(); });
  EXPECT_FALSE(departure.departed());
  gone = true;
  for (int i = 0; i < 1000 && !departure.departed(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(departure.flag()->load());
}

TEST(Departure, OfNobodyNeverComes) {
  Departure departure({});
  EXPECT_FALSE(departure.departed());
}

TEST(Departure, EndsWhatIsComputed) {
  ModelFixture fixture;
  // Small tensors are done at once; only large ones are asked in between.
  const Index index = fixture.AddValues<float>({512, 512}, DType::kFloat32, std::vector<float>(1 << 18, 1.0F));
  const std::atomic<bool> departed = true;
  for (const Result<std::string>& text :
       {TensorJson(fixture.model, index, 10, &departed), HealthJson(fixture.model, index, &departed),
        FiguresJson(fixture.model, 0, &departed)}) {
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::kInterrupted);
  }
}

}  // namespace
}  // namespace pthview::server
