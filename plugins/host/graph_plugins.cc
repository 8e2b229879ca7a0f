#include "plugins/host/graph_plugins.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "lib/base/progress.h"
#include "lib/base/sha256.h"
#include "lib/base/text_hash.h"
#include "lib/formats/script/script_program.h"
#include "plugins/host/discovery.h"
#include "plugins/host/process.h"
#include "plugins/host/reply.h"
#include "plugins/host/reply_graph.h"
#include "plugins/host/request.h"

namespace pthview::plugins {
namespace {

constexpr uint64_t kMostReply = uint64_t{256} << 20;
constexpr std::string_view kFormat = "torchscript";  // also of those inside other files

// Messages of one exchange, up to the answer.
class Answer {
 public:
  explicit Answer(const PercentDone& progress) : progress_(progress) {
    if (!progress) line_.emplace("recorded graph", 0);
  }

  proto::Message message;
  std::string bytes;  // of the answer

  Result<Next> Take(std::string_view said) {
    PTHVIEW_ASSIGN(message, DecodeMessage(Encoding::kProtobuf, said));
    switch (message.what_case()) {
      case proto::Message::kProgress: {
        const proto::Progress& progress = message.progress();
        if (progress_ && progress.total() > 0) {
          progress_(static_cast<int>(
              100.0 * std::min(1.0, static_cast<double>(progress.done()) / static_cast<double>(progress.total()))));
        }
        if (line_ && progress.done() > done_) line_->Advance(progress.done() - std::exchange(done_, progress.done()));
        return Next::kMore;
      }
      case proto::Message::kModel: bytes = said; return Next::kDone;
      case proto::Message::kFailure: return Next::kDone;
      default:
        return Error{.code = ErrorCode::kCorrupt, .message = "it was asked for graphs, and answered something else"};
    }
  }

 private:
  const PercentDone& progress_;
  std::optional<Progress> line_;
  uint64_t done_ = 0;
};

Error NoPlugin(const std::vector<Plugin>& plugins) {
  for (const Plugin& plugin : plugins) {
    if (plugin.manifest.name != kFormat || plugin.problem.empty()) continue;
    return Error{.code = ErrorCode::kNotFound,
                 .message = fmt::format("the plug-in for TorchScript's graphs cannot be used: {}", plugin.problem),
                 .hint = fmt::format("it is in {}", plugin.folder)};
  }
  return Error{
      .code = ErrorCode::kNotFound,
      .message =
          "the recorded graph of a TorchScript archive needs the plug-in torchscript (LibTorch), which "
          "is not installed",
      .hint = "with `tools/bootstrap --test` LibTorch is there, and `cmake build && ninja -C build` builds it"};
}

// What the file holds where a program fetches a plain attribute of a module: "layer1.0.bn1.training". With it branches
// that never run can be told.
class FetchedValues {
 public:
  explicit FetchedValues(const Model& model) {
    for (const Module& module : model.modules) {
      if (module.training) Add(module.path, "training", {*module.training});
      for (const Attribute& attribute : module.attributes) {
        if (attribute.text == "True" || attribute.text == "False") {
          Add(module.path, attribute.name, {attribute.text == "True"});
        } else if (int64_t number = 0; IsInt(attribute.text, number)) {
          Add(module.path, attribute.name, {number});
        } else if (attribute.text == "None") {
          Add(module.path, attribute.name, {NoneValue{}});
        }
      }
    }
  }

  void Tell(std::vector<Graph>& graphs) const {
    for (Graph& graph : graphs) {
      for (Node& node : graph.nodes) {
        if (node.op != "GetAttr" || node.domain != "prim" || node.attributes.size() != 1) continue;
        auto found = values_.find(node.attributes[0].text);
        if (found != values_.end()) node.attributes.push_back(TypedAttribute("value", found->second));
      }
    }
  }

 private:
  static bool IsInt(const std::string& text, int64_t& number) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
  }
  void Add(std::string_view module, std::string_view name, const AttributeValue& value) {
    std::string path(module);
    if (!path.empty()) path += '.';
    values_.try_emplace(path.append(name), value);
  }

