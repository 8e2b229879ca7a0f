#include "lib/base/progress.h"

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "lib/base/escape.h"

namespace pthview {
namespace {

constexpr int64_t kRedrawMs = 200;

// Lock-free, so that a signal handler may set it.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

std::atomic<bool> shown{false};
std::atomic<Progress*> current{nullptr};  // the one that draws
std::atomic<bool> drawn{false};           // whether its line is on the terminal

std::string Megabytes(uint64_t bytes) {
  double mb = static_cast<double>(bytes) / 1e6;
  return mb < 1000 ? fmt::format("{:.0f} MB", mb) : fmt::format("{:.2f} GB", mb / 1000);
}

void WriteToTerminal(const std::string& text) {
  // A terminal that went away is no reason to stop the work.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::string_view label, uint64_t total_bytes, bool enabled)
    : label_(EscapeForTerminal(label)),
      total_(total_bytes),
      enabled_(enabled && shown && ::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()) {
  if (enabled_) before_ = current.exchange(this);
}

Progress::~Progress() {
  if (!enabled_) return;
  Erase();
  Progress* self = this;
  current.compare_exchange_strong(self, before_);
}

void Progress::Show(bool show) { shown = show; }

void Progress::Erase() {
  if (drawn.exchange(false)) WriteToTerminal("\r\033[K");
}

void Progress::Advance(uint64_t bytes) {
  uint64_t done = done_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (!enabled_ || !shown || current.load(std::memory_order_relaxed) != this) return;
  using std::chrono::milliseconds;
  int64_t now = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start_).count();
  int64_t due = next_draw_ms_.load(std::memory_order_relaxed);
  // Of the threads that find the line due, the one that moves the time forward draws it.
  if (now < due || !next_draw_ms_.compare_exchange_strong(due, now + kRedrawMs)) return;
  Draw(done);
}

void Progress::Draw(uint64_t done) {
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  std::string line = "\r\033[K" + label_;
  if (total_ > 0) {
    line += fmt::format(" {}% of {}", std::min<uint64_t>(100, done * 100.0 / total_), Megabytes(total_));
  } else {
    line += " " + Megabytes(done);
  }
  line += fmt::format(", {}/s", Megabytes(static_cast<uint64_t>(done / std::max(seconds, 1e-3))));
  WriteToTerminal(line);
  drawn = true;
}

bool Progress::Interrupted() { return interrupted.load(std::memory_order_relaxed); }
void Progress::SetInterrupted() { interrupted.store(true, std::memory_order_relaxed); }

}  // namespace pthview
