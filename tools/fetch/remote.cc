#include "tools/fetch/remote.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <spawn.h>

#include "lib/base/distant_source.h"
#include "lib/base/named_source.h"
#include "lib/base/progress.h"
#include "tools/fetch/protocol.h"
#include "tools/install_paths.h"

extern char** environ;

namespace pthview::fetch {
namespace {

constexpr uint64_t kCacheBytes = uint64_t{64} << 20;
constexpr uint64_t kLongestError = 1 << 16;
constexpr size_t kPiece = size_t{64} << 10;

struct Opened {
  uint32_t file = 0;
  uint64_t size = 0;
  std::vector<std::byte> head;
};

// The program and the connection to it: one for all files, started with the first.
class Fetcher {
 public:
  Fetcher() : progress_("fetching", 0) {}

  Result<Opened> Open(const Url& url) {
    std::lock_guard lock(mutex_);
    if (socket_ < 0) PTHVIEW_TRY(Start());
    const std::string address = url.Text();
    const Request request{.ask = Ask::kOpen, .length = address.size()};
    if (!SendBytes(socket_, &request, sizeof(request)) || !SendBytes(socket_, address.data(), address.size())) {
      return Gone();
    }
    Opened opened;
    PTHVIEW_ASSIGN(Reply reply, Next());
    if (reply.say != Say::kOpened) return Gone();
    opened.file = reply.number;
    opened.size = reply.size;
    while (true) {
      PTHVIEW_ASSIGN(reply, Next());
      if (reply.say == Say::kEnd) break;
      if (reply.say != Say::kData || reply.length > kMostWhole - std::min(kMostWhole, opened.head.size()))
        return Gone();
      const size_t before = opened.head.size();
      opened.head.resize(before + static_cast<size_t>(reply.length));
      PTHVIEW_TRY(Receive(std::span(opened.head).subspan(before)));
    }
    if (opened.head.size() != std::min(opened.size, std::max<uint64_t>(kHeadBytes, opened.head.size()))) return Gone();
    return opened;
  }

  Status Read(uint32_t file, uint64_t offset, std::span<std::byte> out) {
    std::lock_guard lock(mutex_);
    const Request request{.ask = Ask::kRead, .file = file, .offset = offset, .length = out.size()};
    if (socket_ < 0 || !SendBytes(socket_, &request, sizeof(request))) return Gone();
    while (true) {
      PTHVIEW_ASSIGN(const Reply reply, Next());
      if (reply.say == Say::kEnd) return out.empty() ? Ok() : Gone();
      if (reply.say != Say::kData || reply.length > out.size()) return Gone();
      PTHVIEW_TRY(Receive(out.first(static_cast<size_t>(reply.length))));
      out = out.subspan(static_cast<size_t>(reply.length));
    }
  }

 private:
  Status Start() {
    const std::string program = FindHelper("pthview-fetch");
    if (program.empty()) {
      return Error{.code = ErrorCode::kNotFound,
                   .message = "pthview-fetch, which fetches files, is not beside this program",
                   .hint = "install pthview again, or build it with `tools/pthview serve`"};
    }
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return Error{.code = ErrorCode::kIo, .message = std::string("no pair of sockets: ") + std::strerror(errno)};
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    std::string path = program;
    char* arguments[] = {path.data(), nullptr};
    pid_t child = 0;
    const int error = posix_spawn(&child, program.c_str(), &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) {
      ::close(ends[0]);
      return Error{.code = ErrorCode::kIo, .message = std::string("pthview-fetch does not start: ") + strerror(error)};
    }
    socket_ = ends[0];  // closed with the program; pthview-fetch ends when it is
    return Ok();
  }

  // What comes next, unless that is an error.
  Result<Reply> Next() {
    Reply reply;
    if (!ReceiveBytes(socket_, &reply, sizeof(reply))) return Gone();
    if (reply.say != Say::kError) return reply;
    std::string text(static_cast<size_t>(std::min(reply.length, kLongestError)), '\0');
    if (reply.length > kLongestError || !ReceiveBytes(socket_, text.data(), text.size())) return Gone();
    return UnpackError(reply.number, text);
  }

  Status Receive(std::span<std::byte> out) {
    while (!out.empty()) {
      const size_t count = std::min(out.size(), kPiece);
      if (!ReceiveBytes(socket_, out.data(), count)) return Gone();
      out = out.subspan(count);
      progress_.Advance(count);
    }
    return Ok();
  }

  Error Gone() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    return Error{.code = ErrorCode::kInternal, .message = "pthview-fetch, which fetches files, ended"};
  }

  std::mutex mutex_;
  int socket_ = -1;
  Progress progress_;
};

class RemoteReader : public RangeReader {
 public:
  RemoteReader(std::shared_ptr<Fetcher> fetcher, uint32_t file, std::string name)
      : fetcher_(std::move(fetcher)), file_(file), name_(std::move(name)) {}

  Status Fetch(uint64_t offset, std::span<std::byte> out) override {
    Status status = fetcher_->Read(file_, offset, out);
    if (!status) return std::move(status).error().In(name_);
    return status;
  }

 private:
  std::shared_ptr<Fetcher> fetcher_;
  uint32_t file_;
  std::string name_;
};

}  // namespace

void AllowRemote() {
  auto cache = std::make_shared<BlockCache>(kCacheBytes);
  std::shared_ptr<Fetcher> fetcher;
  SetRemoteOpener(
      [=, mutex = std::make_shared<std::mutex>()](const Url& url) mutable -> Result<std::unique_ptr<ByteSource>> {
        {
          std::lock_guard lock(*mutex);
          if (fetcher == nullptr) fetcher = std::make_shared<Fetcher>();
        }
        auto opened = fetcher->Open(url);
        if (!opened) return std::move(opened).error().In(url.Display());
        std::unique_ptr<RangeReader> reader;
        if (opened->head.size() < opened->size) {
          reader = std::make_unique<RemoteReader>(fetcher, opened->file, url.Display());
        }
        return std::unique_ptr<ByteSource>(std::make_unique<DistantSource>(
            url.Display(), opened->size, std::move(opened->head), std::move(reader), cache));
      });
}

}  // namespace pthview::fetch
