#include "lib/base/output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>

#include "lib/base/progress.h"
#include "tests/unit/base/temporary_folder.h"

namespace pthview {
namespace {

namespace fs = std::filesystem;

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

std::vector<std::byte> AsBytes(const std::string& text) {
  auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

TEST(OutputFile, AppearsOnlyWhenCommitted) {
  TemporaryFolder folder;
  {
    auto file = OutputFile::Create(folder / "out.bin", false);
    ASSERT_TRUE(file);
    std::string large = Pattern(3 << 20);
    ASSERT_TRUE(file->Write(std::string_view("ab")));
    ASSERT_TRUE(file->Write(std::string_view(large)));
    EXPECT_EQ(file->position(), large.size() + 2);
    EXPECT_FALSE(fs::exists(folder / "out.bin"));
    EXPECT_EQ(folder.Entries(), 1U);  // the temporary, beside its target
    ASSERT_TRUE(file->Commit(true));
    EXPECT_EQ(ReadText(folder / "out.bin"), "ab" + large);
  }
  EXPECT_EQ(folder.Entries(), 1U);
  mode_t mask = ::umask(0);
  ::umask(mask);
  struct stat status;
  ASSERT_EQ(::stat((folder / "out.bin").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666 & ~mask);
}

TEST(OutputFile, LeavesNothingWhenDroppedHalfWritten) {
  TemporaryFolder folder;
  WriteText(folder / "out.bin", "before");
  {
    auto file = OutputFile::Create(folder / "out.bin", true);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->Write(std::string_view(Pattern(1 << 20))));
    OutputFile moved = std::move(*file);  // the moved-from one must not remove it twice
    EXPECT_EQ(folder.Entries(), 2U);
  }
  EXPECT_EQ(folder.Entries(), 1U);
  EXPECT_EQ(ReadText(folder / "out.bin"), "before");
}

TEST(OutputFile, DoesNotReplaceWithoutForce) {
  TemporaryFolder folder;
  WriteText(folder / "out.bin", "before");
  auto file = OutputFile::Create(folder / "out.bin", false);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kExists);
  EXPECT_NE(file.error().hint.find("--force"), std::string::npos);
  EXPECT_EQ(folder.Entries(), 1U);

  auto forced = OutputFile::Create(folder / "out.bin", true);
  ASSERT_TRUE(forced);
  ASSERT_TRUE(forced->Write(std::string_view("after")));
  ASSERT_TRUE(forced->Commit());
  EXPECT_EQ(ReadText(folder / "out.bin"), "after");
}

TEST(OutputFile, DoesNotReplaceWhatAppearedMeanwhile) {
  TemporaryFolder folder;
  {
    auto file = OutputFile::Create(folder / "out.bin", false);
    ASSERT_TRUE(file);
    WriteText(folder / "out.bin", "someone else's");
    auto status = file->Commit();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kExists);
  }
  EXPECT_EQ(ReadText(folder / "out.bin"), "someone else's");
  EXPECT_EQ(folder.Entries(), 1U);
}

TEST(OutputFile, ReplacesALinkAndNotItsTarget) {
  TemporaryFolder folder;
  WriteText(folder / "real.bin", "real");
  fs::create_symlink("real.bin", folder / "link.bin");
  EXPECT_FALSE(OutputFile::Create(folder / "link.bin", false));
  auto file = OutputFile::Create(folder / "link.bin", true);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->Write(std::string_view("new")));
  ASSERT_TRUE(file->Commit());
  EXPECT_EQ(ReadText(folder / "real.bin"), "real");
  EXPECT_EQ(ReadText(folder / "link.bin"), "new");
  EXPECT_FALSE(fs::is_symlink(folder / "link.bin"));
}

TEST(OutputFile, RefusesFoldersDevicesAndMissingFolders) {
  TemporaryFolder folder;
  for (const std::string& path : {folder.path(), std::string("/dev/null")}) {
    auto file = OutputFile::Create(path, true);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, ErrorCode::kUsage);
  }
  auto missing = OutputFile::Create(folder / "no/out.bin", false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(OutputFile, TakesTheLongestName) {
  TemporaryFolder folder;
  std::string name(255, 'n');
  auto file = OutputFile::Create(folder / name, false);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->Commit());
  EXPECT_TRUE(fs::exists(folder / name));
}

TEST(OutputFile, CopiesFromFilesAndMemory) {
  TemporaryFolder folder;
  std::string content = Pattern((5 << 20) + 17);
  WriteText(folder / "in.bin", content);
  auto source = OpenFile(folder / "in.bin");
  ASSERT_TRUE(source);
  auto memory = OpenMemory("memory", AsBytes(content));
  auto file = OutputFile::Create(folder / "out.bin", false);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->Write(std::string_view("head")));
  ASSERT_TRUE(file->CopyFrom(**source, 4, content.size() - 4));  // page on page: inside the kernel
  ASSERT_TRUE(file->CopyFrom(**source, 3, content.size() - 3));  // in blocks
  ASSERT_TRUE(file->Write(std::string_view("middle")));
  ASSERT_TRUE(file->CopyFrom(**source, 5, 100));  // small: through the buffer
  ASSERT_TRUE(file->CopyFrom(*memory, 1, content.size() - 1));
  ASSERT_TRUE(file->CopyFrom(*memory, content.size(), 0));
  EXPECT_EQ(file->position(), 4 + content.size() - 4 + content.size() - 3 + 6 + 100 + content.size() - 1);
  ASSERT_TRUE(file->Commit());
  // No EXPECT_EQ: it would print megabytes.
  EXPECT_TRUE(ReadText(folder / "out.bin") ==
              "head" + content.substr(4) + content.substr(3) + "middle" + content.substr(5, 100) + content.substr(1));
}

