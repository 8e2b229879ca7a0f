#include "tools/archive/verify.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "converters/converter.h"
#include "lib/base/escape.h"
#include "lib/base/output_file.h"
#include "lib/base/threads.h"
#include "lib/formats/annotations.h"
#include "lib/model/tensor_data.h"
#include "tools/archive/source_run.h"

namespace pthview::archive {
namespace {

using Json = nlohmann::json;

std::string Text(const Json& object, const char* key) {
  auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const Json& List(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  auto at = object.find(key);
  return at != object.end() && at->is_array() ? *at : kEmpty;
}

// The rows of the manifest, one at a time.
class Manifest {
 public:
  static Result<Manifest> Open(const std::string& directory) {
    Manifest manifest;
    auto file = OpenFile(directory + "/manifest.jsonl");
    if (!file) {
      return Error{.code = ErrorCode::kNotFound,
                   .message = "there is no manifest.jsonl: no run of pthview normalize has ended there",
                   .file = directory,
                   .hint = "give the folder that `pthview normalize -o` wrote"};
    }
    manifest.file_ = std::move(*file);
    return manifest;
  }

  // The next line; nullopt at the end.
  Result<std::optional<std::string>> Next() {
    for (;;) {
      if (size_t end = buffer_.find('\n', from_); end != std::string::npos) {
        std::string line = buffer_.substr(from_, end - from_);
        from_ = end + 1;
        return std::optional(std::move(line));
      }
      if (read_ == file_->size()) return std::optional<std::string>();
      buffer_.erase(0, from_);
      from_ = 0;
      const uint64_t take = std::min<uint64_t>(uint64_t{1} << 20, file_->size() - read_);
      PTHVIEW_ASSIGN(auto block, file_->Read(read_, take));
      read_ += take;
      buffer_.append(reinterpret_cast<const char*>(block.data()), block.size());
    }
  }

 private:
  std::unique_ptr<ByteSource> file_;
  std::string buffer_;
  size_t from_ = 0;
  uint64_t read_ = 0;
};

bool Inside(const std::string& path) {
  return !path.empty() && path.front() != '/' && ("/" + path + "/").find("/../") == std::string::npos;
}

// Which of a row's outputs tells most: the JSON that knows paths, then the checkpoint.
std::string BestOutput(const Json& row) {
  std::string best;
  for (std::string_view ending : {".safetensors", ".pth", ".json"}) {
    for (const Json& output : List(row, "outputs")) {
      std::string path = Text(output, "path");
      if (best.empty() && path.ends_with(ending) && Inside(path)) best = std::move(path);
    }
  }
  return best;
}

struct RowCheck {
  uint64_t outputs = 0;
  uint64_t tensors = 0;
  bool gone = false;
  bool read = false;
  std::vector<std::string> problems;

  void Problem(const Json& row, std::string text) {
    problems.push_back(fmt::format("{}: {}", Text(row, "name"), text));
  }
};

void CheckTensors(const std::string& directory, const Json& row, RowCheck& check) {
  const std::string path = BestOutput(row);
  if (path.empty()) return;
  auto model = OpenWithAnnotations(directory + "/" + path, {.content = true});
  if (!model) return check.Problem(row, fmt::format("{} cannot be read: {}", path, model.error().message));
  std::map<std::string, Index, std::less<>> by_path;
  for (Index i = 0; i < model->tensors.size(); ++i) by_path.emplace(model->tensors[i].path, i);
  std::multiset<std::string> unplaced;
  std::set<Index> used;
  std::map<std::string, std::string> wanted;
  for (const Json& tensor : List(row, "tensors")) {
    const std::string sha = Text(tensor, "sha256");
    if (sha.empty()) continue;
    const std::string name = Text(tensor, "path");
    auto at = by_path.find(name);
    if (at == by_path.end()) {
      unplaced.insert(sha);
      continue;
    }
    used.insert(at->second);
    const Tensor& found = model->tensors[at->second];
    if (found.data != DataState::kPresent) {
      // What a converter could not take along is in the ledger.
      const bool said = std::ranges::any_of(List(row, "ledger"), [&](const Json& loss) {
        return Text(loss, "kind") == "dropped" && Text(loss, "where") == name;
      });
      if (!said) check.Problem(row, fmt::format("tensor {} has no values any more", name));
      continue;
    }
    auto hash = HashTensor(*model, found);
    if (!hash) {
      check.Problem(row, fmt::format("tensor {}: {}", name, hash.error().message));
    } else if (*hash != sha) {
      check.Problem(row, fmt::format("tensor {} has other values than it had", name));
    } else {
      ++check.tensors;
    }
  }
  // Without JSON a tensor may be called otherwise: then by values alone.
  for (Index i = 0; i < model->tensors.size() && !unplaced.empty(); ++i) {
    if (used.contains(i) || model->tensors[i].data != DataState::kPresent) continue;
    auto hash = HashTensor(*model, model->tensors[i]);
    if (!hash) continue;
    if (auto at = unplaced.find(*hash); at != unplaced.end()) {
      unplaced.erase(at);
      ++check.tensors;
    }
  }
}

RowCheck CheckRow(const std::string& directory, const std::string& line) {
  RowCheck check;
  const Json row = Json::parse(line, nullptr, false);
  if (!row.is_object()) {
    check.problems.emplace_back("a line of the manifest cannot be read");
    return check;
  }
  for (const Json& output : List(row, "outputs")) {
    const std::string path = Text(output, "path");
    if (!Inside(path)) {
      check.Problem(row, "an output lies outside of the archive");
      continue;
    }
    auto hash = HashFile(directory + "/" + path);
    ++check.outputs;
    if (!hash) {
      check.Problem(row, fmt::format("{} cannot be read: {}", path, hash.error().message));
    } else if (hash->sha256 != Text(output, "sha256")) {
      check.Problem(row, fmt::format("{} is not what was written: its SHA-256 is {}", path, hash->sha256));
    }
  }
  if (Text(row, "state") == "done") CheckTensors(directory, row, check);
  const std::string source = UnescapeName(Text(row, "source"));
  struct stat status;
  if (Text(row, "sha256").empty()) return check;
  if (::stat(source.c_str(), &status) != 0) {
    check.gone = true;
  } else if (auto hash = HashFile(source); !hash || hash->sha256 != Text(row, "sha256")) {
    check.Problem(row, fmt::format("the source {} is no longer what was read", Text(row, "source")));
  } else {
    check.read = true;
  }
  return check;
}

Result<Json> FindRow(const std::string& directory, const std::string& name) {
  PTHVIEW_ASSIGN(Manifest manifest, Manifest::Open(directory));
  const std::string escaped = EscapeName(name);
  for (;;) {
    PTHVIEW_ASSIGN(std::optional<std::string> line, manifest.Next());
    if (!line) break;
    Json row = Json::parse(*line, nullptr, false);
    if (row.is_object() && (Text(row, "name") == name || Text(row, "source") == escaped)) return row;
  }
  return Error{.code = ErrorCode::kNotFound,
               .message = fmt::format("the manifest has no source '{}'", EscapeForTerminal(name)),
               .file = directory,
               .hint = "manifest.jsonl lists them: `name` and `source`"};
}

}  // namespace

Result<VerifyReport> Verify(const std::string& directory) {
  PTHVIEW_ASSIGN(Manifest manifest, Manifest::Open(directory));
  PTHVIEW_ASSIGN(std::optional<std::string> head, manifest.Next());
  VerifyReport report;
  for (bool more = true; more;) {
    std::vector<std::string> lines;
    while (lines.size() < 256 && more) {
      PTHVIEW_ASSIGN(std::optional<std::string> line, manifest.Next());
      more = line.has_value();
      if (more) lines.push_back(std::move(*line));
    }
    std::vector<RowCheck> checks(lines.size());
    ParallelFor(lines.size(), [&](size_t i) { checks[i] = CheckRow(directory, lines[i]); });
    for (RowCheck& check : checks) {
      ++report.sources;
      report.outputs += check.outputs;
      report.tensors += check.tensors;
      report.sources_gone += check.gone ? 1 : 0;
      report.sources_read += check.read ? 1 : 0;
      std::ranges::move(check.problems, std::back_inserter(report.problems));
    }
  }
  return report;
}

Result<std::vector<std::string>> Restore(const std::string& directory, const std::string& name,
                                         const std::string& output, bool force) {
  const Converter* converter = ConverterForPath(output);
  if (converter == nullptr) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("what to write cannot be told from '{}'", output),
                 .hint = "give a name that ends in .pth, .safetensors, .json or .onnx"};
  }
  PTHVIEW_ASSIGN(Json row, FindRow(directory, name));
  if (Text(row, "state") == "same") {
    PTHVIEW_ASSIGN(row, FindRow(directory, Text(row, "same_as")));
  }
  if (Text(row, "state") != "done") {
    return Error{
        .code = ErrorCode::kNotFound,
        .message = fmt::format("'{}' was not written: its state is {}", EscapeForTerminal(name), Text(row, "state")),
        .file = directory};
  }
  for (const Json& written : List(row, "outputs")) {
    const std::string path = Text(written, "path");
    if (converter->name != "pth" || !path.ends_with(".pth") || !Inside(path)) continue;
    PTHVIEW_ASSIGN(auto source, OpenFile(directory + "/" + path));
    PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(output, force));
    PTHVIEW_TRY(out.CopyFrom(*source, 0, source->size()));
    PTHVIEW_TRY(out.Commit(true));
    return std::vector<std::string>();
  }
  const std::string best = BestOutput(row);
  if (best.empty()) return Error{ErrorCode::kNotFound, "the archive holds no checkpoint of it", directory};
  PTHVIEW_ASSIGN(Model model, OpenWithAnnotations(directory + "/" + best, {.content = true}));
  std::vector<Index> all(model.tensors.size());
  std::iota(all.begin(), all.end(), Index{0});
  ConvertOptions options;
  options.output = output;
  options.force = force;
  PTHVIEW_ASSIGN(ConvertReport report, converter->write(model, all, options));
  if (report.more_to_say && report.placed) {
    options.output = AnnotationsOf(output);
    options.placed = &*report.placed;
    PTHVIEW_ASSIGN(ConvertReport more, FindConverter("json")->write(model, all, options));
  }
  return report.notes;
}

}  // namespace pthview::archive
