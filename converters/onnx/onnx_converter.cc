#include "converters/onnx/onnx_converter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "converters/common/output_paths.h"
#include "converters/common/side_file.h"
#include "converters/onnx/graph_nodes.h"
#include "converters/onnx/initializers.h"
#include "converters/onnx/metadata.h"
#include "converters/onnx/recorded_graph.h"
#include "converters/onnx/weights.h"
#include "converters/onnx/wire.h"
#include "lib/analysis/structure/structure.h"

namespace pthview {
namespace {

using pthview_onnx::GraphProto;
using pthview_onnx::ModelProto;

constexpr int kDefaultOpset = 21;
constexpr int kNewestDefault = 24;  // for what older ones lack
constexpr int kNewestOpset = 99;
constexpr uint64_t kMessageLimit = INT32_MAX;  // protobuf's

Result<WeightsMode> ModeOf(const ConvertOptions& options) {
  std::optional<WeightsMode> mode;
  if (options.weights == "inline") mode = WeightsMode::kInline;
  if (options.weights == "external") mode = WeightsMode::kExternal;
  if (options.weights == "in-place") mode = WeightsMode::kInPlace;
  if (!mode) {
    return Error{ErrorCode::kUsage,
                 fmt::format("--weights is inline, external or in-place, not '{}'", options.weights)};
  }
  if (*mode != WeightsMode::kInline && options.output == "-") {
    return Error{.code = ErrorCode::kUsage,
                 .message = "weights outside the ONNX file need a file to stand beside",
                 .hint = "give -o a name"};
  }
  if (*mode != WeightsMode::kInline && ValidUtf8(options.output) != options.output) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "the name of the output must be UTF-8: ONNX refers to the weights by it",
                 .file = options.output};
  }
  return *mode;
}

// The IR version that came with an opset. Source: ONNX's docs/Versioning.md.
int IrVersionOf(int opset) {
  constexpr std::pair<int, int> kVersions[] = {{28, 14}, {25, 13}, {24, 12}, {23, 11}};
  for (auto [first, version] : kVersions) {
    if (opset >= first) return version;
  }
  return 10;
}

bool HasRecorded(const Model& model) {
  return std::any_of(model.graph_roots.begin(), model.graph_roots.end(),
                     [&](Index root) { return model.graphs[root].origin == Origin::kRecorded; });
}

Status CheckOptions(const Model& model, const ConvertOptions& options) {
  if (options.opset < 0 || options.opset > kNewestOpset) {
    return Error{ErrorCode::kUsage, fmt::format("there is no opset {}", options.opset)};
  }
  if (options.graph == "recorded" && !HasRecorded(model)) {
    return Error{.code = ErrorCode::kNotFound,
                 .message = "the file records no graph",
                 .file = model.file,
                 .hint = "--graph inferred shows the layers"};
  }
  if (options.graph != "auto" && options.graph != "inferred" && options.graph != "recorded") {
    return Error{ErrorCode::kUsage, fmt::format("--graph is auto, recorded or inferred, not '{}'", options.graph)};
  }
  return Ok();
}

// The parts of the ModelProto around the weights, in wire format: `head`, then the graph field's own, then the weights.
struct Frame {
  std::string head;   // all fields but the graph
  std::string graph;  // the fields of the graph but the initializers

  uint64_t GraphSize(const Weights& weights) const { return graph.size() + weights.size(); }
  uint64_t Size(const Weights& weights) const { return head.size() + FieldSize(GraphSize(weights)); }
};

Frame RecordedFrame(const Model& model, const RecordedGraph& recorded, const ModelProto& proto,
                    std::vector<std::string>& notes) {
  GraphProto graph = recorded.frame();
  std::string name = ValidUtf8(BaseName(model.file));
  graph.set_name(name.empty() ? "model" : name);
  graph.set_doc_string("Recorded in the file, with torch's operators in domains of their own. It cannot be run.");
  notes.emplace_back(
      "the graph is the recorded one, with torch's operators in domains of their own; it is for viewing and cannot be "
      "run");
  for (std::string& note : recorded.Notes()) notes.push_back(std::move(note));
  return {proto.SerializeAsString(), recorded.wire() + graph.SerializeAsString()};
}

