// A checkpoint inside a file of another kind: gzip and xz around one file, tar and zip around several. Nothing is
// unpacked to disk, nor held in memory as a whole; names from the archive are only ever shown.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/container/slice_source.h"
#include "lib/container/tar.h"
#include "lib/container/unpacked_source.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/model/merge.h"

namespace pthview {
namespace {

bool StartsWith(const OpenContext& context, std::string_view magic) {
  return std::string_view(reinterpret_cast<const char*>(context.head.data()), context.head.size()).starts_with(magic);
}

Result<Model> OpenUnpacked(const OpenContext& context, Result<std::unique_ptr<ByteSource>> unpacked,
                           std::string_view what, const OpenOptions& options) {
  if (!unpacked) return std::move(unpacked).error();
  auto model = OpenInside(context.path, std::move(*unpacked), options, context.depth + 1);
  if (!model) {
    Error error = std::move(model).error();
    error.message = fmt::format("inside the {} file: {}", what, error.message);
    return error;
  }
  model->format_text += fmt::format(", in {}", what);
  return model;
}

int MatchGzip(const OpenContext& context) { return StartsWith(context, "\x1F\x8B\x08") ? 60 : 0; }

Result<Model> OpenGzip(OpenContext context, const OpenOptions& options) {
  auto unpacked = OpenUnpackedGzip(std::move(context.source), context.path);
  return OpenUnpacked(context, std::move(unpacked), "gzip", options);
}

int MatchXz(const OpenContext& context) {
  return StartsWith(context, std::string_view("\xFD"
                                              "7zXZ\0",
                                              6))
             ? 60
             : 0;
}

Result<Model> OpenXz(OpenContext context, const OpenOptions& options) {
  auto unpacked = OpenUnpackedXz(std::move(context.source), context.path);
  return OpenUnpacked(context, std::move(unpacked), "xz", options);
}

// The members of a bag that are checkpoints, put together.
class Bag {
 public:
  Bag(OpenContext& context, const OpenOptions& options, std::string_view what, uint64_t archive_bytes)
      : options_(options),
        path_(context.path),
        what_(what),
        depth_(context.depth + 1),
        builder_(std::move(context.findings)),
        most_members_(MostMembers(archive_bytes)) {}

  Findings& findings() { return builder_.findings(); }

  void Try(const std::string& name, std::unique_ptr<ByteSource> source) {
    if (source->size() < kLeastBytes) return;
    if (++tried_ > most_members_) return;
    auto model = OpenInside(path_ + "!" + name, std::move(source), options_, depth_);
    if (model) {
      found_.emplace_back(name, std::move(*model));
    } else if (model.error().code != ErrorCode::kUnrecognized) {
      builder_.Note(Severity::kWarning, "bag-member", EscapeName(name), model.error().message);
    }
  }

  Result<Model> Finish() && {
    if (tried_ > most_members_) {
      builder_.Note(Severity::kWarning, "bag-members", "",
                    fmt::format("only the first {} of {} members were looked at", most_members_, tried_));
    }
    if (found_.empty()) {
      return Error{.code = ErrorCode::kUnrecognized,
                   .message = fmt::format("a {} archive without a checkpoint in it{}", what_,
                                          what_ == "zip" ? " (no data.pkl)" : ""),
                   .hint = fmt::format("see what it holds with `{}`", what_ == "zip" ? "unzip -l" : "tar -tf")};
    }
    std::string text;
    bool alone = found_.size() == 1;
    for (auto& [name, model] : found_) {
      if (alone) {
        builder_.Note(Severity::kInfo, "wrapped", "", fmt::format("read from the member {}", EscapeName(name)));
        text = fmt::format("{}, in {}", model.format_text, what_);
        builder_.model().producer = model.producer;
      }
      Merge(builder_, std::move(model), {.step = alone ? std::string_view() : std::string_view(name)});
    }
    if (!alone) text = fmt::format("{} archive of {} checkpoints", what_, found_.size());
    builder_.model().format_text = text;
    return std::move(builder_).Finish();
  }

 private:
  static constexpr uint64_t kLeastBytes = 16;
  // Each is looked into with all that knows a format: 10,000, and one more for each 64 KB of the archive.
  static uint64_t MostMembers(uint64_t archive_bytes) { return 10'000 + (archive_bytes >> 16); }

  const OpenOptions& options_;
  std::string path_;
  std::string_view what_;
  int depth_;
  ModelBuilder builder_;
  uint64_t most_members_;
  uint64_t tried_ = 0;
  std::vector<std::pair<std::string, Model>> found_;
};

int MatchTar(const OpenContext& context) { return LooksLikeTar(context.head) ? 50 : 0; }

Result<Model> OpenTar(OpenContext context, const OpenOptions& options) {
  std::shared_ptr<const ByteSource> archive = std::move(context.source);
  auto allowance = AllowanceOf(*archive);
  Bag bag(context, options, "tar", archive->size());
  PTHVIEW_ASSIGN(std::vector<TarMember> members, ReadTar(*archive, &bag.findings()));
  for (const TarMember& member : members) {
    bag.Try(member.name, OpenSlice(archive, member.offset, member.size, member.name, allowance));
  }
  return std::move(bag).Finish();
}

// Any zip that no other row wants.
int MatchZip(const OpenContext& context) { return context.zip != nullptr ? 1 : 0; }

Result<Model> OpenZip(OpenContext context, const OpenOptions& options) {
  std::shared_ptr<const ByteSource> archive = std::move(context.source);
  auto allowance = AllowanceOf(*archive);
  Bag bag(context, options, "zip", archive->size());
  for (const ZipRecord& record : context.zip->records()) {
    if (!record.readable) continue;
    std::string name(record.name);
    if (record.method == 0) {
      bag.Try(name, OpenSlice(archive, record.offset, record.size, name, allowance));
    } else if (Status allowed = allowance->Take(record.size, ""); !allowed) {
      bag.findings().Add(Severity::kWarning, "bag-member", EscapeName(name), allowed.error().message);
    } else {
      bag.Try(name, OpenUnpackedRecord(archive, record.offset, record.stored, record.size, name, allowance));
    }
  }
  return std::move(bag).Finish();
}

}  // namespace

const Format kGzip = {"gzip", "gzip around any of these", MatchGzip, OpenGzip};
const Format kXz = {"xz", "xz around any of these", MatchXz, OpenXz};
const Format kTarBag = {"tar", "tar archive with any of these in it", MatchTar, OpenTar};
const Format kZipBag = {"zip", "zip archive with any of these in it", MatchZip, OpenZip};

}  // namespace pthview
