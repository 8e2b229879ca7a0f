// TorchScript archives of torch 1.0 and 1.1, in a zip archive or before that in a container of their own
// (pytorch1_records.h): the module tree stands in a JSON text (protobuf's JSON, so that 64-bit
// numbers are strings).
//
//   archive/model.json      {"protoVersion", "mainModule": module, "tensors": [{"dims", "strides", "offset",
//                           "dataType", "data": {"key": "tensors/0"}, "device", "requiresGrad"}], "producerVersion"}
//                           module: {"name", "parameters": [{"name", "isBuffer", "tensorId"}], "attributes":
//                           [{"name", "type", "id"}], "submodules": [module], "torchscriptArena": {"key": "code/x.py"}}
//   archive/attributes.pkl  the values of attributes, by id; build_tensor_from_id(n) is a row of "tensors"
//   archive/code/*.py       what the modules run; CONSTANTS.c<n> in it is row n of "tensors"
//
// Source: caffe2/proto/torch.proto, torch/csrc/jit/export.cpp of torch 1.1.
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "lib/base/allowance.h"
#include "lib/base/escape.h"
#include "lib/formats/common/json_tree.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/script/pytorch1_records.h"
#include "lib/formats/script/script_dtype.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/model/path.h"
#include "lib/pickle/print.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Value;

int Match(const OpenContext& context) {
  if (context.zip == nullptr || context.zip->FindInPrefix("model.json") == nullptr) return 0;
  return context.zip->FindInPrefix("version") != nullptr && context.zip->FindInPrefix("data.pkl") == nullptr ? 60 : 0;
}

std::vector<int64_t> Ints(Json list) {
  std::vector<int64_t> out;
  for (Json item : list.elements()) out.push_back(item.Int().value_or(-1));
  return out;
}

class OldArchive {
 public:
  OldArchive(ModelBuilder& builder, Index source, const ZipArchive& zip, Json document, uint64_t bytes)
      : builder_(builder),
        model_(builder.model()),
        zip_(zip),
        storages_(builder, source, zip),
        tensors_(document["tensors"]),
        first_row_(tensors_.size(), kNone),
        budget_(Allowance::OfFile(bytes)),
        source_budget_(Allowance::OfFile(zip.source().size(), Allowance::kTimesInflated)) {
    auto attributes = LoadZipPickle(builder, storages_, "attributes.pkl", "tensors/", 0);
    if (attributes) {
      attributes_ = std::move(*attributes);
    } else if (zip.FindInPrefix("attributes.pkl") != nullptr) {
      builder.Note(Severity::kError, "script-record", "attributes.pkl", attributes.error().message);
    }
    model_.parts.push_back({.kind = PartKind::kModel});
  }

  // `main` with all that stands below it.
  void AddModules(Json main) {
    std::vector<Pending> stack = {{main, kNone, {}}};
    while (!stack.empty()) {
      Pending next = std::move(stack.back());
      stack.pop_back();
      Index index = AddModule(next);
      if (limited_) return;
      auto children = next.module["submodules"].elements();
      for (size_t i = children.size(); i-- > 0;) {
        Pending child{children[i], index, next.path};
        AppendTextKey(child.path, children[i]["name"].Text());
        if (!Afford(child.path)) return;
        stack.push_back(std::move(child));
      }
    }
  }

  // The rows of the tensor table that no module names: constants of the code.
  void AddConstants() {
    for (size_t id = 0; id < first_row_.size() && !limited_; ++id) {
      if (first_row_[id] != kNone) continue;
      std::string path = fmt::format("CONSTANTS.c{}", id);
      if (!Afford(path)) return;
      Tensor tensor = ReadTensor(tensors_.at(id), path);
      tensor.path = builder_.arena().Copy(path);
      tensor.name = tensor.path;
      tensor.part = 0;
      tensor.kind = TensorKind::kConstant;
      tensor.persistent = false;
      first_row_[id] = builder_.AddTensor(tensor);
    }
  }

 private:
  struct Pending {
    Json module;
    Index parent = kNone;
    std::string path;
  };

