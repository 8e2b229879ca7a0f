// SHA-256, streaming. Implemented by OpenSSL (SHA-NI where the processor has it).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace pthview {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Update(std::span<const std::byte> bytes);
  // Lower-case hex; the object is done after that.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pthview
