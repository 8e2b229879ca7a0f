#include "tools/server/session.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/analysis/structure/structure.h"
#include "lib/base/distant_source.h"
#include "lib/base/json.h"
#include "lib/base/named_source.h"
#include "lib/formats/format.h"
#include "plugins/host/graph_plugins.h"
#include "tools/server/graph_json.h"
#include "tools/server/model_json.h"
#include "tools/server/reply.h"

namespace pthview::server {
namespace {

// The last `steps` steps of a path.
std::string Tail(const std::string& path, size_t steps) {
  size_t at = path.size();
  while (at > 0 && steps-- > 0) {
    at = path.rfind('/', at - 1);
    if (at == std::string::npos) return path;
  }
  return path.substr(at + 1);
}

// Where a training run stood when it wrote the file: the first of these that it holds.
std::optional<int64_t> StepOf(const Model& model) {
  for (std::string_view wanted : {"global_step", "step", "iteration", "epoch"}) {
    for (const PlainValue& value : model.plain) {
      if (value.kind != PlainKind::kInt || value.path != wanted) continue;
      int64_t number = 0;
      auto [end, error] = std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
      if (error == std::errc() && end == value.text.data() + value.text.size()) return number;
    }
  }
  return std::nullopt;
}

std::vector<std::string> ShortNames(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    size_t steps = 1;
    auto shared = [&](const std::string& other) { return other != path && Tail(other, steps) == Tail(path, steps); };
    while (steps < 8 && std::ranges::any_of(paths, shared)) ++steps;
    names.push_back(Tail(path, steps));
  }
  return names;
}

}  // namespace

Session::Session(std::string id, std::string path, std::string name)
    : id_(std::move(id)), path_(std::move(path)), name_(std::move(name)), snapshot_(std::make_shared<Snapshot>()) {}

std::shared_ptr<const Snapshot> Session::snapshot() const {
  std::lock_guard lock(mutex_);
  return snapshot_;
}

void Session::SetGraphs(uint64_t version, std::string graphs, bool coming) {
  auto text = std::make_shared<const std::string>(std::move(graphs));
  std::lock_guard lock(mutex_);
  if (snapshot_->version != version || !snapshot_->model) return;
  auto next = std::make_shared<Snapshot>(*snapshot_);
  next->graphs = std::move(text);
  next->graphs_coming = coming;
  snapshot_ = std::move(next);
}

bool Session::Load() {
  auto next = std::make_shared<Snapshot>(*snapshot());
  auto fail = [&](Error error) {
    next->error = std::move(error);
    std::lock_guard lock(mutex_);
    snapshot_ = next;
    return false;
  };
  Result<Model> opened = OpenModel(path_);
  if (!opened) return fail(std::move(opened).error());
  auto model = std::make_shared<Model>(std::move(*opened));
  InferGraphs(*model);
  auto outline = std::make_shared<Outline>(BuildOutline(*model));
  uint64_t version = next->model ? next->version + 1 : 1;
  Result<std::string> document = ModelJson(*model, *outline, {id_, name_, version});
  if (!document) return fail(std::move(document).error());

  bool recorded =
      std::ranges::any_of(model->graphs, [](const Graph& graph) { return graph.origin == Origin::kRecorded; });
  next->graphs_coming = plugins::NeedsGraphPlugin(*model);
  // While they are coming there are none, inferred ones either: the page sees by their number that they have come.
  next->graphs = std::make_shared<const std::string>(
      next->graphs_coming
          ? GraphJson(*model, {}, {}, *outline, "coming", "the recorded graph is coming")
          : GraphJson(*model, model->graphs, model->graph_roots, *outline, recorded ? "ready" : "none", {}));
  next->size = 0;
  for (const std::unique_ptr<ByteSource>& source : model->sources) {
    if (IsWholeFile(*source)) next->size += source->size();
  }
  std::error_code none;  // JSON that refers to a store of tensors has no whole files behind it: its own size then
  if (next->size == 0 && std::filesystem::is_regular_file(path_, none)) {
    next->size = std::filesystem::file_size(path_, none);
  }
  next->version = version;
  next->model = std::move(model);
  next->outline = std::move(outline);
  next->document = std::make_shared<const std::string>(std::move(*document));
  next->error.reset();
  std::lock_guard lock(mutex_);
  snapshot_ = std::move(next);
  return true;
}

Sessions::Sessions(const std::vector<std::string>& paths) {
  std::vector<std::string> shown;
  shown.reserve(paths.size());
  for (const std::string& path : paths) shown.push_back(path == kStandardInput ? "standard input" : DisplayName(path));
  std::vector<std::string> names = ShortNames(shown);
  for (size_t i = 0; i < paths.size(); ++i) {
    all_.push_back(std::make_unique<Session>(std::to_string(i), paths[i], names[i]));
  }
}

Session* Sessions::Find(std::string_view id) const {
  size_t index = 0;
  auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), index);
  bool whole = error == std::errc() && end == id.data() + id.size();
  return whole && index < all_.size() && all_[index]->id() == id ? all_[index].get() : nullptr;
}

std::string Sessions::Json(bool watching) const {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("files").BeginArray();
  for (const std::unique_ptr<Session>& session : all_) {
    std::shared_ptr<const Snapshot> snapshot = session->snapshot();
    json.BeginObject();
    json.Key("id").String(session->id());
    json.Key("name").String(session->name());
    json.Key("size").Uint(snapshot->size);
    json.Key("format").String(snapshot->model ? snapshot->model->format_text : "");
    json.Key("tensors").Uint(snapshot->model ? snapshot->model->tensors.size() : 0);
    json.Key("step");
    std::optional<int64_t> step = snapshot->model ? StepOf(*snapshot->model) : std::nullopt;
    step ? json.Int(*step) : json.Null();
    json.Key("error");
    snapshot->error ? json.String(PageText(*snapshot->error)) : json.Null();
    json.Key("version").Uint(snapshot->version);
    json.EndObject();
  }
  json.EndArray().Key("watch").Bool(watching).EndObject();
  return text;
}

}  // namespace pthview::server
