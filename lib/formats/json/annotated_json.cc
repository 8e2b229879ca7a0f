// Our own annotated JSON as an input. converters/json writes it; converters/json/pthview.model.schema.json describes
// it.
//
// A document is as untrusted as any file: every index is checked, and tensors go through ModelBuilder like all others.
// It may name files with the weights. Those are opened only when they stand beside the document or below, are regular
// files reached without links, and have the size that the document says; otherwise their tensors have no data, and a
// finding says so.
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/formats/formats_list.h"
#include "lib/formats/json/annotated_json_content.h"
#include "lib/formats/json/annotated_json_tables.h"
#include "lib/formats/json/base64_source.h"
#include "lib/formats/json/json_row.h"
#include "lib/formats/json/json_text.h"
#include "lib/model/builder.h"

namespace pthview {
namespace {

constexpr std::string_view kSchemaName = "pthview.model/";
constexpr std::string_view kSchema = "pthview.model/1";

// {"schema":"pthview.model/1"... with any white space between.
int Match(const OpenContext& context) {
  std::string_view head(reinterpret_cast<const char*>(context.head.data()), context.head.size());
  for (std::string_view token : {std::string_view("{"), std::string_view("\"schema\""), std::string_view(":")}) {
    head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
    if (!head.starts_with(token)) return 0;
    head.remove_prefix(token.size());
  }
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  return head.starts_with('"') && head.substr(1).starts_with(kSchemaName) ? 100 : 0;
}

// A file of a tensor store: `_tensors/ab/<SHA-256>` beside the document, or beside a folder around it. Whoever names it
// knows what is in it, so that it may lie above the document.
bool IsOfStore(std::string_view name) {
  while (name.starts_with("../")) name.remove_prefix(3);
  constexpr std::string_view kFolder = "_tensors/";
  if (!name.starts_with(kFolder)) return false;
  name.remove_prefix(kFolder.size());
  if (name.size() != 3 + 64 || name[2] != '/' || name.substr(0, 2) != name.substr(3, 2)) return false;
  return name.substr(3).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A file that is opened for each read: a store has one for each tensor, more than may be open at once.
class StoreFile : public ByteSource {
 public:
  StoreFile(std::string path, uint64_t size) : path_(std::move(path)), size_(size) {}
  uint64_t size() const override { return size_; }
  const std::string& name() const override { return path_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    PTHVIEW_ASSIGN(auto file, OpenFile(path_));
    if (file->size() != size_) return Error{ErrorCode::kChanged, "the file of the tensor store has changed", path_};
    return file->ReadAt(offset, out);
  }

 private:
  std::string path_;
  uint64_t size_;
};

// Opens the file that the document calls `name`, or says why not.
Result<std::unique_ptr<ByteSource>> Follow(const std::string& folder, std::string_view name, uint64_t nbytes) {
  auto refuse = [](std::string why) { return Error{ErrorCode::kNotFound, std::move(why)}; };
  if (name.starts_with('/')) return refuse("is not beside the JSON or below it");
  std::string path = folder;
  const bool store = IsOfStore(name);
  for (size_t at = 0; at <= name.size();) {
    size_t slash = std::min(name.find('/', at), name.size());
    std::string_view step = name.substr(at, slash - at);
    if (store && step == "..") {
      path += path.empty() ? ".." : "/..";
      at = slash + 1;
      continue;
    }
    if (step.empty() || step == "." || step == ".." || step.find('\0') != std::string_view::npos) {
      return refuse("is not beside the JSON or below it");
    }
    if (!path.empty()) path += '/';
    path += step;
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0) return refuse("is not there");
    if (S_ISLNK(status.st_mode)) return refuse("is reached through a link");
    at = slash + 1;
  }
  PTHVIEW_ASSIGN(auto source, OpenFile(path));
  if (store && source->size() == nbytes) return std::make_unique<StoreFile>(path, nbytes);
  if (source->size() != nbytes) {
    return refuse(fmt::format("has {} bytes, not {}: it is another file", source->size(), nbytes));
  }
  return source;
}

class Reader {
 public:
  explicit Reader(OpenContext context)
      : path_(std::move(context.path)),
        document_(std::move(context.source)),
        text_(*document_),
        builder_(std::move(context.findings)),
        tables_(builder_) {}

  Result<Model> Read(const OpenOptions& options) {
    const bool structure = options.structure;
    PTHVIEW_ASSIGN(std::vector<JsonMember> members, text_.Members());
    for (JsonMember& member : members) members_.emplace(member.key, std::move(member));
    PTHVIEW_TRY(ReadHead());
    PTHVIEW_TRY(Rows("files", [&](JsonRow& row) { ReadFile(row); }));
    PTHVIEW_TRY(Rows("storages", [&](JsonRow& row) { ReadStorage(row); }));
    PTHVIEW_TRY(Rows("findings", [&](JsonRow& row) { tables_.ReadFinding(row); }));
    PTHVIEW_TRY(Rows("parts", [&](JsonRow& row) { tables_.ReadPart(row); }));
    PTHVIEW_TRY(Rows("quantizations", [&](JsonRow& row) { tables_.ReadQuantization(row); }));
    PTHVIEW_TRY(Rows("components", [&](JsonRow& row) { tables_.ReadTensor(row, /*component=*/true); }));
    PTHVIEW_TRY(Rows("tensors", [&](JsonRow& row) { tables_.ReadTensor(row, /*component=*/false); }));
    if (structure) {
      PTHVIEW_TRY(Rows("metadata", [&](JsonRow& row) { tables_.ReadPlain(row); }));
      PTHVIEW_TRY(Rows("modules", [&](JsonRow& row) { tables_.ReadModule(row); }));
      PTHVIEW_TRY(Rows("graphs", [&](JsonRow& row) { tables_.ReadGraph(row); }));
      auto roots = members_.find("graph_roots");
      if (roots != members_.end()) {
        PTHVIEW_ASSIGN(nlohmann::json list, text_.Parse(roots->second));
        PTHVIEW_TRY(tables_.ReadGraphRoots(list));
      }
      PTHVIEW_TRY(tables_.CheckStructure());
    } else {
      for (Part& part : builder_.model().parts) part.root = kNone;
    }
    if (options.content) PTHVIEW_TRY(ReadContent());
    if (without_bytes_ > 0) {
      builder_.Note(Severity::kWarning, "data-not-taken-along", "",
                    fmt::format("the JSON does not hold the bytes of {} storages, nor say where they are; their "
                                "tensors are listed without data",
                                without_bytes_));
    }
    return tables_.Finish();
  }

