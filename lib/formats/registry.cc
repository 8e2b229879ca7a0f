#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/formats/archive_part.h"
#include "lib/formats/common/archive_folder.h"
#include "lib/formats/common/unpacked_folder.h"
#include "lib/formats/folder_choice.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/torch/optimizer_names.h"
#include "lib/formats/unrecognized.h"
#include "lib/model/tied.h"

namespace pthview {
namespace {

constexpr size_t kHeadBytes = 4096;

constexpr int kMaxDepth = 4;

// Rows that score less take in much that is not theirs (any zip, any pickle): providers are asked before them.
constexpr int kWeak = 20;

const Format* const kFormats[] = {
    &kTorchZip,
    &kTorchLegacy,
    &kTorchTar,
    &kTorchScript,
    &kTorchScriptOld,
    &kTorchScriptFirst,
    &kMobileFlatbuffer,
    &kTorchPackage,
    &kPt2,
    &kSafetensors,
    &kNpy,
    &kNpz,
    &kSharded,
    &kShardFolder,
    &kDcp,
    &kDeepSpeed,
    &kTensorDict,
    &kBarePickle,
    &kGzip,
    &kXz,
    &kBzip2,
    &kZstd,
    &kZlib,
    &kLzma,
    &kTarBag,
    &kZipBag,
    &kAnnotatedJson,
};

// Rows that know what is around a file and not what is in it, and our own writing.
const Format* const kWrappers[] = {&kGzip, &kXz, &kBzip2, &kZstd, &kZlib, &kLzma, &kTarBag, &kZipBag, &kAnnotatedJson};

std::vector<FormatProvider>& Providers() {
  static std::vector<FormatProvider> providers;
  return providers;
}

std::pair<const Format*, int> BestOf(const OpenContext& context) {
  std::pair<const Format*, int> best{nullptr, 0};
  for (const Format* format : kFormats) {
    const int score = format->match(context);
    if (score > best.second) best = {format, score};
  }
  return best;
}

// Archives whose first bytes were written over, or that stand behind other bytes, are told by their end. Only those
// with a checkpoint in them count: programs and pictures carry archives too.
bool FindArchiveByItsEnd(OpenContext& context) {
  Findings findings;
  auto zip = ZipArchive::Open(*context.source, &findings);
  if (!zip) return false;
  ChooseFolder(*zip, &findings);
  context.zip = std::make_unique<ZipArchive>(std::move(*zip));
  if (BestOf(context).second < kWeak) {
    context.zip.reset();
    return false;
  }
  for (Finding& finding : std::move(findings).Take()) {
    context.findings.Add(finding.severity, finding.code, std::move(finding.where), std::move(finding.text));
  }
  return true;
}

// Whether a file or folder is one of those that a row reads for sure. Wrappers may hold anything, and do not count.
bool CanOpen(const std::string& path) {
  OpenContext context;
  context.path = path;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    if (!UnpackedArchiveIn(path).empty()) return true;
    context.directory = true;
    context.folder = path;
    return BestOf(context).second >= kWeak;
  }
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  auto source = OpenFile(path);
  if (!source) return false;
  context.source = std::move(*source);
  auto head = context.source->Read(0, std::min<uint64_t>(kHeadBytes, context.source->size()));
  if (!head) return false;
  context.head = std::move(*head);
  if (LooksLikeZip(context.head)) {
    auto zip = ZipArchive::Open(*context.source, &context.findings);
    if (!zip) return false;
    ChooseFolder(*zip, &context.findings);
    context.zip = std::make_unique<ZipArchive>(std::move(*zip));
  }
  const auto [best, score] = BestOf(context);
  const bool named = score >= kWeak || best == &kBarePickle;
  return named && std::find(std::begin(kWrappers), std::end(kWrappers), best) == std::end(kWrappers);
}

// A folder that no row reads, in which there is something that one does.
Result<Model> OpenInFolder(OpenContext context, const OpenOptions& options) {
  const std::string folder = context.folder;
  const FolderChoice choice = ChooseInFolder(folder, CanOpen);
  std::string others;
  for (const std::string& name : choice.others) {
    if (others.size() > 400) {
      others += ", ...";
      break;
    }
    others += (others.empty() ? "" : ", ") + EscapeName(name);
  }
  if (choice.open.empty()) {
    if (choice.others.empty()) return Unrecognized(context);
    return Error{.code = ErrorCode::kUnrecognized,
                 .message = fmt::format("the folder holds {} checkpoints, and nothing tells which is meant",
                                        choice.others.size()),
                 .file = folder,
                 .hint = "name one of them: " + others};
  }
  PTHVIEW_ASSIGN(Model model, OpenModel(folder + "/" + choice.open, options));
  std::string text = fmt::format("read from {} in the folder", EscapeName(choice.open));
  if (!others.empty()) text += "; what else can be opened there: " + others;
  model.findings.push_back({Severity::kInfo, "in-folder", "", std::move(text)});
  model.file = folder;
  return model;
}

// What match functions look at, then the row that fits best.
Result<Model> OpenContextOf(OpenContext context, const OpenOptions& options) {
  const std::string path = context.path;
  if (context.source != nullptr) {
    auto head = context.source->Read(0, std::min<uint64_t>(kHeadBytes, context.source->size()));
    if (!head) return std::move(head).error().In(path);
    context.head = std::move(*head);
  }
  context.open_inside = OpenInside;
  if (LooksLikeZip(context.head) && context.zip == nullptr) {
    auto zip = ZipArchive::Open(*context.source, &context.findings, [&](std::span<const ZipRecord> records) {
      context.pickle = ReadPickleEarly(*context.source, records);
    });
    if (!zip) return std::move(zip).error().In(path);
    context.zip = std::make_unique<ZipArchive>(std::move(*zip));
    ChooseFolder(*context.zip, &context.findings);
  }
  auto [best, best_score] = BestOf(context);
  if (best == nullptr && context.source != nullptr && FindArchiveByItsEnd(context)) {
    std::tie(best, best_score) = BestOf(context);
  }
  if (best_score < kWeak) {
    for (const FormatProvider& provider : Providers()) {
      auto model = provider(context, options);
      if (!model) continue;
      if (!*model) {
        Error error = std::move(*model).error();
        if (error.code == ErrorCode::kUnrecognized && best != nullptr && context.source != nullptr) continue;
        return std::move(error).In(path);
      }
      (*model)->file = path;
      return std::move(*model);
    }
  }
  if (best == nullptr) return context.directory ? OpenInFolder(std::move(context), options) : Unrecognized(context);
  const bool outermost = context.depth == 0;
  auto model = best->open(std::move(context), options);
  if (!model) return std::move(model).error().In(path);
  model->file = path;
  model->format = best->name;
  if (outermost && best != &kAnnotatedJson) NoteUnusedBytes(*model);
  if (outermost && options.structure) NameOptimizerStates(*model);
  return model;
}

// The folder takes the place of the archive.
Result<Model> OpenUnpackedArchive(OpenContext context, const std::string& folder, const OpenOptions& options) {
  PTHVIEW_ASSIGN(std::unique_ptr<FolderSource> source, FolderSource::Open(folder));
  const FolderSource& files = *source;
  context.zip = std::make_unique<ZipArchive>(ZipArchive::OfRecords(files, files.Records()));
  ChooseFolder(*context.zip, &context.findings);
  context.findings.Add(Severity::kInfo, "unpacked-archive", "",
                       "The archive lies here unpacked. torch.load reads it when its folder is packed again, without "
                       "compression: `zip -0 -r model.pth FOLDER`.");
  context.source = std::move(source);
  context.directory = false;
  context.folder.clear();
  PTHVIEW_ASSIGN(Model model, OpenContextOf(std::move(context), options));
  model.format_text += ", unpacked into a folder";
  for (auto& file : files.FilesRead()) model.sources.push_back(std::move(file));
  return model;
}

}  // namespace

