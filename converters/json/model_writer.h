// Writes the sections of the document. Rows of tables stand on one line each; what is written goes out as it grows, so
// that memory does not grow with the model or its weights.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "converters/json/selected_rows.h"
#include "lib/base/json.h"
#include "lib/base/output_file.h"
#include "lib/base/progress.h"
#include "lib/model/model.h"

namespace pthview {

// Where the document says that a storage's bytes are.
struct StoragePlace {
  enum Kind : uint8_t { kNowhere, kFile, kBase64 } kind = kNowhere;
  size_t file = 0;      // kFile: into DocumentFiles
  uint64_t offset = 0;  // kFile
};

struct DocumentFile {
  std::string name;  // relative to the document's folder; absolute when it is not below it
  uint64_t nbytes = 0;
};

struct DocumentData {
  std::string_view mode;             // "none", "base64", "file"
  std::vector<DocumentFile> files;   // that storages refer to
  std::vector<StoragePlace> places;  // one for each row of Model::storages
};

class ModelWriter {
 public:
  ModelWriter(const Model& model, const SelectedRows& rows, const DocumentData& data, OutputFile& out,
              Progress* progress)
      : model_(model), rows_(rows), data_(data), out_(out), progress_(progress), json_(&buffer_, 2) {}

  Status Write();

 private:
  // An array under `name` with a row for each of `count`.
  template <typename WriteRow>
  void Table(std::string_view name, size_t count, WriteRow write_row);
  void Head();
  void Storages();
  void StorageRow(JsonWriter& row, const Storage& storage, const StoragePlace& place);
  void Base64(JsonWriter& row, const Storage& storage);
  void QuantizationRow(JsonWriter& row, const Quantization& quantization);
  void TensorRow(JsonWriter& row, const Tensor& tensor);
  void ModuleRow(JsonWriter& row, const Module& module);
  void GraphRow(JsonWriter& row, const Graph& graph);
  void NodeObject(JsonWriter& row, const Node& node);
  void ContentItem(JsonWriter& row, ContentValue value);
  void ContentRow(JsonWriter& row, const ContentNode& node);
  void FlushWhenLarge();

  const Model& model_;
  const SelectedRows& rows_;
  const DocumentData& data_;
  OutputFile& out_;
  Progress* progress_;
  std::string buffer_;
  JsonWriter json_;
  std::unordered_map<const char*, Index> sources_;  // classes' texts: the first module of each
  Status status_;                                   // of the first write or read that failed
};

}  // namespace pthview