  std::unordered_map<std::string, AttributeValue, TextHash> values_;
};

Result<PluginGraphs> ReadReply(const proto::Model& reply, const Model& model) {
  std::unordered_map<std::string_view, Index, TextHash> tensors;
  for (size_t i = model.tensors.size(); i-- > 0;) {
    const Tensor& tensor = model.tensors[i];
    if (tensor.part != kNone && model.parts[tensor.part].kind == PartKind::kModel) {
      tensors.insert_or_assign(tensor.name, static_cast<Index>(i));
    }
    tensors.try_emplace(tensor.path, static_cast<Index>(i));
  }
  std::unordered_map<std::string_view, Index, TextHash> modules;
  for (size_t i = 0; i < model.modules.size(); ++i) {
    modules.try_emplace(model.modules[i].path, static_cast<Index>(i));
  }
  auto find = [](const auto& rows, std::string_view name) {
    auto found = rows.find(name);
    return found == rows.end() ? kNone : found->second;
  };
  const ReplyRows rows = {
      .module = [&](Index, std::string_view path) { return find(modules, path); },
      .tensor = [&](Index index) { return find(tensors, reply.tensors(static_cast<int>(index)).name()); }};
  Model with;  // the tables that graphs refer to
  with.parts = model.parts;
  with.tensors = model.tensors;
  with.modules = model.modules;
  Findings findings;
  PTHVIEW_TRY(ReadGraphs(reply, rows, with, findings));
  ReadFindings(reply, findings);
  FetchedValues(model).Tell(with.graphs);
  return PluginGraphs{std::move(with.graphs), std::move(with.graph_roots), std::move(findings).Take()};
}

bool IsRecorded(const Graph& graph) { return graph.origin == Origin::kRecorded; }

}  // namespace

bool NeedsGraphPlugin(const Model& model) {
  return HasScriptProgram(model) && std::ranges::none_of(model.graphs, IsRecorded);
}

Result<PluginGraphs> MakePluginGraphs(const Model& model, const PercentDone& progress, GraphCache* cache) {
  const std::vector<Plugin> plugins = FindPlugins(SearchPath());
  auto plugin = std::ranges::find_if(plugins, [&](const Plugin& p) {
    if (!p.problem.empty() || !p.manifest.Has(PluginKind::kGraph)) return false;
    return std::ranges::find(p.manifest.formats, kFormat) != p.manifest.formats.end();
  });
  if (plugin == plugins.end()) return NoPlugin(plugins).In(model.file);
  auto program = ReadScriptProgram(model);
  if (!program) return std::move(program).error().In(model.file);
  const std::string request = GraphRequestBytes(*program);
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(request)));
  const std::string asked = hash.Finish();
  auto fail = [&](Error error) {
    error.message = fmt::format("plug-in {}: {}", plugin->manifest.name, error.message);
    if (error.hint.empty()) error.hint = fmt::format("the plug-in is in {}", plugin->folder);
    return std::move(error).In(model.file);
  };
  Answer answer(progress);
  if (cache != nullptr && cache->asked == asked) {
    if (Result<Next> taken = answer.Take(cache->reply); !taken) return fail(std::move(taken).error());
  } else {
    const char* unconfined = std::getenv("PTHVIEW_PLUGIN_UNCONFINED");
    const Run run{.program = plugin->program,
                  .folder = plugin->folder,
                  .readable = plugin->manifest.read,
                  .encoding = plugin->manifest.encoding,
                  .limits = plugin->manifest.limits,
                  .most_message_bytes = kMostReply,
                  .allow_unconfined = unconfined != nullptr && std::string_view(unconfined) == "1"};
    Status held = Exchange(run, request, [&](std::string_view bytes) { return answer.Take(bytes); });
    if (!held) return fail(std::move(held).error());
  }
  if (answer.message.has_failure()) return fail(ToError(answer.message.failure()));
  if (cache != nullptr) *cache = {asked, std::move(answer.bytes)};
  auto graphs = ReadReply(answer.message.model(), model);
  if (!graphs) return fail(std::move(graphs).error());
  return graphs;
}

Status AddPluginGraphs(Model& model) {
  PTHVIEW_ASSIGN(PluginGraphs made, MakePluginGraphs(model));
  model.graphs = std::move(made.graphs);
  model.graph_roots = std::move(made.roots);
  for (Finding& finding : made.findings) model.findings.push_back(std::move(finding));
  return Ok();
}

void AddPluginGraphsOrSay(Model& model) {
  Status added = AddPluginGraphs(model);
  if (added) return;
  const Error& error = added.error();
  const bool missing = error.code == ErrorCode::kNotFound;
  model.findings.push_back({missing ? Severity::kInfo : Severity::kWarning, "recorded-graph", "",
                            error.hint.empty() ? error.message : error.message + "; " + error.hint});
}

}  // namespace pthview::plugins
