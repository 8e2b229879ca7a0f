#include "converters/common/side_file.h"

#include <unistd.h>

#include <string_view>
#include <utility>

namespace pthview {

namespace {

constexpr uint64_t kWorthAPage = uint64_t{64} << 10;

// The first place from `end` on for a range that is copied as it is. Where pages of the source fall on pages of the
// side file the kernel copies whole ones, which is as fast as `cp` and up to twice as fast as any other way.
uint64_t PlaceAfter(uint64_t end, const ByteRange& range, bool copied) {
  const uint64_t aligned = (end + kSideFileAlignment - 1) / kSideFileAlignment * kSideFileAlignment;
  if (!copied || range.nbytes < kWorthAPage || range.offset % kSideFileAlignment != 0) return aligned;
  return aligned + (range.offset - aligned) % OutputFile::kPage;
}

}  // namespace

uint64_t SideLayout::Append(Piece piece) {
  if (piece.range.nbytes == 0) return 0;
  piece.at = PlaceAfter(end_, piece.range, piece.gathered == nullptr);
  end_ = piece.at + piece.range.nbytes;
  pieces_.push_back(piece);
  return piece.at;
}

uint64_t SideLayout::Place(const ByteRange& range) {
  auto [at, is_new] = places_.try_emplace({range.source, range.offset, range.nbytes}, 0);
  if (is_new) at->second = Append({.range = range});
  return at->second;
}

uint64_t SideLayout::PlaceGathered(const Tensor& tensor, uint64_t nbytes) {
  return Append({.range = {.nbytes = nbytes}, .gathered = &tensor});
}

Status SideLayout::Write(const Model& model, OutputFile& out, Progress* progress) const {
  static constexpr char kZeros[OutputFile::kPage + kSideFileAlignment] = {};
  for (size_t i = 0; i < pieces_.size();) {
    const Piece& piece = pieces_[i++];
    PTHVIEW_TRY(out.Write(std::string_view(kZeros, piece.at - out.position())));
    uint64_t length = piece.range.nbytes;
    if (piece.gathered != nullptr) {
      PTHVIEW_TRY(WriteElements(model, *piece.gathered, out));
    } else {
      while (i < pieces_.size() && pieces_[i].gathered == nullptr && pieces_[i].range.source == piece.range.source &&
             pieces_[i].range.offset == piece.range.offset + length && pieces_[i].at == piece.at + length) {
        length += pieces_[i++].range.nbytes;
      }
      PTHVIEW_TRY(out.CopyFrom(*model.sources[piece.range.source], piece.range.offset, length));
    }
    if (progress != nullptr) progress->Advance(length);
  }
  return Ok();
}

Result<ConvertReport> CommitOutputs(OutputFile out, std::optional<OutputFile> side, const ConvertOptions& options,
                                    const std::string& side_path, ConvertReport report) {
  report.bytes = out.position();
  if (side) {
    report.bytes += side->position();
    PTHVIEW_TRY(side->Commit());
  }
  if (Status status = out.Commit(); !status) {
    if (side) ::unlink(side_path.c_str());
    return std::move(status).error();
  }
  report.outputs.push_back(options.output);
  if (side) report.outputs.push_back(side_path);
  return report;
}

Status WriteElements(const Model& model, const Tensor& tensor, OutputFile& out) {
  return ForEachBlock(model, tensor, [&](std::span<const std::byte> block) { return out.Write(block); });
}

}  // namespace pthview
