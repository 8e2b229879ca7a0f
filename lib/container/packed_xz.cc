#include "lib/container/packed_xz.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace pthview {
namespace {

constexpr size_t kInput = size_t{1} << 16;

// What liblzma may hold of the indices: 16 bytes a block, 300 a stream, and the time that streams take grows with the
// square of their number. Every 24 MB have a block or a stream of their own in what `xz -T0` and `pxz` write, 1 MB in
// what `pixz` writes.
uint64_t IndexMemory(uint64_t file_bytes) {
  return std::min((uint64_t{1} << 20) + file_bytes / 64, uint64_t{64} << 20);
}

Error At(ErrorCode code, std::string message, uint64_t offset) {
  Error error{code, std::move(message)};
  error.offset = offset;
  return error;
}

Error Broken(lzma_ret code, uint64_t offset) {
  if (code == LZMA_MEM_ERROR) return At(ErrorCode::kLimit, "there is no memory for the xz decoder", offset);
  if (code == LZMA_OPTIONS_ERROR) {
    return At(ErrorCode::kUnsupported, "the xz data uses a filter that is not known", offset);
  }
  return At(ErrorCode::kCorrupt, "the xz data is broken", offset);
}

// Every stream ends with the two bytes YZ; zeros may follow.
Result<bool> EndsAsItShould(const ByteSource& source) {
  const uint64_t most = std::min<uint64_t>(source.size(), kInput);
  PTHVIEW_ASSIGN(std::vector<std::byte> tail, source.Read(source.size() - most, most));
  auto last = std::find_if(tail.rbegin(), tail.rend(), [](std::byte byte) { return byte != std::byte{0}; });
  return tail.rend() - last >= 2 && last[0] == std::byte{'Z'} && last[1] == std::byte{'Y'};
}

}  // namespace

// Decodes block after block.
class PackedXz::Pass : public UnpackPass {
 public:
  Pass(PackedXz& data, uint64_t offset) : data_(data), input_(kInput) {
    lzma_index_iter_init(&at_, data.index_);
    ended_ = lzma_index_iter_locate(&at_, offset);
    position_ = ended_ ? data.size() : at_.block.uncompressed_file_offset;
  }
  ~Pass() override { lzma_end(&stream_); }

  uint64_t position() const override { return position_; }
  uint64_t packed() const override { return next_ - stream_.avail_in; }
  uint64_t memory() const override { return memory_; }

  Status Next(std::span<std::byte> out, size_t* written) override {
    *written = 0;
    while (*written < out.size() || BlockUnpacked()) {
      if (!decoding_) {
        if (ended_) break;
        PTHVIEW_TRY(BeginBlock());
      }
      PTHVIEW_TRY(Refill());
      const size_t room = out.size() - *written;
      stream_.next_out = reinterpret_cast<uint8_t*>(out.data() + *written);
      stream_.avail_out = room;
      const lzma_ret code = lzma_code(&stream_, LZMA_RUN);
      *written += room - stream_.avail_out;
      position_ += room - stream_.avail_out;
      if (code == LZMA_STREAM_END) {
        decoding_ = false;
        ended_ = lzma_index_iter_next(&at_, LZMA_INDEX_ITER_NONEMPTY_BLOCK);
      } else if (code != LZMA_OK) {
        return Broken(code, packed());
      }
    }
    return Ok();
  }

 private:
  // Its bytes are there; its padding and its check are still to be read, before anyone is told that they are right.
  bool BlockUnpacked() const {
    return decoding_ && position_ == at_.block.uncompressed_file_offset + at_.block.uncompressed_size;
  }

  Status Refill() {
    if (stream_.avail_in != 0 || next_ == block_end_) return Ok();
    const auto count = static_cast<size_t>(std::min<uint64_t>(block_end_ - next_, input_.size()));
    PTHVIEW_TRY(data_.source_.ReadAt(next_, std::span(input_).first(count)));
    stream_.next_in = reinterpret_cast<const uint8_t*>(input_.data());
    stream_.avail_in = count;
    next_ += count;
    return Ok();
  }