TEST(OutputFile, CopyFromAShortSourceIsTruncated) {
  TemporaryFolder folder;
  WriteText(folder / "in.bin", Pattern(1 << 20));
  auto source = OpenFile(folder / "in.bin");
  ASSERT_TRUE(source);
  auto file = OutputFile::Create(folder / "out.bin", false);
  ASSERT_TRUE(file);
  auto past = file->CopyFrom(**source, 10, 1 << 20);
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().code, ErrorCode::kTruncated);
  ASSERT_EQ(::truncate((folder / "in.bin").c_str(), 700000), 0);
  auto cut = file->CopyFrom(**source, 0, 1 << 20);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(cut.error().file, folder / "in.bin");
}

// Standard output as a pipe and as a file that is appended to: neither takes copy_file_range.
void CopyToStandardOutput(const std::string& in, int descriptor) {
  ::dup2(descriptor, STDOUT_FILENO);
  auto source = OpenFile(in);
  auto file = OutputFile::Create("-", false);
  bool fine = source && file && file->Write(std::string_view("head")) &&
              file->CopyFrom(**source, 1, (*source)->size() - 1) && file->Commit();
  ::_exit(fine ? 0 : 1);
}

TEST(OutputFile, CopiesToStandardOutput) {
  TemporaryFolder folder;
  std::string content = Pattern(1 << 20);
  WriteText(folder / "in.bin", content);
  int append = ::open((folder / "out.bin").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ASSERT_GE(append, 0);
  EXPECT_EXIT(CopyToStandardOutput(folder / "in.bin", append), testing::ExitedWithCode(0), "");
  ::close(append);
  EXPECT_TRUE(ReadText(folder / "out.bin") == "head" + content.substr(1));

  FILE* pipe = ::popen(("cat > '" + (folder / "piped.bin") + "'").c_str(), "w");
  ASSERT_NE(pipe, nullptr);
  EXPECT_EXIT(CopyToStandardOutput(folder / "in.bin", ::fileno(pipe)), testing::ExitedWithCode(0), "");
  ::pclose(pipe);
  EXPECT_TRUE(ReadText(folder / "piped.bin") == "head" + content.substr(1));
  EXPECT_EQ(folder.Entries(), 3U);
}

TEST(OutputFile, StopsCopyingWhenInterrupted) {
  TemporaryFolder folder;
  WriteText(folder / "in.bin", Pattern(1 << 20));
  auto copy = [&] {
    int code = 1;
    {
      auto source = OpenFile(folder / "in.bin");
      auto file = OutputFile::Create(folder / "out.bin", false);
      Progress::SetInterrupted();
      auto status = file->CopyFrom(**source, 0, 1 << 20);
      if (!status && status.error().code == ErrorCode::kInterrupted) code = 0;
    }
    ::_exit(code);
  };
  EXPECT_EXIT(copy(), testing::ExitedWithCode(0), "");
  EXPECT_EQ(folder.Entries(), 1U);
}

TEST(OutputFile, SaysWhatTheSystemSaysWhenAWriteFails) {
  TemporaryFolder folder;
  auto write = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int code = 1;
    {
      auto file = OutputFile::Create(folder / "out.bin", false);
      auto status = file->Write(std::string_view(Pattern(1 << 20)));
      if (!status && status.error().code == ErrorCode::kIo && status.error().file == folder / "out.bin") code = 0;
    }
    ::_exit(code);
  };
  EXPECT_EXIT(write(), testing::ExitedWithCode(0), "");
  EXPECT_EQ(folder.Entries(), 0U);
}

TEST(OutputFile, ASignalHandlerCanRemoveTemporaries) {
  TemporaryFolder folder;
  auto interrupted = [&] {
    auto a = OutputFile::Create(folder / "a.bin", false);
    auto b = OutputFile::Create(folder / "b.bin", false);
    auto c = OutputFile::Create(folder / "c.bin", false);
    if (!c->Commit()) ::_exit(1);
    ::signal(SIGTERM, [](int) {
      OutputFile::RemoveTemporaries();
      ::_exit(3);
    });
    ::raise(SIGTERM);
  };
  EXPECT_EXIT(interrupted(), testing::ExitedWithCode(3), "");
  EXPECT_EQ(folder.Entries(), 1U);  // what was committed stays
  EXPECT_TRUE(fs::exists(folder / "c.bin"));
}

}  // namespace
}  // namespace pthview
