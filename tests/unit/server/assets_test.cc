#include "tools/server/assets.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace pthview::server {
namespace {

namespace fs = std::filesystem;

class AssetsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            ("assets_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "netron/sub");
    fs::create_directories(root_ / "viewer");
    Write("netron/index.html", "<title>Netron</title>");
    Write("netron/view.js", "stock view");
    Write("netron/message.js", "stock message");
    Write("netron/server.py", "python");
    Write("netron/sub/inner.js", "inner");
    Write("viewer/message.js", "our message");
    Write("viewer/patches.json", R"({"index.html": [{"find": "Netron", "replace": "pthview"}]})");
    Write("secret.js", "secret");
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(root_ / name) << text; }
  Result<Assets> Load() { return Assets::Load({root_ / "netron", root_ / "viewer"}); }

  fs::path root_;
};

TEST_F(AssetsTest, ServesFilesWithTheirTypes) {
  Result<Assets> assets = Load();
  ASSERT_TRUE(assets) << assets.error().message;
  Reply script = assets->Get("view.js");
  EXPECT_EQ(script.status, 200);
  EXPECT_EQ(script.content(), "stock view");
  EXPECT_TRUE(script.type.starts_with("text/javascript")) << script.type;
  EXPECT_FALSE(script.etag.empty());
}

TEST_F(AssetsTest, OursStandInPlaceOfNetrons) {
  Result<Assets> assets = Load();
  ASSERT_TRUE(assets);
  EXPECT_EQ(assets->Get("message.js").content(), "our message");
}

TEST_F(AssetsTest, IndexIsPatchedUnderBothNames) {
  Result<Assets> assets = Load();
  ASSERT_TRUE(assets);
  EXPECT_EQ(assets->Get("").content(), "<title>pthview</title>");
  EXPECT_EQ(assets->Get("index.html").content(), "<title>pthview</title>");
}

TEST_F(AssetsTest, NothingOutsideTheTableIsReachable) {
  Result<Assets> assets = Load();
  ASSERT_TRUE(assets);
  for (std::string_view name : {"../secret.js", "../netron/view.js", "./view.js", "sub/inner.js", "inner.js",
                                "/view.js", "view.js/", "server.py", "patches.json", "sub", ".", "..", "VIEW.JS"}) {
    EXPECT_EQ(assets->Get(name).status, 404) << name;
  }
  EXPECT_EQ(assets->Get(std::string("view.js") + '\0').status, 404);
  EXPECT_EQ(assets->Get((root_ / "secret.js").string()).status, 404);
}

TEST_F(AssetsTest, RefusesToStartWhenAPatchDoesNotFit) {
  Write("netron/index.html", "<title>Another</title>");
  Result<Assets> assets = Load();
  ASSERT_FALSE(assets);
  EXPECT_FALSE(assets.error().hint.empty());
}

TEST_F(AssetsTest, RefusesToStartWithoutAFolder) {
  fs::remove_all(root_ / "viewer");
  EXPECT_FALSE(Load());
}

// Against the real Netron and our real changes: what ships must start.
TEST(InstalledAssets, Load) {
  Result<Assets> assets = Assets::Load(FindAssetFolders());
  ASSERT_TRUE(assets) << ToString(assets.error());
  EXPECT_NE(assets->Get("").content().find("content=\"0.0.0\""), std::string_view::npos);
  EXPECT_TRUE(assets->Has("message.js"));
  EXPECT_TRUE(assets->Has("view.js"));
}

}  // namespace
}  // namespace pthview::server