  Status BeginBlock() {
    const uint64_t begin = at_.block.compressed_file_offset;
    std::array<std::byte, LZMA_BLOCK_HEADER_SIZE_MAX> header;
    PTHVIEW_TRY(data_.source_.ReadAt(begin, std::span(header).first(1)));
    block_ = {.version = 1, .header_size = lzma_block_header_size_decode(std::to_integer<uint32_t>(header[0]))};
    block_.check = at_.stream.flags->check;
    if (header[0] == std::byte{0} || block_.header_size > at_.block.total_size) {
      return At(ErrorCode::kCorrupt, "the xz index points at no block", begin);
    }
    PTHVIEW_TRY(data_.source_.ReadAt(begin, std::span(header).first(block_.header_size)));
    Filters filters;
    block_.filters = filters.list.data();
    lzma_ret code = lzma_block_header_decode(&block_, nullptr, reinterpret_cast<const uint8_t*>(header.data()));
    if (code == LZMA_OK) code = lzma_block_compressed_size(&block_, at_.block.unpadded_size);
    if (code != LZMA_OK) return Broken(code, begin);
    if (block_.uncompressed_size != LZMA_VLI_UNKNOWN && block_.uncompressed_size != at_.block.uncompressed_size) {
      return At(ErrorCode::kCorrupt, "the xz index and a block say different sizes", begin);
    }
    block_.uncompressed_size = at_.block.uncompressed_size;
    const uint64_t memory = lzma_raw_decoder_memusage(block_.filters);
    if (memory == UINT64_MAX) return Broken(LZMA_OPTIONS_ERROR, begin);
    if (memory > kMemory) {
      return At(ErrorCode::kLimit,
                "unpacking the xz data takes " + std::to_string(memory) + " bytes of memory, more than the " +
                    std::to_string(kMemory) + " that are allowed",
                begin)
          .Hint("unpack the file with `unxz -k` if it is trusted, and open what comes out");
    }
    memory_ = std::max(memory_, memory + kInput);
    code = lzma_block_decoder(&stream_, &block_);
    block_.filters = nullptr;  // the decoder has what it needs of them
    if (code != LZMA_OK) return Broken(code, begin);
    stream_.avail_in = 0;
    next_ = begin + block_.header_size;
    block_end_ = begin + at_.block.total_size;
    decoding_ = true;
    return Ok();
  }

  // lzma_block_header_decode allocates the options of each filter.
  struct Filters {
    std::array<lzma_filter, LZMA_FILTERS_MAX + 1> list;
    Filters() { list.fill({.id = LZMA_VLI_UNKNOWN, .options = nullptr}); }
    ~Filters() { lzma_filters_free(list.data(), nullptr); }
    Filters(const Filters&) = delete;
    Filters& operator=(const Filters&) = delete;
  };

  PackedXz& data_;
  lzma_index_iter at_;  // the block that is decoded, or comes next
  lzma_block block_{};  // of which the decoder keeps the address
  lzma_stream stream_ = LZMA_STREAM_INIT;
  std::vector<std::byte> input_;
  uint64_t next_ = 0;  // offset in the source behind what is in input_
  uint64_t block_end_ = 0;
  uint64_t position_ = 0;
  uint64_t memory_ = kInput;  // the most that it took
  bool decoding_ = false;
  bool ended_ = false;
};

Result<std::unique_ptr<PackedXz>> PackedXz::Open(const ByteSource& source) {
  PTHVIEW_ASSIGN(const bool has_end, EndsAsItShould(source));
  if (!has_end) {
    return At(ErrorCode::kTruncated, "the xz data ends before its end mark", source.size())
        .Hint("the file was probably cut short: fetch it again");
  }
  lzma_index* index = nullptr;
  lzma_stream stream = LZMA_STREAM_INIT;
  const uint64_t memory = IndexMemory(source.size());
  if (lzma_file_info_decoder(&stream, &index, memory, source.size()) != LZMA_OK) {
    return Error{ErrorCode::kInternal, "liblzma could not start"};
  }
  struct End {
    lzma_stream* stream;
    ~End() { lzma_end(stream); }
  } end{&stream};
  std::vector<std::byte> input(kInput);
  uint64_t next = 0;
  while (true) {
    if (stream.avail_in == 0 && next < source.size()) {
      const auto count = static_cast<size_t>(std::min<uint64_t>(source.size() - next, input.size()));
      PTHVIEW_TRY(source.ReadAt(next, std::span(input).first(count)));
      stream.next_in = reinterpret_cast<const uint8_t*>(input.data());
      stream.avail_in = count;
      next += count;
    }
    const lzma_ret code = lzma_code(&stream, LZMA_RUN);
    if (code == LZMA_STREAM_END) return std::unique_ptr<PackedXz>(new PackedXz(source, index));
    if (code == LZMA_SEEK_NEEDED) {
      next = stream.seek_pos;
      stream.avail_in = 0;
    } else if (code == LZMA_MEMLIMIT_ERROR) {
      return Error{ErrorCode::kLimit, "the index of the xz file takes more than the " + std::to_string(memory) +
                                          " bytes of memory that are allowed for a file of " +
                                          std::to_string(source.size())}
          .Hint("unpack the file with `unxz -k` if it is trusted, and open what comes out");
    } else if (code != LZMA_OK) {
      return Broken(code, next - stream.avail_in);
    }
  }
}

uint64_t PackedXz::StartBefore(uint64_t offset) const {
  lzma_index_iter at;
  lzma_index_iter_init(&at, index_);
  return lzma_index_iter_locate(&at, offset) ? size() : at.block.uncompressed_file_offset;
}

Result<std::unique_ptr<UnpackPass>> PackedXz::Start(uint64_t offset) {
  return std::unique_ptr<UnpackPass>(std::make_unique<Pass>(*this, offset));
}

}  // namespace pthview
