#include "lib/container/packed_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include <bzlib.h>
#include <fmt/format.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "lib/base/bytes.h"

namespace pthview {
namespace {

constexpr size_t kInput = size_t{1} << 16;
constexpr size_t kLzmaHeader = 13;

enum class Step : uint8_t { kGoesOn, kFrameEnded, kBroken, kTooLarge };

// One of the libraries. `Run` takes from `in` and fills `out`, and moves both on by what it used.
class Decoder {
 public:
  virtual ~Decoder() = default;
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual bool Begin() = 0;  // stands before a frame
  virtual Step Run(std::span<const std::byte>& in, std::span<std::byte>& out) = 0;
  virtual uint64_t memory() const = 0;
};

class Bzip2Decoder : public Decoder {
 public:
  ~Bzip2Decoder() override { End(); }
  bool Begin() override {
    End();
    stream_ = {};
    open_ = BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK;
    return open_;
  }
  Step Run(std::span<const std::byte>& in, std::span<std::byte>& out) override {
    const auto room = static_cast<unsigned>(std::min<size_t>(out.size(), 1U << 30));
    stream_.next_in = reinterpret_cast<char*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = static_cast<unsigned>(in.size());
    stream_.next_out = reinterpret_cast<char*>(out.data());
    stream_.avail_out = room;
    const int code = BZ2_bzDecompress(&stream_);
    in = in.last(stream_.avail_in);
    out = out.subspan(room - stream_.avail_out);
    return code == BZ_STREAM_END ? Step::kFrameEnded : code == BZ_OK ? Step::kGoesOn : Step::kBroken;
  }
  uint64_t memory() const override { return 4 << 20; }

 private:
  void End() {
    if (open_) BZ2_bzDecompressEnd(&stream_);
    open_ = false;
  }
  bz_stream stream_{};
  bool open_ = false;
};

class ZstdDecoder : public Decoder {
 public:
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }
  bool Begin() override {
    if (context_ == nullptr) context_ = ZSTD_createDCtx();
    if (context_ == nullptr) return false;
    constexpr int kWindow = 27;  // 128 MB
    return ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kWindow)) == 0;
  }
  Step Run(std::span<const std::byte>& in, std::span<std::byte>& out) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const size_t left = ZSTD_decompressStream(context_, &output, &input);
    in = in.subspan(input.pos);
    out = out.subspan(output.pos);
    if (ZSTD_isError(left) != 0) {
      const std::string_view name = ZSTD_getErrorName(left);
      return name.find("memory") != name.npos ? Step::kTooLarge : Step::kBroken;
    }
    return left == 0 ? Step::kFrameEnded : Step::kGoesOn;
  }
  uint64_t memory() const override { return context_ == nullptr ? 0 : ZSTD_sizeof_DCtx(context_); }

 private:
  ZSTD_DCtx* context_ = nullptr;
};

class ZlibDecoder : public Decoder {
 public:
  ~ZlibDecoder() override { inflateEnd(&stream_); }
  bool Begin() override { return inflateInit(&stream_) == Z_OK; }
  Step Run(std::span<const std::byte>& in, std::span<std::byte>& out) override {
    const auto room = static_cast<unsigned>(std::min<size_t>(out.size(), 1U << 30));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = static_cast<unsigned>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    in = in.last(stream_.avail_in);
    out = out.subspan(room - stream_.avail_out);
    return code == Z_STREAM_END                  ? Step::kFrameEnded
           : code == Z_OK || code == Z_BUF_ERROR ? Step::kGoesOn
                                                 : Step::kBroken;
  }
  uint64_t memory() const override { return 48 << 10; }

 private:
  z_stream stream_{};
};

