#include "tools/query/database.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"
#include "tools/query/result_writer.h"

namespace pthview::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Kept : public RowSink {
 public:
  void Begin(std::span<const std::string> columns) override { names.assign(columns.begin(), columns.end()); }
  void Row(std::span<const Value> values) override {
    for (const Value& value : values) {
      switch (value.kind) {
        case Value::Kind::kNull: cells.emplace_back("NULL"); break;
        case Value::Kind::kInteger: cells.push_back(std::to_string(value.integer)); break;
        case Value::Kind::kReal: cells.push_back(std::to_string(value.real)); break;
        default: cells.emplace_back(value.text);
      }
    }
  }
  std::vector<std::string> names;
  std::vector<std::string> cells;
};

// Two files with three tensors each: values0 [1, 2], values1 [3], values2 [NaN].
class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a.pth", "b.pth"}) {
      testing::ModelFixture fixture;
      fixture.AddValues<float>({2}, DType::kFloat32, {1, 2});
      fixture.AddValues<float>({1}, DType::kFloat32, {3});
      fixture.AddValues<float>({1}, DType::kFloat32, {NAN});
      fixture.model.file = name;
      session_.Add(std::move(fixture.model));
    }
  }
  std::vector<std::string> Ask(const std::string& sql) {
    auto database = Database::Open(session_, {.seconds = 60});
    EXPECT_TRUE(database.has_value());
    Kept kept;
    Status done = database->Run(sql, kept);
    if (!done) return {"error", done.error().message, done.error().hint};
    return kept.cells;
  }
  Session session_;
};

TEST_F(DatabaseTest, FiguresAreComputedOncePerRowThatIsRead) {
  Ask("SELECT name, path, file FROM statistics");
  EXPECT_EQ(session_.tensors_read(), 0u);
  EXPECT_THAT(Ask("SELECT mean FROM statistics WHERE file = 'b.pth' AND name = 'values0'"), ElementsAre("1.500000"));
  EXPECT_EQ(session_.tensors_read(), 1u);
  EXPECT_THAT(Ask("SELECT max, min FROM statistics WHERE file = 'b.pth' AND name GLOB '*0'"),
              ElementsAre("2.000000", "1.000000"));
  EXPECT_EQ(session_.tensors_read(), 1u);
  EXPECT_THAT(Ask("SELECT p50 FROM statistics WHERE file = 'b.pth' AND name = 'values0'"), ElementsAre("1.500000"));
  EXPECT_EQ(session_.tensors_read(), 2u) << "percentiles take another pass";
}

TEST_F(DatabaseTest, RowsOfTensorsAndStatisticsAreTheSame) {
  EXPECT_THAT(Ask("SELECT count(*) FROM tensors t JOIN statistics s ON t.rowid = s.rowid WHERE t.path = s.path AND "
                  "t.file = s.file"),
              ElementsAre("6"));
  EXPECT_THAT(Ask("SELECT file, name FROM tensors WHERE rowid = 4"), ElementsAre("b.pth", "values0"));
  EXPECT_THAT(Ask("SELECT name FROM tensors WHERE rowid = 7"), ElementsAre());
  EXPECT_THAT(Ask("SELECT name FROM tensors WHERE rowid = 9223372036854775807"), ElementsAre());
}

// The first lookups walk the table, later ones use an index: both give the same.
TEST_F(DatabaseTest, AnIndexGivesWhatAWalkGives) {
  const std::string inner = "(SELECT count(*) FROM tensors b WHERE b.name = a.name)";
  EXPECT_THAT(Ask("SELECT " + inner + " FROM tensors a"), ElementsAre("2", "2", "2", "2", "2", "2"));
  EXPECT_THAT(Ask("SELECT count(*) FROM tensors a, tensors b WHERE a.name = b.name AND a.file <> b.file"),
              ElementsAre("6"));
  EXPECT_THAT(Ask("SELECT count(*) FROM tensors WHERE name = 0 OR name = x'00'"), ElementsAre("0"));
}

TEST_F(DatabaseTest, WhatIsNotDefinedIsNull) {
  EXPECT_THAT(Ask("SELECT mean, nans, device FROM tensors JOIN statistics USING (file, path) WHERE path = 'values2' "
                  "AND file = 'a.pth'"),
              ElementsAre("NULL", "1", "NULL"));
}

TEST_F(DatabaseTest, ErrorsSayWhereAndWhatMayHaveBeenMeant) {
  auto database = Database::Open(session_, {});
  Kept kept;
  const Status done = database->Run("SELECT  dytpe FROM tensors", kept);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().record, "SQL");
  EXPECT_EQ(done.error().offset, 8u);
  EXPECT_EQ(done.error().hint, "did you mean dtype, of tensors?");
  EXPECT_THAT(Ask("SELECT * FROM statistic")[2], HasSubstr("did you mean statistics?"));
  EXPECT_THAT(Ask("SELECT * FROM values")[2], HasSubstr("\"values\""));
  EXPECT_THAT(Ask("SELECT * FROM tensors WHERE name = \"fc\"")[2], HasSubstr("'fc'"));
  EXPECT_THAT(Ask("SELECT name FROM tensors t, statistics s")[2], HasSubstr("tensors.name"));
}

TEST(MarkdownCell, HoldsNoMarkup) {
  EXPECT_EQ(MarkdownCell("a_b __c__ <b>&|`*[x](y)"), "a_b \\_\\_c\\_\\_ &lt;b&gt;&amp;\\|\\`\\*\\[x\\](y)");
  EXPECT_EQ(MarkdownCell("two\nlines https://host"), "two\\\\x0alines https\\://host");
}

}  // namespace
}  // namespace pthview::query
