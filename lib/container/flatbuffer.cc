#include "lib/container/flatbuffer.h"

#include <algorithm>

namespace pthview {
namespace {

constexpr uint64_t kBlockBytes = 2 << 10;  // tables stand between weights, a few hundred bytes each
constexpr size_t kBlocks = 4096;

}  // namespace

FlatBuffer::FlatBuffer(const ByteSource& source) : source_(source), size_(source.size()), cache_(kBlocks) {}

bool FlatBuffer::Load(uint64_t at, void* out, size_t length) const {
  if (at > size_ || length > size_ - at) return false;
  auto* to = static_cast<std::byte*>(out);
  while (length > 0) {
    uint64_t number = at / kBlockBytes;
    Block& block = cache_[number % kBlocks];
    if (block.number != number) {
      block.number = UINT64_MAX;
      block.bytes.resize(static_cast<size_t>(std::min(kBlockBytes, size_ - number * kBlockBytes)));
      if (!source_.ReadAt(number * kBlockBytes, block.bytes)) return false;
      block.number = number;
    }
    auto from = static_cast<size_t>(at % kBlockBytes);
    size_t count = std::min(length, block.bytes.size() - from);
    std::memcpy(to, block.bytes.data() + from, count);
    to += count;
    at += count;
    length -= count;
  }
  return true;
}

uint64_t FlatBuffer::Follow(uint64_t at) const {
  uint64_t target = at + Load<uint32_t>(at);
  return target == at || target >= size_ ? 0 : target;
}

FlatTable FlatBuffer::Root() const {
  uint64_t at = Follow(0);
  return at == 0 ? FlatTable() : FlatTable(this, at);
}

std::string FlatBuffer::StringAt(uint64_t at, size_t limit) const {
  if (at == 0) return {};
  uint64_t length = Load<uint32_t>(at);
  if (length > size_ - std::min(size_, at + sizeof(uint32_t))) return {};
  std::string text(static_cast<size_t>(std::min<uint64_t>(length, limit)), '\0');
  if (!Load(at + sizeof(uint32_t), text.data(), text.size())) return {};
  return text;
}

uint64_t FlatTable::Field(int slot) const {
  if (buffer_ == nullptr) return 0;
  int64_t vtable = static_cast<int64_t>(at_) - buffer_->Load<int32_t>(at_);
  if (vtable < 0) return 0;
  auto bytes = buffer_->Load<uint16_t>(static_cast<uint64_t>(vtable));
  size_t entry = sizeof(uint16_t) * (2 + static_cast<size_t>(slot));
  if (entry + sizeof(uint16_t) > bytes) return 0;
  auto place = buffer_->Load<uint16_t>(static_cast<uint64_t>(vtable) + entry);
  return place == 0 ? 0 : at_ + place;
}

FlatTable FlatTable::Table(int slot) const {
  uint64_t at = Struct(slot);
  return at == 0 ? FlatTable() : FlatTable(buffer_, at);
}

uint64_t FlatTable::Struct(int slot) const {
  uint64_t field = Field(slot);
  return field == 0 ? 0 : buffer_->Follow(field);
}

FlatVector FlatTable::Vector(int slot, size_t element_size) const {
  uint64_t at = Struct(slot);
  if (at == 0) return {};
  uint64_t count = buffer_->Load<uint32_t>(at);
  uint64_t first = at + sizeof(uint32_t);
  if (first > buffer_->size() || count > (buffer_->size() - first) / element_size) return {};
  return FlatVector(buffer_, first, static_cast<size_t>(count), element_size);
}

std::string FlatTable::String(int slot, size_t limit) const {
  return buffer_ == nullptr ? std::string() : buffer_->StringAt(Struct(slot), limit);
}

FlatTable FlatVector::TableAt(size_t index) const {
  if (index >= count_) return {};
  uint64_t at = buffer_->Follow(first_ + index * element_size_);
  return at == 0 ? FlatTable() : FlatTable(buffer_, at);
}

std::string FlatVector::StringAt(size_t index, size_t limit) const {
  if (index >= count_) return {};
  return buffer_->StringAt(buffer_->Follow(first_ + index * element_size_), limit);
}

}  // namespace pthview