class LzmaDecoder : public Decoder {
 public:
  ~LzmaDecoder() override { lzma_end(&stream_); }
  bool Begin() override { return lzma_alone_decoder(&stream_, PackedStream::kMemory) == LZMA_OK; }
  Step Run(std::span<const std::byte>& in, std::span<std::byte>& out) override {
    const size_t room = out.size();
    stream_.next_in = reinterpret_cast<const uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<uint8_t*>(out.data());
    stream_.avail_out = room;
    const lzma_ret code = lzma_code(&stream_, LZMA_RUN);
    in = in.last(stream_.avail_in);
    out = out.subspan(room - stream_.avail_out);
    if (code == LZMA_MEMLIMIT_ERROR || code == LZMA_MEM_ERROR) return Step::kTooLarge;
    return code == LZMA_STREAM_END                     ? Step::kFrameEnded
           : code == LZMA_OK || code == LZMA_BUF_ERROR ? Step::kGoesOn
                                                       : Step::kBroken;
  }
  uint64_t memory() const override { return lzma_memusage(&stream_); }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

std::unique_ptr<Decoder> MakeDecoder(StreamFormat format) {
  switch (format) {
    case StreamFormat::kBzip2: return std::make_unique<Bzip2Decoder>();
    case StreamFormat::kZstd: return std::make_unique<ZstdDecoder>();
    case StreamFormat::kZlib: return std::make_unique<ZlibDecoder>();
    case StreamFormat::kLzma: return std::make_unique<LzmaDecoder>();
  }
  return nullptr;
}

// What may follow a frame: another one, where the format has such rows. Other bytes behind the last one are ignored.
bool BeginsFrame(StreamFormat format, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (format == StreamFormat::kBzip2) return text.starts_with("BZh");
  if (format != StreamFormat::kZstd || bytes.size() < 4) return false;
  const auto magic = LoadLittle<uint32_t>(bytes.data());
  return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

// <u8 properties> <u32 size of the dictionary> <u64 size, or -1> <data, which begins with a zero byte>
bool HasLzmaHeader(std::span<const std::byte> head) {
  if (head.size() <= kLzmaHeader || head[0] >= std::byte{225} || head[kLzmaHeader] != std::byte{0}) return false;
  const auto dictionary = LoadLittle<uint32_t>(head.data() + 1);
  const auto size = LoadLittle<uint64_t>(head.data() + 5);
  // Writers take a power of two, or one and a half.
  uint32_t low = dictionary & (~dictionary + 1);
  const bool round = dictionary >= 4096 && (dictionary == low || dictionary == low * 3);
  return round && (size == UINT64_MAX || size < uint64_t{1} << 42);
}

Error At(ErrorCode code, std::string message, uint64_t offset) {
  Error error{code, std::move(message)};
  error.offset = offset;
  return error;
}

}  // namespace

std::string_view StreamName(StreamFormat format) {
  constexpr std::string_view kNames[] = {"bzip2", "zstd", "zlib", "lzma"};
  return kNames[static_cast<size_t>(format)];
}

std::string_view StreamTool(StreamFormat format) {
  constexpr std::string_view kTools[] = {"bunzip2 -k", "unzstd -k", "pigz -dzk", "unlzma -k"};
  return kTools[static_cast<size_t>(format)];
}

bool LooksLikeStream(StreamFormat format, std::span<const std::byte> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  switch (format) {
    case StreamFormat::kBzip2:  // "BZh", the size of the blocks, then a block or the end of the stream
      return text.starts_with("BZh") && text.size() > 9 && text[3] >= '1' && text[3] <= '9' &&
             (text.substr(4, 6) == "1AY&SY" || text.substr(4, 6) == "\x17rE8P\x90");
    case StreamFormat::kZstd: return text.starts_with("\x28\xB5\x2F\xFD");
    case StreamFormat::kZlib:
      if (head.size() < 8 || head[0] != std::byte{0x78}) return false;
      if ((static_cast<unsigned>(head[0]) * 256 + static_cast<unsigned>(head[1])) % 31 != 0) return false;
      break;
    case StreamFormat::kLzma:
      if (!HasLzmaHeader(head)) return false;
      break;
  }
  const auto decoder = MakeDecoder(format);
  if (!decoder->Begin()) return false;
  std::vector<std::byte> bytes(4096);
  std::span<std::byte> out(bytes);
  std::span<const std::byte> in = head;
  while (!in.empty() && !out.empty()) {
    const size_t before = in.size() + out.size();
    const Step step = decoder->Run(in, out);
    if (step == Step::kBroken || step == Step::kTooLarge) return false;
    if (step == Step::kFrameEnded || in.size() + out.size() == before) break;
  }
  return out.size() < bytes.size();
}

class PackedStream::Pass : public UnpackPass {
 public:
  Pass(PackedStream& data, std::unique_ptr<Decoder> decoder, const Frame& from)
      : data_(data), decoder_(std::move(decoder)), input_(kInput), position_(from.unpacked), next_(from.packed) {}

