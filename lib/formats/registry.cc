#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/named_source.h"
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
    &kTorchZip, &kTorchLegacy, &kTorchTar, &kTorchScript,   &kTorchScriptOld, &kMobileFlatbuffer, &kTorchPackage,
    &kPt2,      &kSafetensors, &kSharded,  &kDcp,           &kDeepSpeed,      &kBarePickle,       &kGzip,
    &kXz,       &kTarBag,      &kZipBag,   &kAnnotatedJson,
};

std::vector<FormatProvider>& Providers() {
  static std::vector<FormatProvider> providers;
  return providers;
}

// What match functions look at, then the row that fits best.
Result<Model> OpenContextOf(OpenContext context, const OpenOptions& options) {
  const std::string path = context.path;
  if (context.source != nullptr) {
    auto head = context.source->Read(0, std::min<uint64_t>(kHeadBytes, context.source->size()));
    if (!head) return std::move(head).error().In(path);
    context.head = std::move(*head);
  }
  if (LooksLikeZip(context.head)) {
    auto zip = ZipArchive::Open(*context.source, &context.findings, [&](std::span<const ZipRecord> records) {
      context.pickle = ReadPickleEarly(*context.source, records);
    });
    if (!zip) return std::move(zip).error().In(path);
    context.zip = std::make_unique<ZipArchive>(std::move(*zip));
  }
  const Format* best = nullptr;
  int best_score = 0;
  for (const Format* format : kFormats) {
    int score = format->match(context);
    if (score > best_score) {
      best = format;
      best_score = score;
    }
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
  if (best == nullptr) return Unrecognized(context);
  const bool outermost = context.depth == 0;
  auto model = best->open(std::move(context), options);
  if (!model) return std::move(model).error().In(path);
  model->file = path;
  model->format = best->name;
  if (outermost && best != &kAnnotatedJson) NoteUnusedBytes(*model);
  if (outermost && options.structure) NameOptimizerStates(*model);
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
    context.directory = true;
    context.folder = path;
    return OpenContextOf(std::move(context), options);
  }
  context.folder = std::filesystem::path(path).parent_path().string();
  if (context.folder.empty()) context.folder = ".";
  PTHVIEW_ASSIGN(context.source, OpenFile(path));
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