  bool Afford(std::string_view path) {
    if (budget_.Take(path.size())) return true;
    if (!limited_)
      builder_.Note(
          Severity::kWarning, "path-limit", "",
          fmt::format("the names of modules are too long for all to be listed: they take more than {} bytes (8 times "
                      "model.json and 4 MB)",
                      budget_.total()));
    limited_ = true;
    return false;
  }

  Index AddModule(const Pending& from) {
    auto index = static_cast<Index>(model_.modules.size());
    std::string name = EscapeName(from.module["name"].Text());
    model_.modules.push_back({.name = from.parent == kNone ? std::string_view() : builder_.arena().Copy(name),
                              .path = builder_.arena().Copy(from.path),
                              .parent = from.parent});
    if (from.parent == kNone) {
      model_.parts[0].root = index;
    } else {
      model_.modules[from.parent].children.push_back(index);
    }
    model_.modules[index].source = SourceOf(from.module["torchscriptArena"]["key"].Text());
    for (Json parameter : from.module["parameters"].elements()) {
      if (limited_) break;
      bool buffer = parameter["isBuffer"].Bool().value_or(false);
      AddTensor(from, index, parameter["name"].Text(), parameter["tensorId"].Int().value_or(0),
                buffer ? TensorKind::kBuffer : TensorKind::kParameter);
    }
    for (Json attribute : from.module["attributes"].elements()) {
      if (limited_) break;
      AddAttribute(from, index, attribute);
    }
    return index;
  }

  // The text of a record; many modules may name one.
  std::string_view SourceOf(std::string_view key) {
    const ZipRecord* record = key.empty() ? nullptr : zip_.FindInPrefix(key);
    if (record == nullptr || !record->readable) return {};
    auto [at, is_new] = sources_.try_emplace(record);
    if (is_new) at->second = ReadSource(*record);
    return at->second;
  }

  std::string_view ReadSource(const ZipRecord& record) {
    if (!source_budget_.Take(record.size)) {
      if (!sources_limited_) {
        builder_.Note(
            Severity::kWarning, "script-source", EscapeName(record.name),
            fmt::format("with it, the source texts hold more than the {} bytes that are allowed (32 times the "
                        "file's size and 4 MB); it is not shown",
                        source_budget_.total()));
      }
      sources_limited_ = true;
      return {};
    }
    auto bytes = zip_.Read(record, record.size);
    if (!bytes) return {};
    std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    return builder_.arena().Copy(EscapeName(text));
  }

  void AddTensor(const Pending& module, Index module_index, std::string_view name, int64_t id, TensorKind kind) {
    std::string path = module.path;
    AppendTextKey(path, name);
    if (!Afford(path)) return;
    Tensor tensor;
    if (id < 0 || static_cast<size_t>(id) >= first_row_.size()) {
      builder_.Note(Severity::kError, "tensor-missing", path, fmt::format("model.json has no tensor {}", id));
      return;
    }
    Index& first = first_row_[static_cast<size_t>(id)];
    if (first != kNone) {
      tensor = model_.tensors[first];
      tensor.same_as = first;
    } else {
      tensor = ReadTensor(tensors_.at(static_cast<size_t>(id)), path);
    }
    tensor.path = builder_.arena().Copy(path);
    tensor.name = tensor.path;
    tensor.part = 0;
    tensor.kind = kind;
    tensor.persistent = kind != TensorKind::kConstant;
    Index index = builder_.AddTensor(tensor);
    if (first == kNone) first = index;
    model_.modules[module_index].tensors.push_back(index);
  }

  Tensor ReadTensor(Json row, std::string_view where) {
    std::vector<int64_t> shape = Ints(row["dims"]);
    std::vector<int64_t> strides = Ints(row["strides"]);
    std::string_view device = builder_.arena().Copy(EscapeName(row["device"].Text()));
    StorageId id{.numel = -1};
    id.dtype = ScriptDType(row["dataType"].Text());
    id.key = row["data"]["key"].Text();
    TensorDraft draft{.shape = shape, .strides = strides, .dtype = id.dtype, .device = device};
    draft.offset = row["offset"].Int().value_or(0);
    draft.storage = storages_.Resolve(id, device, "").storage;
    draft.requires_grad = row["requiresGrad"].Bool();
    return builder_.Check(draft, where);
  }

