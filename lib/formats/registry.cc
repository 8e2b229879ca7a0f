#include <algorithm>
#include <string>

#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/unrecognized.h"

namespace pthview {
namespace {

constexpr size_t kHeadBytes = 4096;

const Format* const kFormats[] = {&kTorchZip, &kTorchLegacy};

}  // namespace

std::span<const Format* const> Formats() { return kFormats; }

Result<Model> OpenModel(const std::string& path, const OpenOptions& options) {
  OpenContext context;
  context.path = path;
  PTHVIEW_ASSIGN(context.source, OpenFile(path));
  auto head = context.source->Read(0, std::min<uint64_t>(kHeadBytes, context.source->size()));
  if (!head) return std::move(head).error().In(path);
  context.head = std::move(*head);
  if (LooksLikeZip(context.head)) {
    auto zip = ZipArchive::Open(*context.source, &context.findings);
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
  if (best == nullptr) return Unrecognized(context);
  auto model = best->open(std::move(context), options);
  if (!model) return std::move(model).error().In(path);
  model->file = path;
  model->format = best->name;
  return model;
}

}  // namespace pthview
