#include "tools/server/session.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/server/watcher.h"

namespace pthview::server {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// {"w": <float32 tensor of `numel` ones>} as torch's legacy format writes it: magic number, protocol, system facts, the
// pickle, the list of storage keys, then each storage as its length and bytes.
std::string LegacyFile(uint8_t numel) {
  std::string file;
  file += "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  file += "\x80\x02M\xe9\x03.";
  file += "\x80\x02}(U\x10protocol_versionM\xe9\x03U\x0dlittle_endian\x88U\x0atype_sizes}u.";
  auto text = [](std::string_view s) {
    std::string op = "X";
    op += static_cast<char>(s.size());
    return op.append(3, '\0').append(s);
  };
  std::string size = std::string("K") + static_cast<char>(numel);
  file += "\x80\x02}" + text("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
          "ctorch\nFloatStorage\n" + text("0") + text("cpu") + size + "NtQK" + std::string(1, '\0') + size +
          "\x85K\x01\x85\x89}tRs.";
  file += "\x80\x02]" + text("0") + "a.";
  file += static_cast<char>(numel);
  file.append(7, '\0');
  for (int i = 0; i < numel; ++i) file.append("\0\0\x80\x3f", 4);
  return file;
}

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ("session_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ / "model.pth";
    Write(LegacyFile(3));
  }
  void TearDown() override { fs::remove_all(folder_); }
  // Written beside and renamed, as checkpoints should be: another inode, whatever the clock's resolution.
  void Write(const std::string& bytes) {
    std::ofstream(folder_ / "new", std::ios::binary) << bytes;
    fs::rename(folder_ / "new", path_);
  }
  static int64_t Numel(const Session& session) { return session.snapshot()->model->tensors.at(0).numel; }

  fs::path folder_;
  std::string path_;
};

TEST_F(SessionTest, LoadsAndDescribes) {
  Sessions sessions({path_});
  Session* session = sessions.Find("0");
  ASSERT_NE(session, nullptr);
  ASSERT_TRUE(session->Load()) << ToString(*session->snapshot()->error);
  Json files = Json::parse(sessions.Json(true));
  EXPECT_EQ(files["watch"], true);
  EXPECT_EQ(files["files"][0]["name"], "model.pth");
  EXPECT_EQ(files["files"][0]["tensors"], 1);
  EXPECT_EQ(files["files"][0]["version"], 1);
  EXPECT_EQ(files["files"][0]["size"], fs::file_size(path_));
  EXPECT_TRUE(files["files"][0]["error"].is_null());
}

TEST_F(SessionTest, OnlyItsOwnIdsAreFound) {
  Sessions sessions({path_, path_});
  EXPECT_NE(sessions.Find("1"), nullptr);
  for (const char* id : {"2", "", "00", "01", "-1", "+1", "1 ", "model.pth", "99999999999999999999"}) {
    EXPECT_EQ(sessions.Find(id), nullptr) << id;
  }
}

TEST_F(SessionTest, NamesTellFilesApart) {
  Sessions sessions({"run1/best.pth", "run2/best.pth", "/data/last.pth"});
  EXPECT_EQ(sessions.all()[0]->name(), "run1/best.pth");
  EXPECT_EQ(sessions.all()[1]->name(), "run2/best.pth");
  EXPECT_EQ(sessions.all()[2]->name(), "last.pth");
}

TEST_F(SessionTest, ABrokenStateKeepsTheOldModelAndSaysSo) {
  Sessions sessions({path_});
  Session* session = sessions.Find("0");
  ASSERT_TRUE(session->Load());
  std::shared_ptr<const Snapshot> old = session->snapshot();
  Write("torn");
  EXPECT_FALSE(session->Load());
  EXPECT_EQ(session->snapshot()->model, old->model);
  EXPECT_EQ(session->snapshot()->version, 1);
  EXPECT_TRUE(session->snapshot()->error);
  Write(LegacyFile(5));
  EXPECT_TRUE(session->Load());
  EXPECT_EQ(Numel(*session), 5);
  EXPECT_EQ(session->snapshot()->version, 2);
  EXPECT_FALSE(session->snapshot()->error);
  EXPECT_EQ(old->model->tensors.at(0).numel, 3) << "a reader's model lives on";
}

TEST_F(SessionTest, WatcherReloadsOnceAChangeHasSettled) {
  Sessions sessions({path_});
  EventHub events;
  Watcher watcher(&sessions, &events);
  Session* session = sessions.Find("0");
  ASSERT_TRUE(session->Load());
  auto listener = events.Listen();
  watcher.Poll();
  watcher.Poll();
  EXPECT_EQ(session->snapshot()->version, 1) << "nothing changed";
  Write(LegacyFile(4));
  watcher.Poll();
  EXPECT_EQ(session->snapshot()->version, 1) << "it may still be being written";
  Write(LegacyFile(5));
  watcher.Poll();
  EXPECT_EQ(session->snapshot()->version, 1) << "it was";
  watcher.Poll();
  EXPECT_EQ(session->snapshot()->version, 2);
  EXPECT_EQ(Numel(*session), 5);
  EXPECT_EQ(listener->Wait(), "event: changed\ndata: {\"id\":\"0\",\"version\":2}\n\n");
  watcher.Poll();
  watcher.Poll();
  EXPECT_EQ(session->snapshot()->version, 2);
}

TEST_F(SessionTest, WatcherSurvivesAFileThatGoesAndComesBack) {
  Sessions sessions({path_});
  EventHub events;
  Watcher watcher(&sessions, &events);
  Session* session = sessions.Find("0");
  ASSERT_TRUE(session->Load());
  fs::remove(path_);
  watcher.Poll();
  watcher.Poll();
  EXPECT_TRUE(session->snapshot()->error);
  EXPECT_EQ(Numel(*session), 3);
  Write(LegacyFile(6));
  watcher.Poll();
  watcher.Poll();
  EXPECT_FALSE(session->snapshot()->error);
  EXPECT_EQ(Numel(*session), 6);
}

}  // namespace
}  // namespace pthview::server
