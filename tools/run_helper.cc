#include "tools/run_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include <fmt/format.h>
#include <spawn.h>

#include "lib/base/progress.h"
#include "tools/install_paths.h"

extern char** environ;

namespace pthview {
namespace {

constexpr size_t kMostOutput = size_t{512} << 20;
constexpr int kTickMs = 200;

Error System(std::string_view what) {
  return Error{.code = ErrorCode::kIo, .message = fmt::format("{}: {}", what, std::strerror(errno))};
}

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

// Reads until the other end is closed. False when it took too long, or was interrupted.
bool ReadAll(int fd, std::chrono::steady_clock::time_point end, std::string& out) {
  std::vector<char> piece(size_t{1} << 16);
  while (std::chrono::steady_clock::now() < end && !Progress::Interrupted() && out.size() < kMostOutput) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, kTickMs) <= 0) continue;
    ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    out.append(piece.data(), static_cast<size_t>(got));
  }
  return false;
}

}  // namespace

Result<HelperAnswer> RunHelper(const std::string& name, const std::vector<std::string>& words, std::string_view input,
                               int seconds) {
  const std::string program = FindHelper(name);
  if (program.empty()) {
    return Error{.code = ErrorCode::kNotFound,
                 .message = fmt::format("{} is not beside this program", name),
                 .hint = "install pthview again"};
  }
  // In memory, so that neither side waits for the other.
  const Descriptor text{memfd_create("input", MFD_CLOEXEC)};
  if (text.fd < 0) return System("no memory for a helper's input");
  for (size_t done = 0; done < input.size();) {
    ssize_t wrote = write(text.fd, input.data() + done, input.size() - done);
    if (wrote < 0) return System("no memory for a helper's input");
    done += static_cast<size_t>(wrote);
  }
  lseek(text.fd, 0, SEEK_SET);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return System("no pipe");
  const Descriptor from{ends[0]};
  Descriptor to{ends[1]};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, text.fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, to.fd, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<std::string> copies = words;
  copies.insert(copies.begin(), program);
  std::vector<char*> pointers;
  for (std::string& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  int failed = posix_spawn(&child, program.c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(to.fd);
  to.fd = -1;
  if (failed != 0) {
    errno = failed;
    return System(name + " does not start");
  }
  HelperAnswer answer;
  answer.finished = ReadAll(from.fd, std::chrono::steady_clock::now() + std::chrono::seconds(seconds), answer.output);
  if (!answer.finished) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (Progress::Interrupted()) return Error{.code = ErrorCode::kInterrupted, .message = "interrupted"};
  answer.succeeded = answer.finished && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return answer;
}

}  // namespace pthview