std::span<const Format* const> Formats() { return kFormats; }

void AddFormatProvider(FormatProvider provider) { Providers().push_back(std::move(provider)); }

Result<Model> OpenModel(const std::string& path, const OpenOptions& options) {
  OpenContext context;
  context.path = path;
  if (path == kStandardInput || IsUrl(path)) {
    context.path = DisplayName(path);
    if (IsUrl(path)) context.folder = path.substr(0, std::min(path.find_first_of("?#"), path.size()));
    PTHVIEW_ASSIGN(context.source, OpenNamed(path));
    return OpenContextOf(std::move(context), options);
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    if (const std::string unpacked = UnpackedArchiveIn(path); !unpacked.empty()) {
      return OpenUnpackedArchive(std::move(context), unpacked, options);
    }
    context.directory = true;
    context.folder = path;
    return OpenContextOf(std::move(context), options);
  }
  context.folder = std::filesystem::path(path).parent_path().string();
  if (context.folder.empty()) context.folder = ".";
  if (std::filesystem::path(path).filename() == "data.pkl" && UnpackedArchiveIn(context.folder) == context.folder) {
    const std::string folder = context.folder;
    return OpenUnpackedArchive(std::move(context), folder, options);
  }
  PTHVIEW_ASSIGN(context.source, OpenFile(path));
  return OpenContextOf(std::move(context), options);
}

Result<Model> OpenArchivePart(const std::string& name, std::unique_ptr<ByteSource> source, const std::string& folder,
                              const OpenOptions& options, int depth) {
  OpenContext context;
  context.path = name;
  context.depth = depth;
  context.source = std::move(source);
  Findings said;  // about the archive as a whole, by whoever opened it first
  PTHVIEW_ASSIGN(ZipArchive zip, ZipArchive::Open(*context.source, &said));
  zip.SetPrefix(folder);
  context.zip = std::make_unique<ZipArchive>(std::move(zip));
  return OpenContextOf(std::move(context), options);
}

Result<Model> OpenInside(const std::string& name, std::unique_ptr<ByteSource> source, const OpenOptions& options,
                         int depth) {
  if (depth > kMaxDepth) {
    return Error{.code = ErrorCode::kLimit,
                 .message = fmt::format("files stand inside each other more than {} deep", kMaxDepth),
                 .file = name};
  }
  OpenContext context;
  context.path = name;
  context.source = std::move(source);
  context.depth = depth;
  return OpenContextOf(std::move(context), options);
}

}  // namespace pthview