  uint64_t position() const override { return position_; }
  uint64_t packed() const override { return next_ - in_.size(); }
  uint64_t memory() const override { return kInput + decoder_->memory(); }

  Status Next(std::span<std::byte> out, size_t* written) override {
    *written = 0;
    const size_t room = out.size();
    while (!ended_ && !out.empty()) {
      PTHVIEW_TRY(Refill());
      const size_t before = in_.size() + out.size();
      const size_t left = out.size();
      const Step step = decoder_->Run(in_, out);
      position_ += left - out.size();
      *written = room - out.size();
      if (step == Step::kFrameEnded) {
        PTHVIEW_TRY(EndFrame());
      } else if (step != Step::kGoesOn) {
        return Broken(step);
      } else if (in_.size() + out.size() == before && in_.empty()) {
        return At(ErrorCode::kTruncated, fmt::format("the {} data ends before its end mark", StreamName(data_.format_)),
                  packed())
            .Hint("the file was probably cut short: fetch it again");
      } else if (in_.size() + out.size() == before) {
        return Broken(Step::kBroken);
      }
    }
    return Ok();
  }

 private:
  Error Broken(Step step) const {
    const std::string_view name = StreamName(data_.format_);
    if (step == Step::kBroken) return At(ErrorCode::kCorrupt, fmt::format("the {} data is broken", name), packed());
    return At(ErrorCode::kLimit,
              fmt::format("unpacking the {} data takes more than the {} bytes of memory that are allowed", name,
                          kMemory),
              packed())
        .Hint(fmt::format("unpack the file with `{}` if it is trusted, and open what comes out",
                          StreamTool(data_.format_)));
  }

  Status Refill() {
    if (!in_.empty() || next_ >= data_.source_.size()) return Ok();
    const auto count = static_cast<size_t>(std::min<uint64_t>(data_.source_.size() - next_, input_.size()));
    PTHVIEW_TRY(data_.source_.ReadAt(next_, std::span(input_).first(count)));
    in_ = std::span(input_).first(count);
    next_ += count;
    return Ok();
  }

  Status EndFrame() {
    const uint64_t at = packed();
    std::byte head[4];
    const auto count = static_cast<size_t>(std::min<uint64_t>(sizeof(head), data_.source_.size() - at));
    PTHVIEW_TRY(data_.source_.ReadAt(at, std::span(head).first(count)));
    if (!BeginsFrame(data_.format_, std::span(head).first(count))) {
      ended_ = true;
      data_.size_ = position_;
      return Ok();
    }
    if (!decoder_->Begin()) return Broken(Step::kTooLarge);
    auto& frames = data_.frames_;
    const uint64_t last = frames.empty() ? 0 : frames.back().unpacked;
    if (position_ >= last + kSpacing && frames.size() < kMostFrames) frames.push_back({position_, at});
    return Ok();
  }

  PackedStream& data_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<std::byte> input_;
  std::span<const std::byte> in_;  // of input_, not used yet
  uint64_t position_;
  uint64_t next_;  // offset in the source behind what is in input_
  bool ended_ = false;
};

PackedStream::Frame PackedStream::FrameBefore(uint64_t offset) const {
  const auto after = std::upper_bound(frames_.begin(), frames_.end(), offset,
                                      [](uint64_t at, const Frame& frame) { return at < frame.unpacked; });
  return after == frames_.begin() ? Frame{} : *(after - 1);
}

uint64_t PackedStream::StartBefore(uint64_t offset) const { return FrameBefore(offset).unpacked; }

Result<std::unique_ptr<UnpackPass>> PackedStream::Start(uint64_t offset) {
  auto decoder = MakeDecoder(format_);
  if (!decoder->Begin()) return Error{ErrorCode::kLimit, "there is no memory for the decoder"};
  return std::unique_ptr<UnpackPass>(std::make_unique<Pass>(*this, std::move(decoder), FrameBefore(offset)));
}

}  // namespace pthview
