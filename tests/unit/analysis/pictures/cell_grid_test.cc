#include "lib/analysis/pictures/cell_grid.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::pictures {
namespace {

using pthview::testing::ModelFixture;

CellGrid Grid(const ModelFixture& fixture, Index index, const GridRegion& region = {},
              const GridOptions& options = {}) {
  auto grid = MakeCellGrid(fixture.model, fixture.model.tensors[index], region, options);
  EXPECT_TRUE(grid) << (grid ? "" : grid.error().message);
  return grid ? *grid : CellGrid();
}

TEST(CellGrid, SmallTensorsHaveACellAValue) {
  ModelFixture fixture;
  CellGrid grid = Grid(fixture, fixture.AddValues<float>({2, 3}, DType::kFloat32, {1, 2, 3, 4, 5, 6}));
  ASSERT_EQ(grid.rows, 2);
  ASSERT_EQ(grid.columns, 3);
  EXPECT_EQ(grid.At(1, 0).Mean(), 4);
  EXPECT_FALSE(grid.reduced());
  EXPECT_EQ(grid.ReductionText(), "");
}

TEST(CellGrid, CellsSayWhatTheirBlocksHold) {
  ModelFixture fixture;
  CellGrid grid = Grid(fixture, fixture.AddValues<float>({2, 4}, DType::kFloat32, {1, 3, NAN, 2, 5, -1, INFINITY, 4}),
                       {}, {.most_rows = 1, .most_columns = 2});
  ASSERT_EQ(grid.cells.size(), 2U);
  EXPECT_EQ(grid.cells[0].Mean(), 2);
  EXPECT_EQ(grid.cells[0].min, -1);
  EXPECT_EQ(grid.cells[0].max, 5);
  EXPECT_EQ(grid.cells[0].squares, 36);
  EXPECT_EQ(grid.cells[1].nans, 1);
  EXPECT_EQ(grid.cells[1].infinities, 1);
  EXPECT_EQ(grid.cells[1].Mean(), 3);
  EXPECT_EQ(grid.Total().count, 6);
  EXPECT_EQ(grid.ReductionText(), "each cell is the mean of 2 x 2 values");
}

TEST(CellGrid, ARegionIsCutOut) {
  ModelFixture fixture;
  Index index = fixture.AddValues<int32_t>({3, 4}, DType::kInt32, {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23});
  CellGrid grid = Grid(fixture, index, {.row = 1, .rows = 2, .column = 2, .columns = 9});
  ASSERT_EQ(grid.rows, 2);
  ASSERT_EQ(grid.columns, 2);
  EXPECT_EQ(grid.At(0, 0).Mean(), 12);
  EXPECT_EQ(grid.At(1, 1).Mean(), 23);
}

TEST(CellGrid, BeyondTheBudgetASampleIsReadAndThatIsSaid) {
  ModelFixture fixture;
  std::vector<float> values(1000 * 100);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i / 100);  // the row
  Index index = fixture.AddValues<float>({1000, 100}, DType::kFloat32, values);
  CellGrid grid = Grid(fixture, index, {}, {.most_rows = 10, .most_columns = 10, .budget = 1000});
  EXPECT_TRUE(grid.sampled);
  EXPECT_EQ(grid.Total().count, 1000);
  for (int64_t row = 0; row < 10; ++row) {
    EXPECT_GE(grid.At(row, 3).Mean(), static_cast<double>(row) * 100);
    EXPECT_LT(grid.At(row, 3).Mean(), static_cast<double>(row + 1) * 100);
  }
  EXPECT_EQ(grid.ReductionText(), "each cell is the mean of a sample: 10 of 100 x 10 values, evenly spread");
}

TEST(CellGrid, AHugeExpandedTensorEnds) {
  ModelFixture fixture;
  Index index = fixture.AddValues<float>({4}, DType::kFloat32, {1, 2, 3, 4});
  fixture.Restride(index, {int64_t{1} << 40, 4}, {0, 1});
  CellGrid grid = Grid(fixture, index, {}, {.most_rows = 8, .most_columns = 8});
  EXPECT_TRUE(grid.sampled);
  EXPECT_EQ(grid.At(7, 3).Mean(), 4);
}

TEST(CellGrid, EmptyTensorsScalarsAndVectors) {
  ModelFixture fixture;
  EXPECT_EQ(Grid(fixture, fixture.AddValues<float>({0, 5}, DType::kFloat32, {})).cells.size(), 0U);
  EXPECT_EQ(Grid(fixture, fixture.AddValues<float>({5, 0}, DType::kFloat32, {})).cells.size(), 0U);
  EXPECT_EQ(Grid(fixture, fixture.AddValues<float>({}, DType::kFloat32, {7})).At(0, 0).Mean(), 7);
  EXPECT_EQ(Grid(fixture, fixture.AddValues<float>({3}, DType::kFloat32, {7, 8, 9})).columns, 3);
  EXPECT_TRUE(std::isnan(Grid(fixture, fixture.AddValues<float>({1}, DType::kFloat32, {NAN})).At(0, 0).Mean()));
}

TEST(CellGrid, QuantizedValuesAreDequantizedUnlessCodesAreWanted) {
  ModelFixture fixture;
  Index index = fixture.AddValues<int8_t>({2, 2}, DType::kQInt8, {1, 2, 3, 4});
  fixture.model.quantizations.push_back({.scale = 0.5, .zero_point = 1});
  fixture.model.tensors[index].quantization = 0;
  EXPECT_EQ(Grid(fixture, index).At(1, 1).Mean(), 1.5);
  EXPECT_EQ(Grid(fixture, index, {}, {.dequantize = false}).At(1, 1).Mean(), 4);

  Index scales = fixture.AddComponent<double>(DType::kFloat64, {0.5, 10});
  Index zero_points = fixture.AddComponent<int64_t>(DType::kInt64, {0, 1});
  fixture.model.quantizations.push_back({.per_channel = true, .scales = scales, .zero_points = zero_points, .axis = 0});
  fixture.model.tensors[index].quantization = 1;
  EXPECT_EQ(Grid(fixture, index).At(0, 1).Mean(), 1);
  EXPECT_EQ(Grid(fixture, index, {.row = 1, .rows = 1}).At(0, 1).Mean(), 30);
  fixture.model.quantizations[1].axis = 1;
  EXPECT_TRUE(Grid(fixture, index).codes);
}

TEST(CellGrid, NoDataIsAnError) {
  ModelFixture fixture;
  auto grid = MakeCellGrid(fixture.model, fixture.model.tensors[fixture.Add("meta", {2, 2})]);
  ASSERT_FALSE(grid);
  EXPECT_EQ(grid.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace pthview::pictures
