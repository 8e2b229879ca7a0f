#include "tools/archive/options.h"

#include "lib/base/json.h"

namespace pthview::archive {

std::string JobOf(const Options& options, const std::string& rules) {
  std::string line;
  JsonWriter json(&line);
  auto list = [&](std::string_view key, const std::vector<std::string>& items) {
    if (items.empty()) return;
    json.Key(key).BeginArray();
    for (const std::string& item : items) json.String(item);
    json.EndArray();
  };
  json.BeginObject().Key("schema").String("pthview.manifest/1").Key("pthview").String(PTHVIEW_VERSION);
  list("to", options.to);
  list("include", options.include);
  list("exclude", options.exclude);
  list("parts", options.parts);
  json.Key("strict").Bool(options.strict);
  json.Key("dedup").String(options.dedup == Dedup::kFiles     ? "files"
                           : options.dedup == Dedup::kTensors ? "tensors"
                                                              : "none");
  if (!rules.empty()) json.Key("rules").String(rules);
  json.EndObject();
  return line;
}

}  // namespace pthview::archive
