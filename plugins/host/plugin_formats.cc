#include "plugins/host/plugin_formats.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/names/glob.h"
#include "lib/base/progress.h"
#include "lib/base/utf8.h"
#include "plugins/host/discovery.h"
#include "plugins/host/process.h"
#include "plugins/host/reply.h"
#include "plugins/host/request.h"

namespace pthview::plugins {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostNeighbours = 1000;
constexpr size_t kMostEntries = 100'000;  // of the folder, looked at for them

bool IsUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    CodePoint point = DecodeUtf8(text, at);
    if (!point.valid) return false;
    at += point.length;
  }
  return true;
}

// Files beside `path` whose name the manifest asks for, in order of name.
std::vector<RequestFile> NeighboursOf(const Manifest& manifest, const fs::path& path) {
  std::vector<RequestFile> files;
  if (manifest.neighbours.empty()) return files;
  std::error_code error;
  size_t seen = 0;
  for (fs::directory_iterator at(path.parent_path(), error), end; !error && at != end; at.increment(error)) {
    if (++seen > kMostEntries || files.size() >= kMostNeighbours) break;
    std::string name = at->path().filename().string();
    if (at->path() == path || !IsUtf8(name) || !at->is_regular_file(error)) continue;
    if (std::ranges::none_of(manifest.neighbours, [&](const auto& glob) { return GlobMatches(glob, name); })) continue;
    files.push_back({at->path().string(), at->file_size(error)});
    if (error) files.pop_back();
  }
  std::ranges::sort(files, {}, &RequestFile::path);
  return files;
}

// A description is at most as long as the file's own metadata, written out as text.
uint64_t MostMessageBytes(uint64_t file_bytes) {
  constexpr uint64_t kLeast = uint64_t{16} << 20;
  constexpr uint64_t kMost = uint64_t{256} << 20;
  return std::clamp(file_bytes, kLeast, kMost);
}

// Messages of one exchange, up to the answer.
class Answer {
 public:
  Answer(const Plugin& plugin, uint64_t size) : plugin_(plugin), progress_(plugin.manifest.text, size) {}

  proto::Message message;

  Result<Next> Take(std::string_view bytes) {
    PTHVIEW_ASSIGN(message, DecodeMessage(plugin_.manifest.encoding, bytes));
    switch (message.what_case()) {
      case proto::Message::kProgress: {
        uint64_t done = message.progress().done();
        if (done > done_) progress_.Advance(done - std::exchange(done_, done));
        return Next::kMore;
      }
      case proto::Message::kModel:
      case proto::Message::kFailure: return Next::kDone;
      default:
        return Error{.code = ErrorCode::kCorrupt,
                     .message = "it was asked to open a file, and answered something else"};
    }
  }

 private:
  const Plugin& plugin_;
  Progress progress_;
  uint64_t done_ = 0;
};

// `path`, `size`: of the context's source, which is moved into the model once there is one.
Result<Model> OpenWith(const Plugin& plugin, const std::string& path, uint64_t size, OpenContext& context,
                       const OpenOptions& options) {
  if (!IsUtf8(path)) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "its path is not UTF-8, and plug-ins are told of files in UTF-8",
                 .hint = "give it another name"};
  }
  std::vector<RequestFile> files = NeighboursOf(plugin.manifest, path);
  files.insert(files.begin(), {path, size});
  const char* unconfined = std::getenv("PTHVIEW_PLUGIN_UNCONFINED");
  Run run{.program = plugin.program,
          .folder = plugin.folder,
          .readable = plugin.manifest.read,
          .encoding = plugin.manifest.encoding,
          .limits = plugin.manifest.limits,
          .most_message_bytes = MostMessageBytes(size),
          .allow_unconfined = unconfined != nullptr && std::string_view(unconfined) == "1"};
  for (const RequestFile& file : files) run.readable.push_back(file.path);
  Answer answer(plugin, size);
  PTHVIEW_TRY(Exchange(run, OpenRequestBytes(run.encoding, files, options.structure),
                       [&](std::string_view bytes) { return answer.Take(bytes); }));
  if (answer.message.has_failure()) return ToError(answer.message.failure());
  std::vector<NamedFile> named;
  named.reserve(files.size());
  for (const RequestFile& file : files) named.push_back({file.path, nullptr});
  named[0].source = std::move(context.source);
  context.findings.Add(Severity::kInfo, "plugin", "",
                       fmt::format("read by the plug-in {} ({})", plugin.manifest.name, plugin.folder));
  PTHVIEW_ASSIGN(Model model, ModelFromReply(answer.message.model(), std::move(named), std::move(context.findings)));
  model.format = plugin.manifest.name;
  if (model.format_text.empty()) model.format_text = plugin.manifest.text;
  return model;
}

bool ReadsFiles(const Plugin& plugin) { return plugin.problem.empty() && plugin.manifest.Has(PluginKind::kFormat); }

// Whose file it would be, if it were a file of its own.
std::optional<Result<Model>> Decline(const OpenContext& context) {
  // Looked for once: an archive may hold thousands of files that nobody knows.
  static const auto& plugins = *new std::vector<Plugin>(FindPlugins(SearchPath()));
  for (const Plugin& plugin : plugins) {
    if (!ReadsFiles(plugin)) continue;
    if (plugin.manifest.Match(context.head, context.path) < Manifest::kByContent) continue;
    return Result<Model>(Error{
        .code = ErrorCode::kUnrecognized,
        .message = fmt::format("it looks like {}, which the plug-in {} reads, but plug-ins are given only files of "
                               "their own on this machine: no streams, addresses or insides of other files",
                               plugin.manifest.text, plugin.manifest.name),
        .hint = "unpack or save it to a file first"});
  }
  return std::nullopt;
}

std::optional<Result<Model>> Open(OpenContext& context, const OpenOptions& options) {
  if (context.source == nullptr) return std::nullopt;
  const std::string path = context.source->real_path();
  const uint64_t size = context.source->size();
  if (context.depth > 0 || path.empty()) return Decline(context);
  struct Candidate {
    int score;
    const Plugin* plugin;
  };
  const std::vector<Plugin> plugins = FindPlugins(SearchPath());
  std::vector<Candidate> candidates;
  for (const Plugin& plugin : plugins) {
    if (!ReadsFiles(plugin)) continue;
    if (int score = plugin.manifest.Match(context.head, context.path)) candidates.push_back({score, &plugin});
  }
  std::ranges::stable_sort(candidates, std::greater(), &Candidate::score);
  for (const Candidate& candidate : candidates) {
    auto model = OpenWith(*candidate.plugin, path, size, context, options);
    if (model) return model;
    Error error = std::move(model).error();
    // A plug-in whose model was refused has had the source: nobody else can open it any more.
    if (error.code == ErrorCode::kUnrecognized && context.source != nullptr) continue;
    error.message = fmt::format("plug-in {}: {}", candidate.plugin->manifest.name, error.message);
    if (error.hint.empty()) error.hint = fmt::format("the plug-in is in {}", candidate.plugin->folder);
    return Result<Model>(std::move(error));
  }
  return std::nullopt;
}

}  // namespace

FormatProvider PluginFormats() { return Open; }

}  // namespace pthview::plugins
