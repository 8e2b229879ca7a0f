// DeepSpeed ZeRO checkpoints: a folder in which every rank has written its share of the float32 weights
// (deepspeed_files.h). Shares of data-parallel ranks are merged (deepspeed_shares.h).
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/deepspeed_shares.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/pieces.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Value;

class Lister {
 public:
  Lister(ModelBuilder& builder, const std::string& folder) : builder_(builder), folder_(folder) {
    builder_.model().parts.push_back({.kind = PartKind::kModel});
  }

  void List(DeepSpeedShare& share) {
    for (const DeepSpeedParameter& parameter : share.parameters) AddParameter(parameter);
    for (auto& [name, tensor] : share.buffers) {
      std::string path;
      AppendTextKey(path, name);
      Add(tensor, path, TensorKind::kBuffer);
    }
    for (const auto& [name, original] : share.same_as) AddShared(name, original);
    for (std::string_view key : {"ds_version", "global_steps", "global_samples"}) AddPlain(*share.model, key);
  }

 private:
  void AddParameter(const DeepSpeedParameter& parameter) {
    std::string path;
    AppendTextKey(path, parameter.name);
    TensorDraft draft{.shape = parameter.shape, .dtype = parameter.dtype};
    const std::vector<ByteRange>& pieces = parameter.pieces;
    if (!pieces.empty()) {
      Storage storage{.nbytes = parameter.nbytes,
                      .dtype = parameter.dtype,
                      .key = builder_.arena().Copy(EscapeName(parameter.name))};
      if (pieces.size() == 1) {
        storage.source = pieces[0].source;
        storage.offset = pieces[0].offset;
      } else {
        std::vector<Piece> joined;
        joined.reserve(pieces.size());
        for (const ByteRange& piece : pieces) {
          joined.push_back({builder_.model().sources[piece.source].get(), piece.offset, piece.nbytes});
        }
        storage.source = builder_.AddSource(Join(folder_, std::move(joined)));
      }
      draft.storage = builder_.AddStorage(storage);
    }
    Add(builder_.Check(draft, path), path, TensorKind::kParameter);
  }

  void Add(Tensor tensor, std::string_view path, TensorKind kind) {
    tensor.path = tensor.name = builder_.arena().Copy(path);
    tensor.part = 0;
    tensor.kind = kind;
    rows_.emplace(std::string(path), builder_.AddTensor(tensor));
  }

  void AddShared(const std::string& name, const std::string& original) {
    std::string path;
    std::string of;
    AppendTextKey(path, name);
    AppendTextKey(of, original);
    auto found = rows_.find(of);
    if (found == rows_.end() || rows_.contains(path)) return;
    Tensor tensor = builder_.model().tensors[found->second];
    tensor.same_as = found->second;
    Add(tensor, path, TensorKind::kParameter);
  }

  void AddPlain(DeepSpeedFile& file, std::string_view key) {
    const Value* value = file.Find(key);
    if (value == nullptr) return;
    PlainValue row{.path = builder_.arena().Copy(key), .part = 0, .kind = PlainKind::kString};
    if (value->IsText()) {
      row.text = builder_.arena().Copy(EscapeName(value->Text()));
    } else if (value->Is(Kind::kInt)) {
      row.kind = PlainKind::kInt;
      row.text = builder_.arena().Copy(std::to_string(value->integer));
    } else {
      return;
    }
    builder_.AddPlain(row);
  }

  ModelBuilder& builder_;
  std::string folder_;
  std::map<std::string, Index> rows_;  // by path
};

int Match(const OpenContext& context) { return context.directory && FindDeepSpeedFiles(context.folder) ? 70 : 0; }

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  auto files = FindDeepSpeedFiles(context.folder);
  if (!files) return Error{.code = ErrorCode::kNotFound, .message = "the folder's files are gone"};
  if (files->ranks.size() > 1) {
    builder.Note(Severity::kWarning, "model-parallel", "",
                 "the model is split over several model-parallel ranks; the first one's share is listed");
  }
  PTHVIEW_ASSIGN(DeepSpeedShare share, ReadDeepSpeedShare(builder, *files, files->ranks.begin()->first, ""));
  Lister(builder, files->folder).List(share);
  builder.model().format_text =
      fmt::format("DeepSpeed ZeRO stage {} checkpoint of {} ranks, merged to float32", share.stage, share.data_ranks);
  return std::move(builder).Finish();
}

}  // namespace

const Format kDeepSpeed = {"deepspeed", "DeepSpeed ZeRO checkpoint (folder), stages 1 to 3", Match, Open};

}  // namespace pthview
