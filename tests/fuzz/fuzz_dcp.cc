// Reads any bytes as the `.metadata` of a distributed checkpoint, and checks what its chunks say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lib/base/checked.h"
#include "lib/formats/spread/dcp_metadata.h"
#include "lib/formats/spread/stitch.h"
#include "lib/pickle/machine.h"

namespace {

// A source of zeros as large as a box needs.
class Zeros : public pthview::ByteSource {
 public:
  explicit Zeros(uint64_t size) : size_(size) {}
  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  pthview::Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) std::abort();  // stitching asks for what is not there
    for (std::byte& byte : out) byte = std::byte{0};
    return pthview::Ok();
  }

 private:
  uint64_t size_;
  std::string name_ = "zeros";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  auto tree = pthview::pickle::Read({bytes, bytes + size}, {});
  if (!tree) return 0;
  pthview::Findings findings;
  auto metadata = pthview::ReadDcpMetadata(std::move(*tree), &findings);
  if (!metadata) return 0;
  uint64_t steps = 20'000'000;
  for (pthview::DcpTensor& tensor : metadata->tensors) {
    std::vector<pthview::StitchBox> boxes;
    for (pthview::DcpChunk& chunk : tensor.chunks) {
      uint64_t numel = static_cast<uint64_t>(pthview::CheckedNumel(chunk.sizes).value_or(0));
      boxes.push_back({chunk.offsets, chunk.sizes, std::make_unique<Zeros>(numel)});
    }
    if (pthview::CoverFault(tensor.shape, boxes, &steps)) continue;
    auto whole = pthview::Stitch("fuzz", tensor.shape, 1, std::move(boxes));
    std::vector<std::byte> some(std::min<uint64_t>(whole->size(), 4096));
    if (!whole->ReadAt(0, some) || !whole->ReadAt(whole->size() - some.size(), some)) std::abort();
  }
  return 0;
}
