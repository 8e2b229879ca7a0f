#include "lib/analysis/names/plain_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(PlainOrder, WhatWasSetComesBeforeWhatIsCounted) {
  Model model;
  model.parts = {{.kind = PartKind::kOther}, {.kind = PartKind::kOptimizer, .path = "o"}};
  auto add = [&](std::string_view path, Index part = 0, PlainKind kind = PlainKind::kInt) {
    model.plain.push_back({.path = path, .text = "1", .part = part, .kind = kind});
  };
  add("loops.fit_loop.state_dict.x");
  add("callbacks.ModelCheckpoint.best");
  add("state_dict._metadata[\"\"].version");
  add("o.param_groups[0].lr", 1);
  add("nested.value");
  add("epoch");
  add("hyper_parameters.lr");
  add("__metadata__.format");
  add("empty", 0, PlainKind::kEmpty);
  std::vector<std::string_view> paths;
  for (Index row : PlainOrder(model)) paths.push_back(model.plain[row].path);
  EXPECT_THAT(paths, testing::ElementsAre("epoch", "hyper_parameters.lr", "__metadata__.format", "nested.value",
                                          "loops.fit_loop.state_dict.x", "callbacks.ModelCheckpoint.best",
                                          "o.param_groups[0].lr"));
}

}  // namespace
}  // namespace pthview
