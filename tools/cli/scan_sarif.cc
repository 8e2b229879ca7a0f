#include "tools/cli/scan_sarif.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/json.h"
#include "tools/cli/version.h"

namespace pthview {
namespace {

struct Rule {
  std::string_view id;
  std::string_view text;
};
constexpr Rule kCodeRules[] = {
    {"dangerous-code", "Loading the file runs something known to be dangerous"},
    {"unknown-code", "Loading the file runs code that is not known"},
};

const char* LevelOf(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "note";
    case Severity::kWarning: return "warning";
    case Severity::kError:  // what it is about was not looked at
    case Severity::kDanger: return "error";
  }
  return "none";
}

// A path as a relative or absolute URI reference: RFC 3986's unreserved characters and '/' stay.
std::string UriOf(std::string_view path) {
  std::string uri;
  for (char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) {
      uri.push_back(c);
    } else {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return uri;
}

class Writer {
 public:
  explicit Writer(std::string* out) : json_(out) {}

  void Write(std::span<const ScanReport> reports, std::span<const Error> errors, bool strict) {
    for (const Rule& rule : kCodeRules) rules_.emplace(rule.id, rules_.size());
    for (const ScanReport& report : reports) {
      for (const Finding& finding : report.findings) rules_.emplace(finding.code, 0);
    }
    size_t index = 0;
    for (auto& [id, number] : rules_) number = index++;
    json_.BeginObject();
    json_.Key("$schema").String("https://json.schemastore.org/sarif-2.1.0.json");
    json_.Key("version").String("2.1.0");
    json_.Key("runs").BeginArray().BeginObject();
    Tool();
    json_.Key("invocations").BeginArray().BeginObject();
    json_.Key("executionSuccessful").Bool(errors.empty());
    json_.Key("toolExecutionNotifications").BeginArray();
    for (const Error& error : errors) Notification(error);
    json_.EndArray().EndObject().EndArray();
    json_.Key("columnKind").String("utf16CodeUnits");
    json_.Key("artifacts").BeginArray();
    for (const ScanReport& report : reports) {
      json_.BeginObject().Key("location").BeginObject().Key("uri").String(UriOf(report.file)).EndObject();
      json_.Key("length").Uint(report.size);
      json_.Key("roles").BeginArray().String("analysisTarget").EndArray();
      json_.Key("properties").BeginObject().Key("verdict").String(VerdictName(VerdictOf(report))).EndObject();
      json_.EndObject();
    }
    json_.EndArray();
    json_.Key("results").BeginArray();
    for (size_t i = 0; i < reports.size(); ++i) Results(reports[i], i, strict);
    json_.EndArray();
    json_.EndObject().EndArray().EndObject();
  }

 private:
  void Tool() {
    json_.Key("tool").BeginObject().Key("driver").BeginObject();
    json_.Key("name").String("pthview");
    json_.Key("version").String(PTHVIEW_VERSION);
    json_.Key("rules").BeginArray();
    for (const auto& [id, number] : rules_) {
      const auto* known = std::find_if(std::begin(kCodeRules), std::end(kCodeRules),
                                       [&, &id = id](const Rule& r) { return r.id == id; });
      json_.BeginObject().Key("id").String(id);
      json_.Key("shortDescription").BeginObject().Key("text");
      json_.String(known != std::end(kCodeRules) ? known->text : "Something odd about the file or an archive in it");
      json_.EndObject().EndObject();
    }
    json_.EndArray().EndObject().EndObject();
  }

  void Message(std::string_view text) { json_.Key("message").BeginObject().Key("text").String(text).EndObject(); }

  void Notification(const Error& error) {
    json_.BeginObject().Key("level").String("error");
    Message(error.message);
    json_.Key("locations").BeginArray().BeginObject().Key("physicalLocation").BeginObject();
    json_.Key("artifactLocation").BeginObject().Key("uri").String(UriOf(error.file)).EndObject();
    json_.EndObject().EndObject().EndArray().EndObject();
  }

  void Begin(std::string_view rule, std::string_view level, std::string_view text) {
    json_.BeginObject().Key("ruleId").String(rule).Key("ruleIndex").Uint(rules_.at(std::string(rule)));
    json_.Key("level").String(level);
    Message(text);
  }

  void Location(const ScanReport& report, size_t artifact, std::string_view record, std::optional<uint64_t> byte) {
    json_.Key("locations").BeginArray().BeginObject();
    json_.Key("physicalLocation").BeginObject().Key("artifactLocation").BeginObject();
    json_.Key("uri").String(UriOf(report.file)).Key("index").Uint(artifact).EndObject();
    if (byte) json_.Key("region").BeginObject().Key("byteOffset").Uint(*byte).Key("byteLength").Uint(1).EndObject();
    json_.EndObject();
    if (!record.empty()) {
      json_.Key("logicalLocations").BeginArray().BeginObject();
      json_.Key("fullyQualifiedName").String(record).Key("kind").String("member").EndObject().EndArray();
    }
    json_.EndObject().EndArray();
  }

  void Results(const ScanReport& report, size_t artifact, bool strict) {
    for (const CodeUse& use : report.code) {
      if (use.judgement == Judgement::kData) continue;
      const bool dangerous = use.judgement == Judgement::kDangerous;
      Begin(dangerous ? kCodeRules[0].id : kCodeRules[1].id, dangerous || strict ? "error" : "warning", Describe(use));
      Location(report, artifact, use.record, use.file_position);
      json_.Key("properties").BeginObject();
      json_.Key("module").String(use.module).Key("name").String(use.name);
      json_.Key("how").String(CodeSourceName(use.source)).Key("call").String(CodeCallName(use.call));
      json_.Key("byte").Uint(use.position);
      json_.EndObject().EndObject();
    }
    for (const Finding& finding : report.findings) {
      Begin(finding.code, LevelOf(finding.severity), finding.text);
      Location(report, artifact, finding.where, std::nullopt);
      json_.EndObject();
    }
  }

  JsonWriter json_;
  std::map<std::string, size_t> rules_;  // to their place in the list
};

}  // namespace

std::string ScanSarif(std::span<const ScanReport> reports, std::span<const Error> errors, bool strict) {
  std::string out;
  Writer(&out).Write(reports, errors, strict);
  return out;
}

}  // namespace pthview
