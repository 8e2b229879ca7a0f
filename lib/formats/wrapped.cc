// A checkpoint inside a file of another kind: gzip, xz, bzip2, zstd, zlib and lzma around one file, tar and zip around
// several. Nothing is
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
#include "lib/formats/archive_part.h"
#include "lib/formats/common/archive_folder.h"
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

template <StreamFormat format>
int MatchStream(const OpenContext& context) {
  // zlib and lzma are told by what can be unpacked of them, which is less than a magic number says.
  const bool magic = format == StreamFormat::kBzip2 || format == StreamFormat::kZstd;
  return LooksLikeStream(format, context.head) ? (magic ? 60 : 30) : 0;
}

template <StreamFormat format>
Result<Model> OpenStream(OpenContext context, const OpenOptions& options) {
  auto unpacked = OpenUnpackedStream(std::move(context.source), format, context.path);
  return OpenUnpacked(context, std::move(unpacked), StreamName(format), options);
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
  // What to say when no member is a checkpoint, where that can be told.
  void SayWhenEmpty(std::string why) { why_empty_ = std::move(why); }

  void Try(const std::string& name, std::unique_ptr<ByteSource> source) {
    if (source->size() < kLeastBytes) return;
    if (++tried_ > most_members_) return;
    Take(name, OpenInside(path_ + "!" + name, std::move(source), options_, depth_));
  }

  // The checkpoint whose records stand below a folder of the archive.
  void TryFolder(const std::string& folder, std::unique_ptr<ByteSource> archive) {
    Take(folder, OpenArchivePart(path_ + "!" + folder, std::move(archive), folder, options_, depth_));
  }

  void Take(const std::string& name, Result<Model> model) {
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
    if (found_.empty() && !why_empty_.empty()) {
      return Error{.code = ErrorCode::kCorrupt, .message = why_empty_, .hint = "save or download the file again"};
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
  std::string why_empty_;
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

// What torch.save has written when it fails, of an object that cannot be pickled or on a full disk: the records that
// say how the archive is to be read, and nothing to read.
std::string WhyEmpty(const ZipArchive& zip) {
  const bool began = zip.FindInPrefix("version") != nullptr || zip.FindInPrefix(".data/version") != nullptr ||
                     zip.FindInPrefix(".data/serialization_id") != nullptr;
  if (began) {
    return "the zip archive has the version that torch.save writes and no data.pkl: saving it failed, or it was not "
           "written to its end";
  }
  for (const ZipRecord& record : zip.records()) {
    if (record.method != 0 && record.method != 8) {
      return fmt::format("the zip archive's member {} is packed with {}, which neither pthview nor torch unpacks",
                         EscapeName(record.name), ZipMethodName(record.method));
    }
  }
  return {};
}

// Any zip that no other row wants.
int MatchZip(const OpenContext& context) { return context.zip != nullptr ? 1 : 0; }

Result<Model> OpenZip(OpenContext context, const OpenOptions& options) {
  std::shared_ptr<const ByteSource> archive = std::move(context.source);
  auto allowance = AllowanceOf(*archive);
  Bag bag(context, options, "zip", archive->size());
  bag.SayWhenEmpty(WhyEmpty(*context.zip));
  // Several checkpoints, each of which was unpacked into a folder. Each costs as much as the whole archive to open.
  std::vector<std::string> folders = FoldersOfPickles(*context.zip);
  constexpr uint64_t kMostWork = 10'000'000;
  if (folders.size() < 2 || folders.size() * context.zip->records().size() > kMostWork) folders.clear();
  for (const std::string& folder : folders) {
    bag.TryFolder(folder, OpenSlice(archive, 0, archive->size(), folder, allowance));
  }
  for (const ZipRecord& record : context.zip->records()) {
    if (!record.readable) continue;
    std::string name(record.name);
    const bool taken = std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
      return folder.empty() || (name.starts_with(folder) && name[folder.size()] == '/');
    });
    if (taken) continue;
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
const Format kBzip2 = {"bzip2", "bzip2 around any of these", MatchStream<StreamFormat::kBzip2>,
                       OpenStream<StreamFormat::kBzip2>};
const Format kZstd = {"zstd", "zstd around any of these", MatchStream<StreamFormat::kZstd>,
                      OpenStream<StreamFormat::kZstd>};
const Format kZlib = {"zlib", "zlib around any of these", MatchStream<StreamFormat::kZlib>,
                      OpenStream<StreamFormat::kZlib>};
const Format kLzma = {"lzma", "lzma around any of these", MatchStream<StreamFormat::kLzma>,
                      OpenStream<StreamFormat::kLzma>};
const Format kTarBag = {"tar", "tar archive with any of these in it", MatchTar, OpenTar};
const Format kZipBag = {"zip", "zip archive with any of these in it", MatchZip, OpenZip};

}  // namespace pthview
