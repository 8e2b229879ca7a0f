// SHA-256 of a large file on a thread of its own, while it is written.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/sha256.h"

namespace pthview::archive {

class HashThread {
 public:
  HashThread();
  ~HashThread();
  HashThread(const HashThread&) = delete;
  HashThread& operator=(const HashThread&) = delete;

  // Takes a copy; waits while 16 such copies are still to be hashed.
  void Update(std::span<const std::byte> bytes);
  // Lower-case hex; once, and nothing after it.
  std::string Finish();

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<std::byte>> full_;
  std::vector<std::vector<std::byte>> empty_;  // used again
  bool ended_ = false;
  Sha256 hash_;  // of the thread, until it has ended
  std::thread thread_;
};

}  // namespace pthview::archive
