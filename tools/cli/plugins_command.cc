// pthview plugins: what can be opened and written, and what does it.
#include <fmt/format.h>

#include "converters/converter.h"
#include "lib/base/json.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/verbs.h"

namespace pthview {

int RunPlugins(const Arguments& arguments) {
  Output out;
  if (arguments.Flag("json")) {
    JsonWriter json(&out.buffer());
    json.BeginObject().Key("schema").String("pthview.plugins/1").Key("plugins").BeginArray();
    for (const Format* format : Formats()) {
      json.BeginObject().Key("kind").String("format").Key("name").String(format->name).Key("text").String(format->text);
      json.Key("from").String("built in").EndObject();
    }
    for (const Converter& converter : Converters()) {
      json.BeginObject()
          .Key("kind")
          .String("converter")
          .Key("name")
          .String(converter.name)
          .Key("text")
          .String(converter.text);
      json.Key("extensions").BeginArray(true);
      for (std::string_view extension : converter.extensions) json.String(extension);
      json.EndArray().Key("from").String("built in").EndObject();
    }
    json.EndArray().EndObject();
    out << "\n";
    return kExitOk;
  }
  Style style(UseColor(arguments));
  out << style.Bold("opens") << "\n";
  for (const Format* format : Formats()) out << fmt::format("  {:<14}{} (built in)\n", format->name, format->text);
  out << style.Bold("writes") << "\n";
  for (const Converter& converter : Converters()) {
    out << fmt::format("  {:<14}{}: {} (built in)\n", converter.name, converter.text,
                       fmt::join(converter.extensions, ", "));
  }
  return kExitOk;
}

}  // namespace pthview
