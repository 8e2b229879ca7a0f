// pthview-serve: what `pthview serve` executes. Exit codes: 0 ended by Ctrl-C or SIGTERM; 2 wrong usage, no file could
// be opened, or no port to be had.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include <malloc.h>
#include <spawn.h>

#include "lib/base/escape.h"
#include "lib/base/progress.h"
#include "plugins/host/plugin_formats.h"
#include "tools/fetch/remote.h"
#include "tools/server/api.h"
#include "tools/server/late_graphs.h"
#include "tools/server/options.h"
#include "tools/server/server.h"
#include "tools/server/watcher.h"

extern char** environ;

namespace pthview::server {
namespace {

void PrintError(const Error& error) {
  std::fprintf(stderr, "pthview: %s\n", ToString(error).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  try: %s\n", EscapeForTerminal(error.hint).c_str());
}

int Fail(const Error& error) {
  PrintError(error);
  return 2;
}

// Only where someone sits at a screen: a terminal and a display. The browser gets a session of its own, so that Ctrl-C
// here does not end it.
void OpenBrowser(const std::string& url) {
  if (!isatty(STDOUT_FILENO) || (!std::getenv("DISPLAY") && !std::getenv("WAYLAND_DISPLAY"))) return;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  char program[] = "xdg-open";
  std::string address = url;
  char* arguments[] = {program, address.data(), nullptr};
  pid_t child = 0;
  posix_spawnp(&child, program, &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
}

std::string Subject(const Sessions& sessions) {
  if (sessions.all().size() > 1) return std::to_string(sessions.all().size()) + " files";
  return EscapeForTerminal(sessions.all().front()->name());
}

int Serve(const Options& options) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);  // the browser's launcher is not waited for
  // Large documents come and go; without these two each thread would keep its own.
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);

  Result<Assets> assets = Assets::Load(FindAssetFolders());
  if (!assets) return Fail(assets.error());
  Progress::Show(!options.quiet);
  AddFormatProvider(plugins::PluginFormats());
  fetch::AllowRemote();
  Sessions sessions(options.files);
  EventHub events;
  Watcher watcher(&sessions, &events);
  LateGraphs late_graphs;
  bool any = false;
  for (const std::unique_ptr<Session>& session : sessions.all()) {
    const bool first = session->Load() && !std::exchange(any, true);
    if (first) late_graphs.Ask(session.get());  // the one that is shown; the others when they are
    if (const auto& error = session->snapshot()->error) PrintError(*error);
  }
  if (!any) return 2;
  Progress::Show(false);
  Api api(std::move(*assets), &sessions, options.watch, &late_graphs);
  // Until here Ctrl-C ends the program as it ends any other: nothing is held, and opening may take long. Blocked before
  // the threads that stay are started, so that only the sigwait below ever sees them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&stop_signals, number);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  Server server(&api, &events, options.watch);
  if (Status bound = server.Bind(options.port); !bound) return Fail(bound.error());

  std::string url = server.url();
  if (options.quiet) {
    std::printf("%s\n", url.c_str());
  } else {
    std::printf("Serving %s at %s\nPress Ctrl-C to stop.\n", Subject(sessions).c_str(), url.c_str());
  }
  std::fflush(stdout);
  if (options.open) OpenBrowser(url);
  if (options.watch) watcher.Start();

  std::atomic<bool> failed{false};
  std::thread listener([&] {
    if (server.Run()) return;
    failed = true;
    kill(getpid(), SIGTERM);
  });
  int number = 0;
  sigwait(&stop_signals, &number);
  server.Stop();
  if (failed) std::fputs("pthview: listening failed\n", stderr);
  // Threads that read weights may go on for seconds; nothing they hold needs an orderly end.
  std::fflush(nullptr);
  _exit(failed ? 2 : 0);
}

}  // namespace
}  // namespace pthview::server

int main(int argc, char** argv) {
  using namespace pthview::server;  // NOLINT(google-build-using-namespace)
  auto options = ParseOptions({argv + 1, argv + argc});
  if (!options) return Fail(options.error());
  if (options->help) {
    std::fwrite(HelpText().data(), 1, HelpText().size(), stdout);
    return 0;
  }
  return Serve(*options);
}