 private:
  Status ReadContent() {
    AnnotatedJsonContent content(builder_);
    auto root = members_.find("content_root");
    if (root == members_.end()) return Ok();
    PTHVIEW_ASSIGN(nlohmann::json value, text_.Parse(root->second));
    content.ReadRoot(value);
    PTHVIEW_TRY(Rows("content", [&](JsonRow& row) { content.ReadNode(row); }));
    return content.Finish();
  }

  template <typename ReadRow>
  Status Rows(const std::string& table, ReadRow read_row) {
    auto member = members_.find(table);
    if (member == members_.end()) return Ok();
    size_t i = 0;
    return text_.ForEachElement(member->second, [&](const nlohmann::json& element) -> Status {
      std::string what = fmt::format("{}[{}]", table, i++);
      JsonRow row(element, what);
      if (row.status()) read_row(row);
      return row.status();
    });
  }

  Status ReadHead() {
    nlohmann::json head = nlohmann::json::object();
    for (const char* key : {"schema", "format_text", "producer"}) {
      auto member = members_.find(key);
      if (member == members_.end()) continue;
      PTHVIEW_ASSIGN(head[key], text_.Parse(member->second));
    }
    static const std::string kWhat = "the document";
    JsonRow row(head, kWhat);
    Model& model = builder_.model();
    std::string_view schema = row.Text("schema");
    model.format_text = fmt::format("annotated JSON of pthview, made of: {}", row.Text("format_text"));
    model.producer = row.Text("producer");
    PTHVIEW_TRY(row.status());
    if (schema != kSchema && !schema.starts_with(std::string(kSchema) + ".")) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("this is schema '{}'; only {} is known", schema, kSchema),
                   {},
                   {},
                   {},
                   "open it with the version of pthview that wrote it, or a later one"};
    }
    return Ok();
  }

  void ReadFile(JsonRow& row) {
    std::string name(row.Text("name"));
    uint64_t nbytes = row.Uint("nbytes");
    if (!row.status()) return;
    size_t slash = path_.rfind('/');
    std::string folder = slash == std::string::npos ? "" : slash == 0 ? "/." : path_.substr(0, slash);
    auto source = Follow(folder, name, nbytes);
    Index index = kNone;
    if (source) {
      index = builder_.AddSource(std::move(*source));
    } else {
      builder_.Note(Severity::kWarning, "data-file", "",
                    fmt::format("the file '{}' that holds the weights {}; tensors in it are listed without data", name,
                                source.error().message));
    }
    files_.push_back({index, nbytes});
  }

  void ReadStorage(JsonRow& row) {
    Arena& arena = builder_.arena();
    Storage storage{.key = arena.Copy(row.Text("key")),
                    .record = arena.Copy(row.Text("record")),
                    .device = arena.Copy(row.Text("device"))};
    storage.dtype = tables_.ReadDType(row, "dtype");
    uint64_t nbytes = row.Uint("nbytes");
    if (row.Has("base64")) {
      auto digits = text_.DigitsAt(row.Text("base64"));
      if (!digits) {
        row.Fail("base64", "is not a string of base64");
        return;
      }
      auto source = OpenBase64(document_, digits->begin, digits->length);
      if (!source || (*source)->size() != nbytes) {
        row.Fail("base64", fmt::format("does not hold {} bytes", nbytes));
        return;
      }
      storage.source = builder_.AddSource(std::move(*source));
      storage.nbytes = nbytes;
    } else if (row.Has("file")) {
      Index file = row.RowOf("file", files_.size());
      storage.offset = row.Uint("offset");
      if (file == kNone) return;
      if (storage.offset > files_[file].nbytes || nbytes > files_[file].nbytes - storage.offset) {
        row.Fail("offset", "and its size reach past the end of the file");
        return;
      }
      storage.source = files_[file].source;
      storage.nbytes = storage.source == kNone ? 0 : nbytes;
    } else if (nbytes > 0) {
      ++without_bytes_;
    }
    builder_.AddStorage(storage);
  }

  struct File {
    Index source;
    uint64_t nbytes;
  };

  std::string path_;
  std::shared_ptr<const ByteSource> document_;
  JsonText text_;
  ModelBuilder builder_;
  AnnotatedJsonTables tables_;
  std::map<std::string, JsonMember> members_;
  std::vector<File> files_;
  size_t without_bytes_ = 0;
};

Result<Model> Open(OpenContext context, const OpenOptions& options) { return Reader(std::move(context)).Read(options); }

}  // namespace

const Format kAnnotatedJson = {"pthview-json", "annotated JSON, as `pthview convert --to json` writes it", Match, Open};

}  // namespace pthview
