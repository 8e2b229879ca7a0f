#include "plugins/host/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sched.h>

#include "lib/base/progress.h"
#include "plugins/host/framing.h"
#include "plugins/host/sandbox.h"

namespace pthview::plugins {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 1 << 16;
constexpr size_t kErrorTextBytes = 4096;  // of standard error, the last
// Between end of output and end of process nothing is left to do.
constexpr std::chrono::milliseconds kLeaveTime{2000};

// The whole environment: what programs need to run, nothing of the user's.
constexpr const char* kEnvironment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8",     "HOME=/nonexistent",
                                        "PYTHONDONTWRITEBYTECODE=1",         "PYTHONNOUSERSITE=1", nullptr};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

Error System(const char* doing) {
  return Error{.code = ErrorCode::kIo, .message = fmt::format("{}: {}", doing, std::strerror(errno))};
}

// Above the three that the child's own are copied to.
Descriptor Raise(int fd) {
  Descriptor raised(fcntl(fd, F_DUPFD_CLOEXEC, 10));
  ::close(fd);
  return raised;
}

struct Pipe {
  Descriptor read;
  Descriptor write;
};
Result<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return System("cannot make a pipe");
  Pipe made{Raise(ends[0]), Raise(ends[1])};
  if (!made.read.open() || !made.write.open()) return System("cannot make a pipe");
  fcntl(made.read.get(), F_SETFL, O_NONBLOCK);
  return made;
}

// The request as a file in memory: it needs no writer that goes on while answers are read.
Result<Descriptor> RequestFile(std::string_view bytes) {
  Descriptor file = Raise(memfd_create("request", MFD_CLOEXEC));
  if (!file.open()) return System("cannot hold the request");
  for (size_t done = 0; done < bytes.size();) {
    ssize_t wrote = pwrite(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (wrote <= 0) return System("cannot hold the request");
    done += static_cast<size_t>(wrote);
  }
  return file;
}

// What the child says when it cannot start.
struct StartFailure {
  int stage;  // 0: before the sandbox, 1: the sandbox, 2: exec
  int error;
};

struct Child {
  const char* program;
  const char* folder;
  int input, output, errors, status;
  pid_t parent;
  Sandbox* sandbox;
};

// Between fork and exec: system calls alone.
[[noreturn]] void RunChild(const Child& child) {
  auto fail = [&](int stage, int error) {
    const StartFailure failure{stage, error};
    [[maybe_unused]] ssize_t wrote = write(child.status, &failure, sizeof(failure));
    _exit(127);
  };
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != child.parent) _exit(127);  // it died before the line above
  if (dup2(child.input, 0) < 0 || dup2(child.output, 1) < 0 || dup2(child.errors, 2) < 0) fail(0, errno);
  if (chdir(child.folder) != 0) fail(0, errno);
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (int error = child.sandbox->Enter()) fail(1, error);
  // Whatever the program around has open without close-on-exec.
  if (child.status > 3) syscall(SYS_close_range, 3U, static_cast<unsigned>(child.status) - 1, 0);
  syscall(SYS_close_range, static_cast<unsigned>(child.status) + 1, ~0U, 0);
  char* const arguments[] = {const_cast<char*>(child.program), nullptr};
  execve(child.program, arguments, const_cast<char* const*>(kEnvironment));
  fail(2, errno);
  _exit(127);
}

class Process {
 public:
  Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (!pidfd_.open()) return;
    Kill();
    Wait(Clock::now() + std::chrono::hours(1));
  }

  Status Start(const Run& run, std::string_view request, Sandbox& sandbox) {
    PTHVIEW_ASSIGN(Descriptor input, RequestFile(request));
    PTHVIEW_ASSIGN(Pipe out, MakePipe());
    PTHVIEW_ASSIGN(Pipe errors, MakePipe());
    PTHVIEW_ASSIGN(Pipe status, MakePipe());
    const Child child{run.program.c_str(), run.folder.c_str(), input.get(), out.write.get(),
                      errors.write.get(),  status.write.get(), getpid(),    &sandbox};
    // No handler of ours may run in the child: one of them removes our temporary files.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int pidfd = -1;
    // Without an exit signal: a program that ignores SIGCHLD, as servers do, would lose the exit status.
    auto pid = static_cast<pid_t>(syscall(SYS_clone, CLONE_PIDFD, nullptr, &pidfd, nullptr, 0));
    if (pid == 0) RunChild(child);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    if (pid < 0) return System("cannot start a process");
    pid_ = pid;
    pidfd_ = Descriptor(pidfd);
    output = std::move(out.read);
    errors_output = std::move(errors.read);
    status.write.Close();
    return Started(status.read, run.program);
  }

  // The group is the process alone: it cannot fork. It is killed by both names, should that ever change.
  void Kill() {
    syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    ::kill(-pid_, SIGKILL);
  }

  // How it ended; nullopt when it has not by then.
  std::optional<siginfo_t> Wait(Clock::time_point until) {
    pollfd ended{pidfd_.get(), POLLIN, 0};
    while (true) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      int ready = poll(&ended, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 60'000)));
      if (ready > 0) break;
      if (ready == 0 && left <= 0) return std::nullopt;
    }
    siginfo_t info = {};
    waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED | __WALL);
    pidfd_.Close();
    return info;
  }

  Descriptor output;
  Descriptor errors_output;

 private:
  // The status pipe closes by exec, or brings what went wrong before.
  static Status Started(const Descriptor& status, const std::string& program) {
    fcntl(status.get(), F_SETFL, 0);
    StartFailure failure;
    ssize_t got;
    do got = read(status.get(), &failure, sizeof(failure));
    while (got < 0 && errno == EINTR);
    if (got != sizeof(failure)) return Ok();
    constexpr const char* kStages[] = {"it cannot be prepared", "it cannot be confined", "it does not start"};
    return Error{
        .code = failure.error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
        .message = fmt::format("{}: {} ({})", kStages[failure.stage], std::strerror(failure.error), program),
        .hint = failure.error == ENOENT ? "is its interpreter (the first line of the program) installed?" : ""};
  }

  pid_t pid_ = 0;
  Descriptor pidfd_;
};

