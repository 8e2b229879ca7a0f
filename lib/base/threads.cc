#include "lib/base/threads.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace pthview {

size_t Cores() { return std::max(1U, std::thread::hardware_concurrency()); }

void ParallelFor(size_t count, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  auto run = [&] {
    for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
  };
  // The calling thread works too, so that one fewer is started; a single piece of work starts none.
  size_t helpers = std::min(count, Cores());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < helpers; ++i) {
    try {
      threads.emplace_back(run);
    } catch (const std::system_error&) {
      break;  // the system gives no more threads: those that there are do all the work
    }
  }
  run();
  for (std::thread& thread : threads) thread.join();
}

void InParallel(const std::function<void()>& here, const std::function<void()>& there) {
  ParallelFor(2, [&](size_t which) { which == 0 ? here() : there(); });
}

}  // namespace pthview
