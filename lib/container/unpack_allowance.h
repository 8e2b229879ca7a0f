// How much may be unpacked of one file, with all that stands inside it: archives in archives multiply their ratios.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// Thread-safe.
class UnpackAllowance {
 public:
  // 256 MB and 32 times what the file has. Weights hardly compress, and a file of them that becomes a hundred times as
  // large holds one value.
  explicit UnpackAllowance(uint64_t file_bytes);

  // `bytes` more are unpacked. kLimit, and nothing is taken, when that is too much; `hint` says how to do without.
  Status Take(uint64_t bytes, std::string_view hint);
  // More than there was has been unpacked already: from now on nothing may be.
  void TakeAll() { taken_ = total_; }

 private:
  const uint64_t file_bytes_;
  const uint64_t total_;
  std::atomic<uint64_t> taken_{0};
};

// A source inside another one, which knows the allowance of the file around.
class InsideSource : public ByteSource {
 public:
  virtual std::shared_ptr<UnpackAllowance> allowance() const = 0;
};

// The allowance of the file that `source` stands in, or a new one when it is a file of its own.
std::shared_ptr<UnpackAllowance> AllowanceOf(const ByteSource& source);

}  // namespace pthview