std::string LastLine(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (size_t line = text.rfind('\n'); line != std::string_view::npos) text.remove_prefix(line + 1);
  return std::string(text.substr(0, 300));
}

class Conversation {
 public:
  Conversation(const Run& run, const std::function<Result<Next>(std::string_view)>& on_message)
      : run_(run), on_message_(on_message), reader_(run.encoding, run.most_message_bytes) {}

  Status Hold(std::string_view request, Sandbox& sandbox) {
    until_ = Clock::now() + run_.limits.time;
    PTHVIEW_TRY(process_.Start(run_, request, sandbox));
    while (process_.output.open()) {
      if (Progress::Interrupted()) return Error{.code = ErrorCode::kInterrupted, .message = "interrupted"};
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now()).count();
      if (left <= 0) return TimeOut();
      std::array<pollfd, 2> ends = {{{process_.output.get(), POLLIN, 0}, {process_.errors_output.get(), POLLIN, 0}}};
      if (poll(ends.data(), ends.size(), static_cast<int>(std::min<int64_t>(left, 1000))) <= 0) continue;
      if (ends[1].revents != 0) ReadErrors();
      if (ends[0].revents == 0) continue;
      PTHVIEW_ASSIGN(Next next, ReadOutput());
      if (next == Next::kDone) return Ok();
    }
    return Ended();
  }

 private:
  // Bytes read; 0 when there are none for now; nullopt at the end, where the descriptor is closed.
  static std::optional<size_t> ReadSome(Descriptor& from, std::span<char> into) {
    ssize_t got = read(from.get(), into.data(), into.size());
    if (got > 0) return static_cast<size_t>(got);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    from.Close();
    return std::nullopt;
  }

  void ReadErrors() {
    auto got = ReadSome(process_.errors_output, piece_);
    if (!got) return;
    errors_.append(piece_.data(), *got);
    if (errors_.size() > kErrorTextBytes) errors_.erase(0, errors_.size() - kErrorTextBytes);
  }

  Result<Next> ReadOutput() {
    auto got = ReadSome(process_.output, piece_);
    if (got) reader_.Feed({piece_.data(), *got});
    while (true) {
      PTHVIEW_ASSIGN(std::optional<std::string_view> message, reader_.Next());
      if (!message) return Next::kMore;
      PTHVIEW_ASSIGN(Next next, on_message_(*message));
      if (next == Next::kDone) return next;
    }
  }

  Error TimeOut() const {
    return Error{.code = ErrorCode::kLimit,
                 .message = fmt::format("it gave no answer within {} s",
                                        std::chrono::duration<double>(run_.limits.time).count()),
                 .hint = "its plugin.json may allow more: \"limits\": {\"seconds\": ...}"};
  }

  // The output ended without an answer: why?
  Error Ended() {
    auto how = process_.Wait(std::min(until_, Clock::now() + kLeaveTime));
    while (process_.errors_output.open()) {
      size_t before = errors_.size();
      ReadErrors();
      if (errors_.size() == before) break;
    }
    std::string last = LastLine(errors_);
    auto error = [&](ErrorCode code, std::string text) {
      if (!last.empty()) text += fmt::format(" (it said: {})", last);
      return Error{.code = code, .message = std::move(text)};
    };
    if (how && how->si_code != CLD_EXITED) {
      if (how->si_status == SIGXCPU) {
        return error(ErrorCode::kLimit,
                     fmt::format("it took more than {} s of processor time", run_.limits.cpu_seconds));
      }
      const char* name = sigabbrev_np(how->si_status);
      return error(ErrorCode::kCorrupt, fmt::format("it crashed (signal {}{}{})", how->si_status,
                                                    name == nullptr ? "" : ", SIG", name == nullptr ? "" : name));
    }
    if (how && how->si_status != 0) {
      return error(ErrorCode::kCorrupt, fmt::format("it ended with exit code {} and no answer", how->si_status));
    }
    return error(ErrorCode::kCorrupt,
                 reader_.Pending() ? "its output ended in the middle of a message" : "it ended without an answer");
  }

  const Run& run_;
  const std::function<Result<Next>(std::string_view)>& on_message_;
  MessageReader reader_;
  Process process_;
  Clock::time_point until_;
  std::array<char, kReadBytes> piece_;
  std::string errors_;
};

}  // namespace

Status Exchange(const Run& run, std::string_view request,
                const std::function<Result<Next>(std::string_view message)>& on_message) {
  std::vector<std::string> readable = run.readable;
  readable.push_back(run.folder);
  PTHVIEW_ASSIGN(Sandbox sandbox, Sandbox::Prepare(readable, run.limits, run.allow_unconfined));
  return Conversation(run, on_message).Hold(request, sandbox);
}

}  // namespace pthview::plugins
