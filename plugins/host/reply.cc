#include "plugins/host/reply.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/model/builder.h"
#include "lib/model/path.h"
#include "plugins/host/json_wire.h"
#include "plugins/host/reply_graph.h"
#include "plugins/host/reply_types.h"
#include "plugins/host/schema.h"

namespace pthview::plugins {
namespace {

Error Lie(std::string text) { return Error{.code = ErrorCode::kCorrupt, .message = std::move(text)}; }

// proto3 keeps enumerators that it does not know.
template <typename T>
T EnumOr(int value, T last, T otherwise) {
  return value >= 0 && value <= static_cast<int>(last) ? static_cast<T>(value) : otherwise;
}

PartKind PartKindOf(const proto::Part& part) {
  constexpr PartKind kKinds[] = {PartKind::kOther, PartKind::kModel, PartKind::kEma, PartKind::kOptimizer,
                                 PartKind::kScheduler};
  auto at = static_cast<size_t>(part.kind());
  return at < std::size(kKinds) ? kKinds[at] : PartKind::kOther;
}

// A code of ours: lower case with hyphens.
std::string CodeOf(const std::string& code) {
  bool good = !code.empty() && code.size() <= 40 && std::ranges::all_of(code, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return good ? code : "plugin";
}

class ReplyReader {
 public:
  ReplyReader(const proto::Model& reply, std::vector<NamedFile> files, Findings findings)
      : reply_(reply), files_(std::move(files)), builder_(std::move(findings)), sources_(files_.size(), kNone) {}

  Result<Model> Read() {
    model().format_text = EscapeName(reply_.format_text());
    model().producer = EscapeName(reply_.producer());
    // The opened file is the model's first source, whether or not a tensor lies in it.
    sources_[0] = builder_.AddSource(std::move(files_[0].source));
    ReadParts();
    for (const proto::Tensor& tensor : reply_.tensors()) PTHVIEW_TRY(ReadTensor(tensor));
    for (const proto::Module& module : reply_.modules()) PTHVIEW_TRY(ReadModule(module));
    if (!reply_.modules().empty()) PlaceTensors();
    for (const proto::Metadata& row : reply_.metadata()) ReadMetadata(row);
    const ReplyRows rows = {.module = [&](Index part, std::string_view path) { return ModuleAt(part, path); },
                            .tensor = [](Index index) { return index; }};
    PTHVIEW_TRY(ReadGraphs(reply_, rows, model(), builder_.findings()));
    ReadFindings(reply_, builder_.findings());
    return std::move(builder_).Finish();
  }

 private:
  Model& model() { return builder_.model(); }
  std::string_view Keep(const std::string& text) { return builder_.arena().Copy(EscapeName(text)); }

  void ReadParts() {
    for (const proto::Part& part : reply_.parts()) {
      model().parts.push_back({.kind = PartKindOf(part), .path = Keep(part.path())});
    }
    if (model().parts.empty()) model().parts.push_back({.kind = PartKind::kModel});
  }

  Result<Index> PartOf(uint32_t part) {
    if (part < model().parts.size()) return Index{part};
    return Lie(fmt::format("it speaks of part {} of {}", part, model().parts.size()));
  }

  Status ReadTensor(const proto::Tensor& from) {
    std::string name = EscapeName(from.name());
    if (from.name().empty()) return Lie("a tensor has no name");
    PTHVIEW_ASSIGN(Index part, PartOf(from.part()));
    std::string path(model().parts[part].path);
    AppendTextKey(path, from.name());
    TensorDraft draft{.shape = {from.shape().data(), static_cast<size_t>(from.shape_size())},
                      .strides = {from.strides().data(), static_cast<size_t>(from.strides_size())},
                      .offset = from.storage_offset()};
    if (auto dtype = DTypeFromName(from.dtype())) draft.dtype = *dtype;
    if (from.has_requires_grad()) draft.requires_grad = from.requires_grad();
    std::string_view device = Keep(from.device());
    draft.device = device;
    if (from.has_data()) {
      PTHVIEW_ASSIGN(draft.storage, StorageOf(from, path));
    }
    Tensor tensor = builder_.Check(draft, path);
    tensor.name = builder_.arena().Copy(name);
    tensor.path = builder_.arena().Copy(path);
    tensor.part = part;
    tensor.kind = TensorKindOf(from);
    if (!paths_.insert(tensor.path).second) {
      builder_.Note(Severity::kWarning, "duplicate-name", path, "several tensors have this name");
    }
    builder_.AddTensor(tensor);
    return Ok();
  }

  static TensorKind TensorKindOf(const proto::Tensor& tensor) {
    constexpr TensorKind kKinds[] = {TensorKind::kParameter, TensorKind::kBuffer, TensorKind::kConstant,
                                     TensorKind::kState};
    auto at = static_cast<size_t>(tensor.kind());
    return at < std::size(kKinds) ? kKinds[at] : TensorKind::kState;
  }

  // Tensors with the same bytes share a storage.
  Result<Index> StorageOf(const proto::Tensor& tensor, std::string_view where) {
    const proto::Bytes& data = tensor.data();
    if (data.file() >= files_.size()) {
      return Lie(fmt::format("a tensor lies in file {} of the {} that were named", data.file(), files_.size()));
    }
    auto [row, is_new] = storages_.try_emplace({data.file(), data.offset(), data.nbytes()}, kNone);
    if (!is_new) return row->second;
    Index source = SourceOf(data.file(), where);
    uint64_t size = source == kNone ? 0 : model().sources[source]->size();
    uint64_t there = data.offset() > size ? 0 : std::min(data.nbytes(), size - data.offset());
    if (source != kNone && there < data.nbytes()) {
      builder_.Note(
          Severity::kError, "storage-truncated", where,
          fmt::format("its bytes {} to {} reach past the end of the file, at {}", data.offset(),
                      fmt::to_string(data.offset() + std::min(data.nbytes(), UINT64_MAX - data.offset())), size));
    }
    Storage storage{.source = source, .offset = there == 0 ? 0 : data.offset(), .nbytes = there};
    storage.dtype = DTypeFromName(tensor.dtype()).value_or(DType::kUnknown);
    storage.key = builder_.arena().Copy(std::to_string(data.offset()));
    row->second = builder_.AddStorage(storage);
    return row->second;
  }

  // The source of a neighbour, opened on first use; kNone when it cannot be.
  Index SourceOf(uint32_t file, std::string_view where) {
    if (sources_[file] != kNone || unreadable_.contains(file)) return sources_[file];
    auto opened = OpenFile(files_[file].path);
    if (opened) return sources_[file] = builder_.AddSource(std::move(*opened));
    unreadable_.insert(file);
    builder_.Note(Severity::kError, "file-missing", where, ToString(opened.error()));
    return kNone;
  }

  // ---- modules ----

  std::string KeyOf(Index part, std::string_view path) { return fmt::format("{}/{}", part, path); }

  Index ModuleAt(Index part, std::string_view path) {
    auto found = modules_.find(KeyOf(part, path));
    return found == modules_.end() ? kNone : found->second;
  }

  Index RootOf(Index part) {
    Index& root = model().parts[part].root;
    if (root == kNone) {
      root = static_cast<Index>(model().modules.size());
      model().modules.push_back({});
      modules_.emplace(KeyOf(part, ""), root);
    }
    return root;
  }

  // The deepest listed module that `path` stands in: its first steps, or the root.
  Index Around(Index part, std::string_view path) {
    constexpr int kMostSteps = 100;
    for (int steps = 0; steps < kMostSteps; ++steps) {
      size_t dot = path.rfind('.');
      if (dot == std::string_view::npos) break;
      path = path.substr(0, dot);
      if (Index found = ModuleAt(part, path); found != kNone) return found;
    }
    return RootOf(part);
  }

  Status ReadModule(const proto::Module& from) {
    PTHVIEW_ASSIGN(Index part, PartOf(from.part()));
    Index index = RootOf(part);
    std::string_view path = Keep(from.path());
    if (!path.empty()) {
      if (ModuleAt(part, path) != kNone) return Lie("it lists a module twice");
      Index parent = Around(part, path);
      size_t skip = model().modules[parent].path.empty() ? 0 : model().modules[parent].path.size() + 1;
      index = static_cast<Index>(model().modules.size());
      model().modules.push_back({.name = path.substr(skip), .path = path, .parent = parent});
      model().modules[parent].children.push_back(index);
      modules_.emplace(KeyOf(part, path), index);
    }
    Module& module = model().modules[index];
    module.class_name = Keep(from.class_name());
    for (const proto::Attribute& attribute : from.attributes()) {
      PTHVIEW_ASSIGN(Attribute read, ReadAttribute(attribute));
      read.value = {};  // of a module only the text is used
      module.attributes.push_back(std::move(read));
    }
    if (from.has_training()) module.training = from.training();
    return Ok();
  }

  // In parts with modules each tensor belongs to the one that its name begins with.
  void PlaceTensors() {
    for (size_t i = 0; i < model().tensors.size(); ++i) {
      const Tensor& tensor = model().tensors[i];
      if (model().parts[tensor.part].root == kNone) continue;
      model().modules[Around(tensor.part, tensor.name)].tensors.push_back(static_cast<Index>(i));
    }
  }

  void ReadMetadata(const proto::Metadata& row) {
    PlainValue plain{.path = Keep(row.path())};
    std::string text = "None";
    switch (row.value_case()) {
      case proto::Metadata::kText:
        plain.kind = PlainKind::kString;
        text = EscapeName(row.text());
        break;
      case proto::Metadata::kInteger:
        plain.kind = PlainKind::kInt;
        text = std::to_string(row.integer());
        break;
      case proto::Metadata::kNumber:
        plain.kind = PlainKind::kFloat;
        text = FloatText(row.number());
        break;
      case proto::Metadata::kFlag:
        plain.kind = PlainKind::kBool;
        text = row.flag() ? "True" : "False";
        break;
      case proto::Metadata::kSequence:
        plain.kind = PlainKind::kSequence;
        text = EscapeName(row.sequence());
        break;
      case proto::Metadata::VALUE_NOT_SET: break;
    }
    plain.text = builder_.arena().Copy(text);
    builder_.AddPlain(plain);
  }

  const proto::Model& reply_;
  std::vector<NamedFile> files_;
  ModelBuilder builder_;
  std::vector<Index> sources_;               // by file
  std::unordered_set<uint32_t> unreadable_;  // files
  std::map<std::tuple<uint32_t, uint64_t, uint64_t>, Index> storages_;
  std::unordered_map<std::string, Index, TextHash> modules_;  // by part and path
  std::unordered_set<std::string_view, TextHash> paths_;
};

}  // namespace

Result<proto::Message> DecodeMessage(Encoding encoding, std::string_view bytes) {
  proto::Message message;
  std::string wire;
  if (encoding == Encoding::kJson) {
    PTHVIEW_ASSIGN(wire, JsonToWire(bytes, kMessageType));
    bytes = wire;
  }
  const google::protobuf::LogSilencer silence;  // it would print on standard error what is an Error here
  if (bytes.size() > INT32_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Lie("what it sent is not a message");
  }
  if (message.protocol() != kProtocol) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = fmt::format("its message says protocol {}, this pthview speaks {}", message.protocol(), kProtocol)};
  }
  return message;
}

