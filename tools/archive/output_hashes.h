// What outputs come to, as they are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/base/output_file.h"
#include "tools/archive/hash_thread.h"

namespace pthview::archive {

// Hashes outputs as they are written; of small ones it keeps what they are made of, to be hashed together with others:
// stretches of the source, which stays in memory, and copies of all else.
class OutputHashes : public OutputObserver {
 public:
  struct File {
    std::string path;
    std::unique_ptr<HashThread> hash;  // null: `pieces` are all of it
    std::vector<std::span<const std::byte>> pieces;
    std::deque<std::vector<std::byte>> copies;  // that pieces point into
    uint64_t copied = 0;
    uint64_t bytes = 0;
  };

  // `source`: all of it, or nothing; then what is written is hashed at once.
  explicit OutputHashes(std::span<const std::byte> source) : source_(source) {}
  void Begin(const std::string& path) override {
    files_.push_back({.path = path, .hash = source_.empty() ? std::make_unique<HashThread>() : nullptr});
  }
  void Bytes(std::span<const std::byte> bytes) override {
    File& file = files_.back();
    file.bytes += bytes.size();
    if (file.hash != nullptr) return file.hash->Update(bytes);
    const bool of_source = bytes.data() >= source_.data() && bytes.data() < source_.data() + source_.size();
    if (!of_source) {
      file.copied += bytes.size();
      bytes = file.copies.emplace_back(bytes.begin(), bytes.end());
    }
    file.pieces.push_back(bytes);
    if (file.copied <= kMostCopied) return;
    file.hash = std::make_unique<HashThread>();
    for (auto piece : file.pieces) file.hash->Update(piece);
    file.pieces = {};
    file.copies = {};
  }
  std::vector<File>& files() { return files_; }

 private:
  static constexpr uint64_t kMostCopied = uint64_t{64} << 20;
  std::span<const std::byte> source_;
  std::vector<File> files_;
};

}  // namespace pthview::archive
