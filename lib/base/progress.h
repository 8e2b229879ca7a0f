// Progress: a line on stderr for anything over a second; silent when stderr is not a terminal.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pthview {

// Thread-safe. Of several only the one made last draws, until it is gone. Nothing is printed in the first second, so
// short work stays quiet; the line is erased at the end.
class Progress {
 public:
  // `total_bytes`: 0 where it is not known. With `enabled` false nothing is drawn, and a line of work around it stays.
  Progress(std::string_view label, uint64_t total_bytes, bool enabled = true);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Whether lines are drawn at all, where standard error is a terminal: nobody's are until main allows it.
  static void Show(bool show);

  void Advance(uint64_t bytes);
  // Takes away the line, should one be there: for whoever is about to print something. The next Advance may draw it
  // again.
  static void Erase();
  // Set by the signal handler of the program (Ctrl-C): long work asks between blocks and returns kInterrupted.
  static bool Interrupted();
  static void SetInterrupted();

 private:
  void Draw(uint64_t done);
  std::string label_;
  uint64_t total_;
  bool enabled_;
  std::atomic<uint64_t> done_{0};
  std::atomic<int64_t> next_draw_ms_{1000};
  std::chrono::steady_clock::time_point start_;
  Progress* before_ = nullptr;  // what drew until this one was made
};

}  // namespace pthview
