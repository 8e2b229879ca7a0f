// pthview plugins: what can be opened and written, and what does it.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "converters/converter.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/formats/format.h"
#include "plugins/host/discovery.h"
#include "tools/cli/console.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

using plugins::MatchRule;
using plugins::Plugin;
using plugins::PluginKind;

// What a rule says, in words: `beginning with "GGUF"`.
std::string RuleText(const MatchRule& rule) {
  std::string text;
  if (!rule.magic.empty()) {
    text = rule.offset == 0 ? "beginning with " : fmt::format("with, at byte {}, ", rule.offset);
    AppendJsonString(text, EscapeName(rule.magic));
  }
  if (!rule.extension.empty()) text += fmt::format("{}called *{}", text.empty() ? "" : " and ", rule.extension);
  return text;
}

std::vector<std::string> RuleTexts(const Plugin& plugin) {
  std::vector<std::string> texts;
  texts.reserve(plugin.manifest.match.size());
  for (const MatchRule& rule : plugin.manifest.match) texts.push_back(RuleText(rule));
  return texts;
}

void WriteBuiltIn(JsonWriter& json) {
  for (const Format* format : Formats()) {
    json.BeginObject().Key("kind").String("format").Key("name").String(format->name).Key("text").String(format->text);
    json.Key("from").String("built in").EndObject();
  }
  for (const Converter& converter : Converters()) {
    json.BeginObject().Key("kind").String("converter");
    json.Key("name").String(converter.name).Key("text").String(converter.text);
    json.Key("extensions").BeginArray(true);
    for (std::string_view extension : converter.extensions) json.String(extension);
    json.EndArray().Key("from").String("built in").EndObject();
  }
}

// A row a kind; one without a kind where the manifest cannot be read.
void WriteExternal(JsonWriter& json, const Plugin& plugin) {
  auto row = [&](std::string_view kind) {
    json.BeginObject().Key("kind").String(kind);
    json.Key("name").String(plugin.manifest.name).Key("text").String(plugin.manifest.text);
    json.Key("opens").BeginArray();
    for (const std::string& text : RuleTexts(plugin)) json.String(text);
    json.EndArray().Key("from").String(plugin.folder);
    if (!plugin.problem.empty()) json.Key("problem").String(plugin.problem);
    json.EndObject();
  };
  if (plugin.manifest.kinds.empty()) row("");
  for (PluginKind kind : plugin.manifest.kinds) row(plugins::PluginKindName(kind));
}

std::string ExternalText(const Plugin& plugin, const Style& style) {
  std::string name = plugin.manifest.name.empty() ? "?" : plugin.manifest.name;
  std::string text = fmt::format("  {:<18}", name);
  if (!plugin.problem.empty()) return text + style.Red("not used: ") + EscapeForTerminal(plugin.problem);
  text += EscapeForTerminal(plugin.manifest.text);
  if (!plugin.manifest.Has(PluginKind::kFormat)) return text + ": of a kind that is not used by this version";
  return text + ": files " + EscapeForTerminal(fmt::format("{}", fmt::join(RuleTexts(plugin), "; ")));
}

}  // namespace

int RunPlugins(const Arguments& arguments) {
  Output out;
  const std::vector<Plugin> external = plugins::FindPlugins(plugins::SearchPath());
  if (arguments.Flag("json")) {
    JsonWriter json(&out.buffer());
    json.BeginObject().Key("schema").String("pthview.plugins/1").Key("plugins").BeginArray();
    WriteBuiltIn(json);
    for (const Plugin& plugin : external) WriteExternal(json, plugin);
    json.EndArray().EndObject();
    out << "\n";
    return kExitOk;
  }
  Style style(UseColor(arguments));
  out << style.Bold("opens") << "\n";
  for (const Format* format : Formats()) out << fmt::format("  {:<18}{} (built in)\n", format->name, format->text);
  out << style.Bold("writes") << "\n";
  for (const Converter& converter : Converters()) {
    out << fmt::format("  {:<18}{}: {} (built in)\n", converter.name, converter.text,
                       fmt::join(converter.extensions, ", "));
  }
  if (!external.empty()) out << style.Bold("plug-ins") << "\n";
  for (const Plugin& plugin : external) {
    out << ExternalText(plugin, style) << fmt::format("\n  {:<18}in {}\n", "", EscapeForTerminal(plugin.folder));
  }
  return kExitOk;
}

}  // namespace pthview