Frame BuildFrame(const Model& model, const Initializers& initializers, const ConvertOptions& options,
                 UniqueNames& names, std::vector<std::string>& notes) {
  const bool use_recorded = options.graph != "inferred" && HasRecorded(model);
  GraphNodes nodes(model, initializers, names, options.opset == 0 ? kNewestDefault : options.opset);
  RecordedGraph recorded(model, initializers, names);
  for (Index root : model.graph_roots) {
    const Graph& graph = model.graphs[root];
    if (use_recorded && graph.origin == Origin::kRecorded) recorded.Add(graph);
    if (!use_recorded && graph.origin == Origin::kInferred) nodes.Add(graph);
  }
  nodes.Finish();
  bool has_graph = use_recorded || nodes.count() > 0;
  ModelProto proto;
  const int opset = options.opset == 0 ? std::max(kDefaultOpset, nodes.opset()) : options.opset;
  int ir_version = IrVersionOf(opset);
  for (const Initializer& row : initializers.rows()) ir_version = std::max(ir_version, IrVersionFor(row.elements.type));
  proto.set_ir_version(ir_version);
  auto& standard = *proto.add_opset_import();
  standard.set_domain("");
  standard.set_version(opset);
  auto& own = *proto.add_opset_import();
  own.set_domain(kNodeDomain);
  own.set_version(1);
  for (const std::string& domain : recorded.domains()) {
    auto& torch = *proto.add_opset_import();
    torch.set_domain(domain);
    torch.set_version(1);
  }
  proto.set_producer_name("pthview");
  proto.set_producer_version(PTHVIEW_VERSION);
  AddMetadata(model, use_recorded ? "recorded" : has_graph ? "inferred" : "none", proto, notes);
  if (use_recorded) return RecordedFrame(model, recorded, proto, notes);

  GraphProto graph = nodes.frame();
  std::string name = ValidUtf8(BaseName(model.file));
  graph.set_name(name.empty() ? "model" : name);
  graph.set_doc_string(has_graph
                           ? "Inferred: the layers in the file's order; an arrow only where something speaks for it "
                             "(pthview.evidence of the node). It cannot be run."
                           : "The file records no layers; only its tensors are here.");
  notes.emplace_back(
      has_graph ? "the graph is inferred: layers in the file's order, joined only where something speaks for it; "
                  "it is for viewing and cannot be run"
                : "no layers could be inferred: the tensors are initializers without a graph");
  return {proto.SerializeAsString(), nodes.wire() + graph.SerializeAsString()};
}

Status WriteModel(const Frame& frame, const Weights& weights, OutputFile& out, Progress* progress) {
  std::string head = frame.head;
  AppendFieldHead(head, ModelProto::kGraphFieldNumber, frame.GraphSize(weights));
  PTHVIEW_TRY(out.Write(head));
  PTHVIEW_TRY(out.Write(frame.graph));
  return weights.WriteFields(out, progress);
}

}  // namespace

Result<ConvertReport> WriteOnnx(Model& model, std::span<const Index> tensors, const ConvertOptions& options) {
  PTHVIEW_ASSIGN(WeightsMode mode, ModeOf(options));
  PTHVIEW_TRY(CheckOptions(model, options));
  PTHVIEW_TRY(RefuseInput(model, options.output));
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(options.output, options.force));
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  InferGraphs(model);
  out.Observe(options.observer);

  ConvertReport report;
  UniqueNames names;
  Initializers initializers(model, tensors, names);
  Frame frame = BuildFrame(model, initializers, options, names, report.notes);
  for (std::string& note : initializers.Notes()) report.notes.push_back(std::move(note));

  Weights weights(model, initializers.rows());
  PTHVIEW_TRY(weights.Place(mode, options.output, report.notes));
  if (mode == WeightsMode::kInline && frame.Size(weights) > kMessageLimit) {
    if (options.output == "-") {
      return Error{.code = ErrorCode::kLimit,
                   .message = "an ONNX file cannot hold more than 2 GB",
                   .hint = "give -o a name: the weights then stand in a file of their own"};
    }
    PTHVIEW_TRY(weights.Place(WeightsMode::kExternal, options.output, report.notes));
    report.notes.push_back(
        fmt::format("the weights are in {}.data: an ONNX file cannot hold more than 2 GB", BaseName(options.output)));
  }
  if (frame.Size(weights) > kMessageLimit) {
    return Error{ErrorCode::kLimit, "the graph alone takes more than the 2 GB that an ONNX file can hold"};
  }

  std::string side_path = options.output + ".data";
  std::optional<OutputFile> side;
  if (!weights.side().empty()) {
    PTHVIEW_TRY(RefuseInput(model, side_path));
    PTHVIEW_ASSIGN(side, OutputFile::Create(side_path, options.force));
    side->Observe(options.observer);
    PTHVIEW_TRY(weights.side().Write(model, *side, options.progress));
  }
  PTHVIEW_TRY(WriteModel(frame, weights, out, options.progress));
  PTHVIEW_TRY(CheckSourcesUnchanged(model));
  return CommitOutputs(std::move(out), std::move(side), options, side_path, std::move(report));
}

}  // namespace pthview
