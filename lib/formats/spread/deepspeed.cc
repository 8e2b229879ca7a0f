// DeepSpeed ZeRO checkpoints: a folder in which every rank has written its share of the float32 weights
// (deepspeed_files.h), or the module's own weights where nothing is shared out. Shares of data-parallel ranks are
// merged (deepspeed_shares.h), slices of tensor-parallel ranks joined (deepspeed_ranks.h); files of layers and experts
// are listed where they hold something else.
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/common/folder.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/spread/deepspeed_ranks.h"
#include "lib/model/merge.h"

namespace pthview {
namespace {

constexpr size_t kMostOthers = 10'000;

using Known = std::set<std::pair<std::string, Shape>>;  // names and shapes

// A layer's names have no number: `0.weight` of the model is `weight` of layer 0.
bool IsCopy(const Model& model, const std::string& file, const Known& known) {
  auto layer = LayerFileOf(file);
  if (!layer || model.tensors.empty()) return false;
  for (const Tensor& tensor : model.tensors) {
    Shape shape(tensor.shape.begin(), tensor.shape.end());
    if (!known.contains({fmt::format("{}.{}", layer->layer, tensor.name), std::move(shape)})) return false;
  }
  return true;
}

// Files of layers and experts, in parts that have the files' names.
void ListOthers(ModelBuilder& builder, const DeepSpeedFiles& files, const Known& known, const OpenOptions& options,
                InsideOpener open, int depth) {
  size_t copies = 0;
  size_t listed = 0;
  for (const std::string& file : files.others) {
    if (copies + listed == kMostOthers) {
      builder.Note(Severity::kWarning, "zero-other-files", "",
                   fmt::format("{} files of layers and experts are not read, there are so many",
                               files.others.size() - kMostOthers));
      break;
    }
    auto source = OpenInFolder(files.folder, file);
    auto model =
        source ? open(file, std::move(*source), options, depth + 1) : Result<Model>(tl::unexpected(source.error()));
    if (!model) {
      builder.Note(Severity::kError, "shard-broken", EscapeName(file), model.error().message);
      continue;
    }
    if (IsCopy(*model, file, known)) {
      ++copies;
      continue;
    }
    ++listed;
    Merge(builder, std::move(*model), {.step = std::string_view(file).substr(0, file.size() - 3)});
  }
  if (copies > 0) {
    builder.Note(Severity::kInfo, "zero-layer-files", "",
                 fmt::format("{} layer_ files hold what was computed with, of the weights that are listed as the "
                             "optimizer has them: they are not listed again",
                             copies));
  }
  if (listed > 0) {
    builder.Note(Severity::kInfo, "zero-other-files", "",
                 fmt::format("{} files of layers or experts hold more than the merged weights: each is listed as it "
                             "is, in parts that begin with its name",
                             listed));
  }
}

// Without shares, names are all that tells, and an index of shards beside them says more.
int Match(const OpenContext& context) {
  auto files = context.directory ? FindDeepSpeedFiles(context.folder) : std::nullopt;
  return !files ? 0 : files->shared_out ? 70 : 40;
}

std::string FormatText(const DeepSpeedRanks& ranks, const DeepSpeedShare& first) {
  std::string over = ranks.count == 1 ? "" : fmt::format("{} model-parallel ranks", ranks.count);
  if (!first.shared_out) {
    return "DeepSpeed checkpoint" + (over.empty() ? over : " of " + over) + ", the module's weights as they are";
  }
  over = over.empty() ? fmt::format("{} ranks", first.data_ranks)
                      : fmt::format("{} of {} ranks each", over, first.data_ranks);
  return fmt::format("DeepSpeed ZeRO stage {} checkpoint of {}, merged to float32", first.stage, over);
}

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  auto files = FindDeepSpeedFiles(context.folder);
  if (!files) return Error{.code = ErrorCode::kNotFound, .message = "the folder's files are gone"};
  PTHVIEW_ASSIGN(DeepSpeedRanks ranks, ReadDeepSpeedRanks(builder, *files));
  DeepSpeedRows rows(builder, files->folder);
  DeepSpeedShare& first = ranks.shares.begin()->second;
  ListDeepSpeedRanks(builder, files->folder, ranks, rows);
  for (std::string_view key : {"ds_version", "global_steps", "global_samples"}) rows.AddPlain(*first.model, key);
  ListOthers(builder, *files, NamesAndShapesOf(ranks), options, context.open_inside, context.depth);
  if (first.shared_out) {
    builder.Note(
        Severity::kInfo, "zero-optimizer", "",
        "what the optimizer keeps of each weight (moments, steps) is not listed: open a rank's file to see it");
  } else {
    builder.Note(Severity::kInfo, "zero-module", "",
                 "no weights are shared out over ranks: the modules' own are listed; what else their files hold, an "
                 "optimizer's states say, is listed where the file itself is opened");
  }
  builder.model().format_text = FormatText(ranks, first);
  return std::move(builder).Finish();
}

}  // namespace

const Format kDeepSpeed = {"deepspeed", "DeepSpeed checkpoint (folder), ZeRO stages 0 to 3", Match, Open};

}  // namespace pthview
