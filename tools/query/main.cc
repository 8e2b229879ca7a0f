// pthview-query: what `pthview query` executes, with the options that it parsed: --NAME=VALUE ... -- FILE... SQL.
//
// A program of its own, so that only queries load and hold the SQL engine.
#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/base/named_source.h"
#include "lib/base/progress.h"
#include "lib/formats/format.h"
#include "plugins/host/plugin_formats.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/terminal.h"
#include "tools/cli/verbs.h"
#include "tools/fetch/remote.h"
#include "tools/query/database.h"
#include "tools/query/result_writer.h"
#include "tools/query/session.h"

namespace pthview::query {
namespace {

constexpr double kSecondsByDefault = 600;

// Ends at once; everything here is async-signal-safe.
void OnInterrupt(int) {
  pager::Finish();
  _exit(kExitInterrupted);
}

Arguments Parse(std::span<char* const> words) {
  Arguments arguments;
  bool operands = false;
  for (std::string_view word : words) {
    if (operands) {
      arguments.files.emplace_back(word);
    } else if (word == "--") {
      operands = true;
    } else if (word.starts_with("--")) {
      const size_t equals = word.find('=');
      arguments.Add(word.substr(2, equals - 2), equals == word.npos ? "1" : std::string(word.substr(equals + 1)));
    }
  }
  return arguments;
}

void WriteFile(JsonWriter& json, const std::string& name, const Error* error, const Model* model) {
  json.BeginObject().Key("file").String(name);
  if (model != nullptr) json.Key("format").String(model->format);
  if (error != nullptr) {
    json.Key("error");
    WriteError(json, *error);
  }
  json.EndObject();
}

int Main(std::span<char* const> words) {
  Arguments arguments = Parse(words);
  if (arguments.files.size() < 2) return kExitError;
  const std::string sql = std::move(arguments.files.back());
  arguments.files.pop_back();
  Progress::Show(!arguments.Flag("quiet") && !arguments.Flag("no-progress"));
  pager::Offer(arguments);
  AddFormatProvider(plugins::PluginFormats());
  fetch::AllowRemote();

  auto seconds = arguments.Number("max-time", static_cast<int64_t>(kSecondsByDefault));
  if (!seconds) {
    PrintError(seconds.error());
    return kExitError;
  }
  const Limits limits{.seconds = static_cast<double>(*seconds)};
  Output out;
  const bool as_json = arguments.Flag("json");
  JsonWriter json(&out.buffer());
  if (as_json) json.BeginObject().Key("schema").String("pthview.query/1").Key("files").BeginArray();
  Session session([clock = Clock(limits.seconds)] { return clock.Over(); });
  bool failed = false;
  for (const std::string& file : arguments.files) {
    auto model = OpenModel(file);
    if (as_json) WriteFile(json, DisplayName(file), model ? nullptr : &model.error(), model ? &*model : nullptr);
    if (!model) {
      failed = true;
      PrintError(model.error());
      continue;
    }
    session.Add(std::move(*model));
  }
  if (as_json) json.EndArray();
  const std::unique_ptr<ResultWriter> writer = as_json ? JsonRows(json, out) : WriterFor(arguments, out);
  Status done = Ok();
  if (session.size() > 0) {
    auto database = Database::Open(session, limits);
    done = database ? database->Run(sql, *writer) : Status(std::move(database).error());
    if (done || as_json) writer->End();
  }
  if (as_json) {
    if (!done) {
      json.Key("error");
      WriteError(json, done.error());
    }
    json.EndObject();
    out << "\n";
  }
  if (!done) {
    out.Flush();
    PrintError(done.error());
    failed = true;
  }
  Leave(out, failed ? kExitError : kExitOk);
}

}  // namespace
}  // namespace pthview::query

int main(int argc, char** argv) {
  struct sigaction action = {};
  action.sa_handler = pthview::query::OnInterrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return pthview::query::Main(std::span(argv, static_cast<size_t>(argc)).subspan(argc > 0 ? 1 : 0));
}
