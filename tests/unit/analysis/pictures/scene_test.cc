#include "lib/analysis/pictures/scene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview::pictures {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Scene Example() {
  Scene scene{.width = 100, .height = 50};
  scene.Rectangle(0, 0, 100, 50, {255, 255, 255});
  scene.Line({{1, 2}, {3.5, 4}}, {1, 2, 3}, 1.5);
  scene.Area({{0, 0}, {1, 0}, {1, 1}}, {9, 9, 9}, 0.25);
  scene.Text(5, 6, 11, "a<b", {0, 0, 0}, Anchor::kEnd, true, true);
  scene.Image(10, 20, 30, 40, Raster(2, 1, {7, 8, 9}));
  return scene;
}

TEST(Svg, HoldsTheShapes) {
  const std::string svg = SvgOf(Example());
  EXPECT_THAT(svg, HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"50\""));
  EXPECT_THAT(svg, HasSubstr("<rect x=\"0\" y=\"0\" width=\"100\" height=\"50\" fill=\"#ffffff\"/>"));
  EXPECT_THAT(svg, HasSubstr("points=\"1,2 3.5,4\" fill=\"none\" stroke=\"#010203\" stroke-width=\"1.5\""));
  EXPECT_THAT(svg, HasSubstr("<polygon points=\"0,0 1,0 1,1\" fill=\"#090909\" fill-opacity=\"0.25\"/>"));
  EXPECT_THAT(svg, HasSubstr("text-anchor=\"end\" font-weight=\"bold\" transform=\"rotate(-90 5 6)\">a&lt;b</text>"));
  EXPECT_THAT(svg, HasSubstr("image-rendering:pixelated"));
  EXPECT_THAT(svg, HasSubstr("href=\"data:image/png;base64,iVBORw0KGgo"));
}

TEST(Scene, TextsAreMadeSafe) {
  Scene scene;
  scene.Text(0, 0, 10, "\x1b[31m\xE2\x80\xAE\xEF\xBF\xBE]]>&\"'\xff", {});
  const std::string& text = scene.shapes[0].text;
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xE2\x80\xAE"))) << "turns the direction of writing";
  EXPECT_THAT(text, Not(HasSubstr("\xEF\xBF\xBE"))) << "U+FFFE is no character";
  const std::string svg = SvgOf(scene);
  EXPECT_THAT(svg, Not(HasSubstr("]]>")));
  EXPECT_THAT(svg, HasSubstr("&amp;&quot;&#39;"));
}

TEST(Scene, IsPlacedWithoutGrowing) {
  Scene whole{.width = 7, .height = 7};
  whole.Place(Example(), 10, 100);
  EXPECT_EQ(whole.shapes[0].points[0].x, 10);
  EXPECT_EQ(whole.shapes[0].points[1].x, 100) << "a width is no place";
  EXPECT_EQ(whole.shapes[1].points[1].y, 104);
  EXPECT_EQ(whole.width, 7);
}

TEST(PackedScene, ComesBackAsItWas) {
  const Scene scene = Example();
  auto back = UnpackScene(PackScene(scene));
  ASSERT_TRUE(back);
  EXPECT_EQ(SvgOf(*back), SvgOf(scene));
  EXPECT_EQ(PackScene(*back), PackScene(scene));
}

TEST(PackedScene, CutAnywhereIsNone) {
  const std::string packed = PackScene(Example());
  for (size_t length = 0; length < packed.size(); ++length) {
    EXPECT_FALSE(UnpackScene(packed.substr(0, length))) << length;
  }
  EXPECT_FALSE(UnpackScene(packed + "x"));
}

TEST(PackedScene, CountsThatAreNotThereAreNotBelieved) {
  std::string packed = PackScene(Example());
  for (size_t at = 4; at + 8 <= packed.size(); ++at) {
    std::string bad = packed;
    for (size_t i = 0; i < 8; ++i) bad[at + i] = '\x7f';
    (void)UnpackScene(bad);  // ends, and takes no memory that the bytes do not
  }
}

TEST(TextWidth, IsThatOfTheFont) {
  EXPECT_NEAR(TextWidth("i", 10), 2.78, 0.01);
  EXPECT_NEAR(TextWidth("WW", 10), 19.78, 0.01);
  EXPECT_NEAR(TextWidth("\xE6\x97\xA5", 10), 12, 0.01);
  EXPECT_EQ(FitWidth("short", 10, 100), "short");
  const std::string fitted = FitWidth("a.very.long.name.of.some.layer.weight", 10, 80);
  EXPECT_LE(TextWidth(fitted, 10), 80);
  EXPECT_THAT(fitted, HasSubstr("weight"));
}

}  // namespace
}  // namespace pthview::pictures
