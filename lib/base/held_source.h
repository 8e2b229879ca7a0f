// A file whose bytes are all in memory already: whoever reads it several times reads it once.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lib/base/source.h"

namespace pthview {

class HeldSource : public ByteSource {
 public:
  // `bytes` are those of `file`, and outlive this.
  HeldSource(std::unique_ptr<ByteSource> file, std::span<const std::byte> bytes)
      : file_(std::move(file)), bytes_(bytes) {}

  std::span<const std::byte> bytes() const { return bytes_; }

  uint64_t size() const override { return bytes_.size(); }
  const std::string& name() const override { return file_->name(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override;
  Status CheckUnchanged() const override { return file_->CheckUnchanged(); }
  int descriptor() const override { return file_->descriptor(); }
  std::string real_path() const override { return file_->real_path(); }

 private:
  std::unique_ptr<ByteSource> file_;
  std::span<const std::byte> bytes_;
};

}  // namespace pthview
