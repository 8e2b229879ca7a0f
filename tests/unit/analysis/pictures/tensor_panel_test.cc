#include "lib/analysis/pictures/tensor_panel.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/analysis/pictures/attention.h"
#include "lib/analysis/pictures/draw.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview::pictures {
namespace {

using pthview::testing::ModelFixture;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A tensor of that name whose values are 0, 1, 2, ... less the half.
Index AddNamed(ModelFixture& fixture, std::string_view name, std::vector<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - static_cast<float>(count / 2);
  Index index = fixture.AddValues(std::move(shape), DType::kFloat32, values);
  fixture.model.tensors[index].name = fixture.model.arena.Copy(name);
  return index;
}

PlotKind KindOf(std::string_view name, std::vector<int64_t> shape) {
  ModelFixture fixture;
  return SuitingKind(fixture.model, fixture.model.tensors[AddNamed(fixture, name, std::move(shape))]);
}

Panel Plot(const ModelFixture& fixture, Index index, const PlotOptions& options) {
  auto panel = PlotTensor(fixture.model, fixture.model.tensors[index], options);
  EXPECT_TRUE(panel) << (panel ? "" : panel.error().message);
  return panel ? std::move(*panel) : Panel();
}

TEST(SuitingKind, GoesByShapeAndName) {
  EXPECT_EQ(KindOf("conv1.weight", {8, 3, 5, 5}), PlotKind::kFilters);
  EXPECT_EQ(KindOf("conv1.weight", {8, 3, 1, 1}), PlotKind::kHeatmap);
  EXPECT_EQ(KindOf("fc.weight", {8, 4}), PlotKind::kHeatmap);
  EXPECT_EQ(KindOf("conv1d.weight", {8, 4, 3}), PlotKind::kHeatmap);
  EXPECT_EQ(KindOf("fc.bias", {8}), PlotKind::kLines);
  EXPECT_EQ(KindOf("scalar", {}), PlotKind::kLines);
  EXPECT_EQ(KindOf("layers.0.self_attn.q_proj.weight", {8, 4}), PlotKind::kAttention);
  EXPECT_EQ(KindOf("layers.0.self_attn.q_proj.bias", {8}), PlotKind::kLines);
}

TEST(AttentionRole, OfTheNamesInUse) {
  ModelFixture fixture;
  auto role = [&](std::string_view name, std::vector<int64_t> shape) {
    return AttentionRoleOf(fixture.model, fixture.model.tensors[AddNamed(fixture, name, std::move(shape))]);
  };
  EXPECT_EQ(role("encoder.layers.0.self_attn.in_proj_weight", {12, 4})->projection, Projection::kStacked);
  EXPECT_EQ(role("bert.encoder.layer.0.attention.self.key.weight", {4, 4})->projection, Projection::kKey);
  EXPECT_EQ(role("bert.encoder.layer.0.attention.output.dense.weight", {4, 4})->projection, Projection::kOutput);
  EXPECT_EQ(role("blocks.3.attn.qkv.weight", {12, 4})->projection, Projection::kStacked);
  EXPECT_TRUE(role("h.0.attn.c_attn.weight", {4, 12})->transposed);
  EXPECT_EQ(role("gpt_neox.layers.0.attention.query_key_value.weight", {12, 4})->projection, Projection::kInterleaved);
  EXPECT_EQ(role("down.attn1.to_out.0.weight", {4, 4})->projection, Projection::kOutput);
  EXPECT_FALSE(role("h.0.mlp.c_proj.weight", {4, 4}));
  EXPECT_FALSE(role("layer.0.output.dense.weight", {4, 4}));
  EXPECT_FALSE(role("cache.key.weight", {4, 4}));
  EXPECT_FALSE(role("blocks.3.attn.qkv.weight", {13, 4}));
  EXPECT_FALSE(role("attn.q_proj.weight", {4, 4, 3}));
}

TEST(Heads, AreCountedFromWhatIsRecordedElseAssumed) {
  ModelFixture fixture;
  fixture.AddPlain("config.num_attention_heads", "5");
  fixture.model.plain.back().kind = PlainKind::kInt;
  const Tensor query = fixture.model.tensors[AddNamed(fixture, "attn.q_proj.weight", {10, 4})];
  const Tensor other = fixture.model.tensors[AddNamed(fixture, "attn.k_proj.weight", {128, 4})];
  const AttentionRole role{};
  EXPECT_EQ(CountHeads(fixture.model, query, role, 0)->count, 5);
  EXPECT_EQ(CountHeads(fixture.model, query, role, 0)->from, "config.num_attention_heads");
  EXPECT_EQ(CountHeads(fixture.model, query, role, 2)->count, 2);
  EXPECT_FALSE(CountHeads(fixture.model, query, role, 3));
  EXPECT_EQ(CountHeads(fixture.model, other, role, 0)->count, 2) << "5 does not divide 128: heads of 64";
  EXPECT_TRUE(CountHeads(fixture.model, other, role, 0)->assumed);
}

TEST(Heads, OfStackedAndInterleavedProjections) {
  ModelFixture fixture;
  const Tensor tensor = fixture.model.tensors[AddNamed(fixture, "x", {12, 4})];
  HeadParts stacked = SplitHeads(tensor, {Projection::kStacked, false}, 2);
  ASSERT_EQ(stacked.parts.size(), 6U);
  EXPECT_EQ(stacked.parts[1].name, "k 0");
  EXPECT_EQ(stacked.parts[1].region.row, 4);
  EXPECT_EQ(stacked.parts[3].region.row, 2) << "q of the second head";
  HeadParts interleaved = SplitHeads(tensor, {Projection::kInterleaved, false}, 2);
  EXPECT_EQ(interleaved.parts[1].region.row, 2);
  EXPECT_EQ(interleaved.parts[3].region.row, 6);
  HeadParts output = SplitHeads(tensor, {Projection::kOutput, false}, 2);
  EXPECT_EQ(output.parts[1].region.column, 2);
  EXPECT_EQ(output.parts[1].region.columns, 2);
}

TEST(Panels, SayWhatWasReduced) {
  ModelFixture fixture;
  Index index = AddNamed(fixture, "w", {20, 20});
  Panel panel = Plot(fixture, index, {.kind = PlotKind::kHeatmap, .most_rows = 10, .most_columns = 10});
  EXPECT_THAT(panel.notes, Contains("each cell is the mean of 2 x 2 values"));
  EXPECT_THAT(panel.facts[0], HasSubstr("-200 to 199"));
  EXPECT_THAT(Plot(fixture, index, {.kind = PlotKind::kHeatmap}).notes, IsEmpty());
  panel = Plot(fixture, index, {.kind = PlotKind::kHeatmap, .most_rows = 10, .most_columns = 10, .budget = 100});
  EXPECT_THAT(panel.notes, Contains(HasSubstr("a sample")));
  EXPECT_THAT(panel.facts[0], HasSubstr("of the sample"));
}

TEST(Panels, OfKindsThatDoNotFit) {
  ModelFixture fixture;
  Index vector = AddNamed(fixture, "bias", {5});
  for (PlotKind kind : {PlotKind::kFilters, PlotKind::kNorms, PlotKind::kAttention}) {
    auto panel = PlotTensor(fixture.model, fixture.model.tensors[vector], {.kind = kind});
    ASSERT_FALSE(panel);
    EXPECT_EQ(panel.error().code, ErrorCode::kUsage);
  }
}

TEST(Panels, OfAllKindsAndShapesAreDrawn) {
  ModelFixture fixture;
  for (std::vector<int64_t> shape : std::vector<std::vector<int64_t>>{{},
                                                                      {0},
                                                                      {1},
                                                                      {7},
                                                                      {1000},
                                                                      {0, 4},
                                                                      {4, 0},
                                                                      {1, 1},
                                                                      {300, 2},
                                                                      {2, 3000},
                                                                      {6, 1, 3, 3},
                                                                      {6, 3, 3, 3},
                                                                      {2, 40, 1, 7}}) {
    Index index = AddNamed(fixture, "attn.qkv.weight", shape);
    for (size_t kind = 0; kind < PlotKindNames().size(); ++kind) {
      auto panel = PlotTensor(fixture.model, fixture.model.tensors[index],
                              {.kind = static_cast<PlotKind>(kind), .most_rows = 40, .most_columns = 50});
      if (!panel) {
        EXPECT_THAT(panel.error().code, AnyOf(ErrorCode::kUsage, ErrorCode::kLimit)) << panel.error().message;
        continue;
      }
      const Scene scene = DrawPanel(*panel, 300, Themes()[0]);
      EXPECT_GT(scene.height, 50);
      for (const Shape& shape_drawn : scene.shapes) {
        for (const Point& point : shape_drawn.points) {
          EXPECT_TRUE(std::isfinite(point.x) && std::isfinite(point.y)) << PlotKindNames()[kind] << index;
        }
      }
    }
  }
}

TEST(Sheets, HoldEveryPanelWithoutOverlap) {
  ModelFixture fixture;
  std::vector<Panel> panels;
  for (int i = 0; i < 5; ++i) {
    panels.push_back(Plot(fixture, AddNamed(fixture, "t" + std::to_string(i), {4, 4}), {.kind = PlotKind::kHeatmap}));
  }
  const Scene sheet = DrawSheet(panels, Themes()[0]);
  std::vector<Point> titles;
  for (const Shape& shape : sheet.shapes) {
    if (shape.bold) titles.push_back(shape.points[0]);
  }
  ASSERT_EQ(titles.size(), 5U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_LT(titles[i].x, sheet.width);
    EXPECT_LT(titles[i].y, sheet.height);
    for (size_t j = 0; j < i; ++j) EXPECT_TRUE(titles[i].x != titles[j].x || titles[i].y != titles[j].y);
  }
}

}  // namespace
}  // namespace pthview::pictures