Error ToError(const proto::Failure& failure) {
  constexpr ErrorCode kCodes[] = {ErrorCode::kCorrupt, ErrorCode::kUnrecognized, ErrorCode::kTruncated,
                                  ErrorCode::kCorrupt, ErrorCode::kUnsupported,  ErrorCode::kLimit};
  constexpr size_t kMostText = 1000;
  auto at = static_cast<size_t>(failure.code());
  Error error{.code = at < std::size(kCodes) ? kCodes[at] : ErrorCode::kCorrupt,
              .message = failure.message().empty() ? "it could not be read" : failure.message().substr(0, kMostText)};
  if (failure.has_offset()) error.offset = failure.offset();
  return error;
}

void ReadFindings(const proto::Model& reply, Findings& findings) {
  constexpr Severity kLast = Severity::kDanger;
  for (const proto::Finding& row : reply.findings()) {
    findings.Add(EnumOr(row.severity(), kLast, Severity::kInfo), CodeOf(row.code()), EscapeName(row.where()),
                 EscapeName(row.text()));
  }
}

Result<Model> ModelFromReply(const proto::Model& reply, std::vector<NamedFile> files, Findings findings) {
  return ReplyReader(reply, std::move(files), std::move(findings)).Read();
}

}  // namespace pthview::plugins
