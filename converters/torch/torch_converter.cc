#include "converters/torch/torch_converter.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "converters/common/left_behind.h"
#include "converters/common/loss_notes.h"
#include "converters/common/output_paths.h"
#include "converters/common/side_file.h"
#include "converters/torch/content_pickle.h"
#include "converters/torch/zip_writer.h"
#include "lib/model/storage_view.h"

namespace pthview {
namespace {

// Whether the tree has all selected values. That of a checkpoint put together from several files may be one file's.
bool HasAll(const Model& model, const Content& content, std::span<const Index> selected) {
  std::set<StorageView> reached;
  auto reach = [&](const Tensor& tensor) {
    if (tensor.storage != kNone) reached.insert(ViewOf(tensor));
  };
  for (const ContentValue& value : content.items) {
    if (value.kind == ContentKind::kTensor) reach(model.tensors[value.index]);
  }
  if (content.root.kind == ContentKind::kTensor) reach(model.tensors[content.root.index]);
  for (const Tensor& component : model.components) reach(component);
  return std::ranges::all_of(selected, [&](Index row) {
    const Tensor& tensor = model.tensors[row];
    return tensor.storage == kNone || tensor.layout != Layout::kDense || tensor.data != DataState::kPresent ||
           reached.contains(ViewOf(tensor));
  });
}

}  // namespace

Result<ConvertReport> WriteTorch(Model& model, std::span<const Index> tensors, const ConvertOptions& options) {
  PTHVIEW_TRY(RefuseInput(model, options.output));
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(options.output, options.force));
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  out.Observe(options.observer);

  std::optional<Content> made;
  const bool incomplete = model.content.given && !HasAll(model, model.content, tensors);
  if (!model.content.given || incomplete) made = ContentOfTables(model);
  ContentPickle writer(model, made ? *made : model.content, tensors);
  const std::string pickle = writer.Write();
  StoredZipWriter zip(out);
  PTHVIEW_TRY(zip.Add("archive/data.pkl", pickle));
  PTHVIEW_TRY(zip.Add("archive/byteorder", "little"));
  size_t number = 0;
  for (const ContentPickle::Record& record : writer.storages()) {
    const std::string name = "archive/data/" + std::to_string(number++);
    if (record.nbytes == 0) {
      PTHVIEW_TRY(zip.Add(name, ""));
      continue;
    }
    const Storage& storage = model.storages[record.storage];
    PTHVIEW_TRY(zip.Begin(name, record.nbytes, storage.offset));
    PTHVIEW_TRY(zip.CopyFrom(*model.sources[storage.source], storage.offset));
    PTHVIEW_TRY(zip.End());
    if (options.progress != nullptr) options.progress->Advance(record.nbytes);
  }
  PTHVIEW_TRY(zip.Add("archive/version", "3\n"));
  PTHVIEW_TRY(zip.Finish());
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  ConvertReport report;
  report.losses = writer.TakeLosses();
  if (incomplete) {
    report.losses.push_back(
        {Loss::kChanged, "tree", "",
         "the tree of values lacks some of the tensors: all are written by name, section by section"});
  }
  std::ranges::move(ProgramLeftBehind(model, false), std::back_inserter(report.losses));
  report.notes = NotesOf(report.losses);
  return CommitOutputs(std::move(out), std::nullopt, options, {}, std::move(report));
}

}  // namespace pthview
