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

  // `bytes` more come out. kLimit, and nothing is taken, when that is too much; `hint` says how to do without.
  Status Take(uint64_t bytes, std::string_view hint);
  // `bytes` more are gone through, which take time even if nothing comes out of them. Of what is packed once they are
  // no more than the file has; of what is packed again, kLimit beyond 8 MB and 8 times what the file has.
  Status TakePacked(uint64_t bytes, std::string_view hint);
  // More than there was has been unpacked already: from now on nothing may be.
  void TakeAll() { unpacked_.taken = unpacked_.total; }

 private:
  const uint64_t file_bytes_;
  struct Share {
    const uint64_t total;
    std::atomic<uint64_t> taken{0};
    bool Take(uint64_t bytes);
  };
  Share unpacked_;
  Share packed_;
};

// A source inside another one, which knows the allowance of the file around.
class InsideSource : public ByteSource {
 public:
  virtual std::shared_ptr<UnpackAllowance> allowance() const = 0;
};

// The allowance of the file that `source` stands in, or a new one when it is a file of its own.
std::shared_ptr<UnpackAllowance> AllowanceOf(const ByteSource& source);

}  // namespace pthview
