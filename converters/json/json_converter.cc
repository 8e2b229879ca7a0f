#include "converters/json/json_converter.h"

#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "converters/common/left_behind.h"
#include "converters/common/output_paths.h"
#include "converters/common/side_file.h"
#include "converters/json/model_writer.h"
#include "converters/json/placed_tables.h"
#include "converters/json/selected_rows.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/distant_source.h"
#include "lib/base/named_source.h"

namespace pthview {
namespace {

// Why nothing can refer to bytes of a source that FileBehind finds no file for.
std::string_view WhyNowhere(const ByteSource& source) {
  if (source.descriptor() >= 0 || !source.real_path().empty()) {
    return source.name() == kStandardInput ? "came through standard input" : "came from a file that has been moved";
  }
  return IsWholeFile(source) ? "came from another machine" : "came compressed, nested or spelt out";
}

// --data none: storages refer to the files that they were read from.
void ReferToSources(const Model& model, const SelectedRows& rows, const std::string& folder, DocumentData& data,
                    ConvertReport& report) {
  std::vector<std::optional<size_t>> files(model.sources.size());
  std::vector<bool> asked(model.sources.size());
  std::map<std::string_view, size_t> nowhere;  // why: how many storages
  size_t outside = 0;
  for (Index i : rows.storages.kept()) {
    const Storage& storage = model.storages[i];
    if (storage.source == kNone) continue;
    if (!asked[storage.source]) {
      asked[storage.source] = true;
      std::string path = FileBehind(*model.sources[storage.source]);
      if (!path.empty()) {
        auto below = RelativeBelow(folder, path);
        if (!below) ++outside;
        files[storage.source] = data.files.size();
        data.files.push_back({below.value_or(path), model.sources[storage.source]->size()});
      }
    }
    if (files[storage.source]) {
      data.places[i] = {StoragePlace::kFile, *files[storage.source], storage.offset};
    } else {
      ++nowhere[WhyNowhere(*model.sources[storage.source])];
    }
  }
  if (outside > 0) {
    report.notes.emplace_back(
        "the weights' file is not in the folder of the JSON or below: opened as an input, it will "
        "have no values");
  }
  for (const auto& [why, count] : nowhere) {
    report.notes.push_back(
        fmt::format("{} storage{} {}: the JSON cannot say where the bytes are; --data base64 or file takes them along",
                    count, count == 1 ? "" : "s", why));
  }
}

// --data file: all storages in one side file.
SideLayout LayOutStorages(const Model& model, const SelectedRows& rows, const std::string& name, DocumentData& data) {
  SideLayout layout;
  for (Index i : rows.storages.kept()) {
    const Storage& storage = model.storages[i];
    if (storage.source == kNone) continue;
    data.places[i] = {StoragePlace::kFile, 0, layout.Place({storage.source, storage.offset, storage.nbytes})};
  }
  data.files.push_back({name, layout.size()});
  return layout;
}

}  // namespace

Result<ConvertReport> WriteJson(Model& model, std::span<const Index> tensors, const ConvertOptions& options) {
  if (options.data != "none" && options.data != "describe" && options.data != "base64" && options.data != "file") {
    return Error{ErrorCode::kUsage, fmt::format("--data is none, base64 or file, not '{}'", options.data)};
  }
  bool to_stdout = options.output == "-";
  if (to_stdout && options.data == "file") {
    return Error{ErrorCode::kUsage,
                 "--data file needs an output file to stand beside",
                 {},
                 {},
                 {},
                 "give -o a name, or use --data base64"};
  }
  ConvertReport report;
  std::string side_path = options.output + ".bin";
  PTHVIEW_TRY(RefuseInput(model, options.output));
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(options.output, options.force));
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  InferGraphs(model);

  report.losses = ProgramLeftBehind(model, true);  // before the tables are made to fit where the values were put
  std::optional<PlacedTables> placed;
  if (options.placed != nullptr) placed.emplace(model, *options.placed);
  SelectedRows rows(model, tensors);
  DocumentData data{.mode = options.data, .places = std::vector<StoragePlace>(model.storages.size())};
  std::optional<OutputFile> side;
  if (placed) {
    data.mode = "file";
    for (const PlacedWeights::File& file : options.placed->files) data.files.push_back({file.name, file.nbytes});
    data.places = placed->places();
  } else if (options.data == "describe") {
    data.mode = "none";
  } else if (options.data == "none") {
    ReferToSources(model, rows, RealPath(to_stdout ? "." : FolderOf(options.output)), data, report);
  } else if (options.data == "base64") {
    for (Index i : rows.storages.kept()) {
      if (model.storages[i].source != kNone) data.places[i].kind = StoragePlace::kBase64;
    }
  } else {
    SideLayout layout = LayOutStorages(model, rows, BaseName(side_path), data);
    PTHVIEW_TRY(RefuseInput(model, side_path));
    PTHVIEW_ASSIGN(side, OutputFile::Create(side_path, options.force));
    side->Observe(options.observer);
    PTHVIEW_TRY(layout.Write(model, *side, options.progress));
  }
  out.Observe(options.observer);
  PTHVIEW_TRY(ModelWriter(model, rows, data, out, options.progress).Write());
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  return CommitOutputs(std::move(out), std::move(side), options, side_path, std::move(report));
}

}  // namespace pthview