  void AddAttribute(const Pending& module, Index module_index, Json attribute) {
    auto values = attributes_.tree.Sequence(attributes_.tree.root);
    int64_t id = attribute["id"].Int().value_or(0);
    if (id < 0 || static_cast<size_t>(id) >= values.size()) return;
    Value value = values[static_cast<size_t>(id)];
    if (value.Is(Kind::kObject)) {
      const pickle::Object& object = attributes_.tree.ObjectOf(value);
      if (object.callable.Is(Kind::kGlobal) &&
          attributes_.meanings[object.callable.index].kind == GlobalKind::kTensorFromId) {
        auto args = attributes_.tree.Sequence(object.args);
        int64_t tensor = args.empty() || !args[0].Is(Kind::kInt) ? -1 : args[0].integer;
        AddTensor(module, module_index, attribute["name"].Text(), tensor, TensorKind::kConstant);
        return;
      }
      // IntList and its like: the list is the state.
      if (const Value* state = attributes_.tree.StateOf(object)) value = *state;
    }
    std::string text = value.IsText() ? EscapeName(value.Text()) : pickle::Print(attributes_.tree, value, 4096);
    if (!Afford(text)) return;
    model_.modules[module_index].attributes.push_back(
        {EscapeName(attribute["name"].Text()), std::move(text), Origin::kRecorded});
  }

  ModelBuilder& builder_;
  Model& model_;
  const ZipArchive& zip_;
  ZipStorages storages_;
  Json tensors_;
  std::vector<Index> first_row_;  // by tensor number: its row when it was listed already
  Allowance budget_;
  bool limited_ = false;
  bool sources_limited_ = false;
  Allowance source_budget_;
  std::unordered_map<const ZipRecord*, std::string_view> sources_;
  TorchPickle attributes_;
};

Result<Model> OpenArchive(ModelBuilder builder, Index source, const ZipArchive& zip) {
  const ZipRecord& record = *zip.FindInPrefix("model.json");
  PTHVIEW_ASSIGN(std::vector<std::byte> text,
                 zip.Read(record, Allowance::OfFile(zip.source().size(), Allowance::kTimesInflated).total()));
  auto document = JsonTree::Parse(text);
  if (!document) return std::move(document).error().At(std::string(record.name), 0);
  Json root = document->root();
  if (!root["mainModule"]) {
    return Error{.code = ErrorCode::kUnrecognized, .message = "its model.json is not that of a TorchScript archive"};
  }
  OldArchive archive(builder, source, zip, root, text.size());
  archive.AddModules(root["mainModule"]);
  archive.AddConstants();
  Model& model = builder.model();
  model.format_text = "TorchScript archive, prototype " + EscapeName(root["protoVersion"].Text());
  model.producer = EscapeName(fmt::format("torch {}", root["producerVersion"].Text()));
  return std::move(builder).Finish();
}

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  Index source = builder.AddSource(std::move(context.source));
  return OpenArchive(std::move(builder), source, *context.zip);
}

int MatchFirst(const OpenContext& context) { return LooksLikePyTorch1(context.head) ? 95 : 0; }

Result<Model> OpenFirst(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  PTHVIEW_ASSIGN(std::vector<PlainRecord> records, ReadPyTorch1(*context.source, &builder.findings()));
  Index source = builder.AddSource(std::move(context.source));
  const ZipArchive archive = ZipArchive::OfRecords(*builder.model().sources[source], records);
  PTHVIEW_ASSIGN(Model model, OpenArchive(std::move(builder), source, archive));
  model.format_text += ", in a PYTORCH1 container";
  return model;
}

}  // namespace

const Format kTorchScriptOld = {"torchscript-old", "TorchScript archive of torch 1.0 and 1.1 (model.json)", Match,
                                Open};
const Format kTorchScriptFirst = {"torchscript-first", "TorchScript file of torch 1.0 (PYTORCH1 container)", MatchFirst,
                                  OpenFirst};

}  // namespace pthview
