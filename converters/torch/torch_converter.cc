#include "converters/torch/torch_converter.h"

#include <optional>
#include <string>
#include <utility>

#include "converters/common/loss_notes.h"
#include "converters/common/output_paths.h"
#include "converters/common/side_file.h"
#include "converters/torch/content_pickle.h"
#include "converters/torch/zip_writer.h"

namespace pthview {

Result<ConvertReport> WriteTorch(Model& model, std::span<const Index> tensors, const ConvertOptions& options) {
  PTHVIEW_TRY(RefuseInput(model, options.output));
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(options.output, options.force));
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  out.Observe(options.observer);

  std::optional<Content> made;
  if (!model.content.given) made = ContentOfTables(model);
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
  report.notes = NotesOf(report.losses);
  return CommitOutputs(std::move(out), std::nullopt, options, {}, std::move(report));
}

}  // namespace pthview
