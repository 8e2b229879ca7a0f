#include "tools/server/model_json.h"

#include <algorithm>
#include <functional>
#include <span>

#include <fmt/format.h>

#include "lib/analysis/summary/what_it_is.h"
#include "lib/analysis/summary/written_values.h"
#include "lib/base/json.h"
#include "lib/model/tied.h"

namespace pthview::server {
namespace {

constexpr size_t kMaxMetadata = 500;
constexpr size_t kMaxFindings = 500;
constexpr size_t kMaxText = 1000;  // bytes of one metadata value or attribute

struct FormatName {
  std::string_view format;
  std::string_view netron;
};

// The version is torch's at which the format appeared.
constexpr FormatName kFormatNames[] = {
    {"torch-zip", "PyTorch v1.6"},
    {"torch-legacy", "PyTorch v0.1.10"},
    {"safetensors", "Safetensors"},
    {"json", "pthview JSON"},
};

// At most kMaxText bytes, cut before a character.
std::string_view Shortened(std::string_view text) {
  if (text.size() <= kMaxText) return text;
  size_t end = kMaxText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

class Document {
 public:
  Document(const Model& model, const Outline& outline)
      : model_(model),
        outline_(outline),
        limit_((size_t{64} << 20) + 4096 * (model.tensors.size() + outline.modules.size())),
        json_(&text_) {
    text_.reserve(4096 + 128 * model.tensors.size() + 64 * outline.modules.size());
  }

  Result<std::string> Write(const DocumentFacts& facts) && {
    json_.BeginObject();
    json_.Key("signature").String("pthview/1");
    json_.Key("schema").String("pthview.model/1");
    json_.Key("id").String(facts.id);
    json_.Key("name").String(facts.name);
    json_.Key("format").String(NetronFormat(model_.format));
    json_.Key("format_text").String(model_.format_text);
    json_.Key("summary").String(WhatItIs(model_));
    json_.Key("producer").String(model_.producer);
    json_.Key("version").Uint(facts.version);
    WriteMetadata();
    WriteFindings();
    WriteParts();
    WriteModules();
    WriteTensors();
    WriteFlow();
    json_.EndObject();
    if (text_.size() > limit_) {
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("the names in this file are too long to show its structure: it takes more "
                                          "than {} bytes",
                                          limit_),
                   .hint = "`pthview list` shows them"};
    }
    return std::move(text_);
  }

 private:
  void WriteMetadata() {
    json_.Key("metadata").BeginArray();
    size_t written = 0;
    for (const RankedValue& ranked : RankValues(model_)) {
      const PlainValue& value = model_.plain[ranked.plain];
      // A state_dict's own version numbers, one a module: they would crowd out what someone wrote down on purpose.
      if (value.path.find("._metadata") != std::string_view::npos) continue;
      if (written++ == kMaxMetadata) break;
      json_.BeginArray().String(value.path);
      json_.String(Shortened(value.kind == PlainKind::kObject && value.text.empty() ? value.class_name : value.text));
      json_.EndArray();
    }
    json_.EndArray();
  }

  void WriteFindings() {
    json_.Key("findings").BeginArray();
    for (const Finding& finding : std::span(model_.findings).first(std::min(model_.findings.size(), kMaxFindings))) {
      json_.BeginObject();
      json_.Key("severity").String(SeverityName(finding.severity));
      json_.Key("code").String(finding.code);
      json_.Key("where").String(finding.where);
      json_.Key("text").String(Shortened(finding.text));
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteParts() {
    struct Totals {
      int64_t tensors = 0;
      double parameters = 0;  // expanded tensors of a hostile file may pass int64
    };
    std::vector<Totals> totals(model_.parts.size() + 1);
    for (const Tensor& tensor : model_.tensors) {
      Totals& part = totals[std::min<size_t>(tensor.part, model_.parts.size())];
      ++part.tensors;
      const bool again = tensor.tied != kNone && &model_.tensors[tensor.tied] != &tensor;
      if (tensor.kind == TensorKind::kParameter && !again) {
        part.parameters += static_cast<double>(tensor.numel);
      }
    }
    json_.Key("parts").BeginArray();
    for (size_t i = 0; i < totals.size(); ++i) {
      bool listed = i < model_.parts.size();
      if (!listed && outline_.roots[i] == kNone) break;
      const Part part = listed ? model_.parts[i] : Part{};
      bool drawn = part.kind == PartKind::kModel || part.kind == PartKind::kEma;
      json_.BeginObject();
      json_.Key("path").String(part.path);
      json_.Key("kind").String(PartKindName(part.kind));
      json_.Key("prefix").String(part.prefix);
      json_.Key("root").Int(OrMinusOne(outline_.roots[i]));
      json_.Key("tensors").Int(totals[i].tensors);
      json_.Key("parameters").Double(totals[i].parameters);
      json_.Key("graph");
      drawn ? json_.String(OriginName(Origin::kInferred)) : json_.Null();
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteModules() {
    json_.Key("modules").BeginObject();
    Column("name", [this](const OutlineModule& m, const Module*) { json_.String(m.name); });
    Column("path", [this](const OutlineModule& m, const Module*) { json_.String(m.path); });
    Column("class", [this](const OutlineModule&, const Module* s) { json_.String(s ? s->class_name : ""); });
    Column("inferred", [this](const OutlineModule&, const Module* s) {
      json_.Int(!s || s->class_name.empty() || s->origin == Origin::kInferred ? 1 : 0);
    });
    Column("parent", [this](const OutlineModule& m, const Module*) { json_.Int(OrMinusOne(m.parent)); });
    Column("training", [this](const OutlineModule&, const Module* s) {
      json_.Int(s && s->training ? (*s->training ? 1 : 0) : -1);
    });
    Column("attributes", [this](const OutlineModule&, const Module* s) {
      json_.BeginArray();
      for (const Attribute& attribute : s ? std::span(s->attributes) : std::span<const Attribute>()) {
        json_.BeginArray().String(attribute.name).String(Shortened(attribute.text));
        json_.Int(attribute.origin == Origin::kInferred ? 1 : 0).EndArray();
      }
      json_.EndArray();
    });
    json_.EndObject();
  }

  template <typename F>
  void Column(std::string_view key, const F& write) {
    json_.Key(key).BeginArray();
    for (const OutlineModule& module : outline_.modules) {
      if (text_.size() > limit_) break;
      write(module, module.source == kNone ? nullptr : &model_.modules[module.source]);
    }
    json_.EndArray();
  }

  void WriteTensors() {
    json_.Key("tensors").BeginObject();
    TensorColumn("name", [this](const Tensor& t) { json_.String(t.name); });
    json_.Key("module").BeginArray();
    for (Index module : outline_.module_of) json_.Int(module);
    json_.EndArray();
    TensorColumn("dtype", [this](const Tensor& t) { json_.String(DTypeName(t.dtype)); });
    TensorColumn("shape", [this](const Tensor& t) {
      json_.BeginArray();
      for (int64_t size : t.shape) json_.Int(size);
      json_.EndArray();
    });
    TensorColumn("kind", [this](const Tensor& t) { json_.Int(static_cast<int>(t.kind)); });
    TensorColumn("data", [this](const Tensor& t) { json_.Int(static_cast<int>(t.data)); });
    TensorColumn("layout",
                 [this](const Tensor& t) { json_.String(t.layout == Layout::kDense ? "" : LayoutName(t.layout)); });
    TensorColumn("nbytes", [this](const Tensor& t) { json_.Uint(StoredBytes(model_, t)); });
    TensorColumn("same_as", [this](const Tensor& t) {
      const bool again = t.tied != kNone && &model_.tensors[t.tied] != &t;
      json_.Int(again ? static_cast<int64_t>(t.tied) : -1);
    });
    TensorColumn("path", [this](const Tensor& t) { json_.String(t.path); });
    if (std::any_of(model_.tensors.begin(), model_.tensors.end(),
                    [](const Tensor& t) { return t.state_of != kNone; })) {
      TensorColumn("state_of",
                   [this](const Tensor& t) { json_.Int(t.state_of == kNone ? -1 : static_cast<int64_t>(t.state_of)); });
    }
    json_.EndObject();
  }

  // The edges of the inferred graphs, flat. `from` and `to` are modules, or past them rows of `ops`: what a pattern
  // adds ("~add"), each with the module that it stands in. `why` is a row of `evidence`.
  void WriteFlow() {
    std::vector<Index> outline_of(model_.modules.size(), kNone);
    for (size_t i = 0; i < outline_.modules.size(); ++i) {
      if (outline_.modules[i].source != kNone) outline_of[outline_.modules[i].source] = static_cast<Index>(i);
    }
    std::vector<std::pair<std::string_view, Index>> ops;
    std::vector<const Evidence*> evidence;
    struct Edge {
      Index from, to, why;
    };
    std::vector<Edge> edges;
    for (const Graph& graph : model_.graphs) {
      if (graph.origin != Origin::kInferred) continue;
      auto first_evidence = static_cast<Index>(evidence.size());
      for (const Evidence& row : graph.evidence) evidence.push_back(&row);
      std::vector<Index> made_by(graph.values.size(), kNone);
      for (const Node& node : graph.nodes) {
        Index self = node.module == kNone ? kNone : outline_of[node.module];
        if (self != kNone && node.op.starts_with('~')) {
          ops.emplace_back(node.op, self);
          self = static_cast<Index>(outline_.modules.size() + ops.size() - 1);
        }
        for (const Argument& argument : node.inputs) {
          for (Index value : argument.values) {
            if (argument.evidence == kNone || self == kNone || made_by[value] == kNone) continue;
            edges.push_back({made_by[value], self, first_evidence + argument.evidence});
          }
        }
        for (const Argument& argument : node.outputs) {
          for (Index value : argument.values) made_by[value] = self;
        }
      }
    }
    json_.Key("flow").BeginObject();
    json_.Key("evidence").BeginArray();
    for (const Evidence* row : evidence) {
      json_.BeginObject().Key("kind").String(EvidenceName(row->kind)).Key("text").String(row->text).EndObject();
    }
    json_.EndArray().Key("ops").BeginArray();
    for (auto [op, module] : ops) json_.BeginArray().String(op).Uint(module).EndArray();
    json_.EndArray();
    for (auto [key, member] : {std::pair("from", &Edge::from), {"to", &Edge::to}, {"why", &Edge::why}}) {
      json_.Key(key).BeginArray();
      for (const Edge& edge : edges) json_.Uint(edge.*member);
      json_.EndArray();
    }
    json_.EndObject();
  }

  template <typename F>
  void TensorColumn(std::string_view key, const F& write) {
    json_.Key(key).BeginArray();
    for (const Tensor& tensor : model_.tensors) {
      if (text_.size() > limit_) break;
      write(tensor);
    }
    json_.EndArray();
  }

  static int64_t OrMinusOne(Index index) { return index == kNone ? -1 : static_cast<int64_t>(index); }

  const Model& model_;
  const Outline& outline_;
  size_t limit_;
  std::string text_;
  JsonWriter json_;
};

}  // namespace

// The codes of `kind` and `data` in the document are those of the enums.
static_assert(static_cast<int>(TensorKind::kParameter) == 0 && static_cast<int>(TensorKind::kState) == 3);
static_assert(static_cast<int>(DataState::kPresent) == 0 && static_cast<int>(DataState::kMeta) == 3);

Result<std::string> ModelJson(const Model& model, const Outline& outline, const DocumentFacts& facts) {
  return Document(model, outline).Write(facts);
}

std::string NetronFormat(std::string_view format) {
  for (const FormatName& row : kFormatNames) {
    if (row.format == format) return std::string(row.netron);
  }
  return format.starts_with("torch") ? "PyTorch" : "pthview";
}

}  // namespace pthview::server
