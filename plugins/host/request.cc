#include "plugins/host/request.h"

#include "lib/base/json.h"
#include "plugins/host/framing.h"
#include "protocol.pb.h"

namespace pthview::plugins {
namespace {

constexpr std::string_view kHost = "pthview";

std::string AsJson(const std::vector<RequestFile>& files, bool structure) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("protocol").Uint(kProtocol).Key("host").String(kHost).Key("files").BeginArray();
  for (const RequestFile& file : files) {
    // 64-bit integers are strings in protobuf's JSON: JavaScript's numbers do not hold them.
    json.BeginObject().Key("path").String(file.path).Key("size").String(std::to_string(file.size)).EndObject();
  }
  json.EndArray().Key("open").BeginObject().Key("structure").Bool(structure).EndObject().EndObject();
  return out;
}

std::string AsProtobuf(const std::vector<RequestFile>& files, bool structure) {
  ::pthview::plugin::v1::Request request;
  request.set_protocol(kProtocol);
  request.set_host(kHost.data(), kHost.size());
  for (const RequestFile& file : files) {
    auto* row = request.add_files();
    row->set_path(file.path);
    row->set_size(file.size);
  }
  request.mutable_open()->set_structure(structure);
  return request.SerializeAsString();
}

}  // namespace

std::string OpenRequestBytes(Encoding encoding, const std::vector<RequestFile>& files, bool structure) {
  return Frame(encoding, encoding == Encoding::kJson ? AsJson(files, structure) : AsProtobuf(files, structure));
}

std::string GraphRequestBytes(const ScriptProgram& program) {
  ::pthview::plugin::v1::Request request;
  request.set_protocol(kProtocol);
  request.set_host(kHost.data(), kHost.size());
  auto& script = *request.mutable_graph()->mutable_script();
  script.set_root(program.root);
  script.set_version(program.version);
  for (const ScriptProgram::Source& source : program.sources) {
    auto& row = *script.add_sources();
    row.set_name(source.name);
    row.set_text(source.text);
    row.set_ranges(source.ranges);
  }
  for (const ScriptProgram::Constant& constant : program.constants) {
    auto& row = *script.add_constants();
    row.set_name(constant.tensor);
    if (constant.dtype == DType::kUnknown) continue;
    row.set_dtype(std::string(DTypeName(constant.dtype)));
    for (int64_t size : constant.shape) row.add_shape(size);
  }
  for (const ScriptProgram::Module& module : program.modules) {
    auto& row = *script.add_modules();
    row.set_path(module.path);
    row.set_class_name(module.class_name);
    row.set_source(module.source);
    for (const ScriptProgram::Attribute& attribute : module.attributes) {
      auto& held = *row.add_attributes();
      held.set_name(attribute.name);
      held.set_type(attribute.type);
    }
  }
  return Frame(Encoding::kProtobuf, request.SerializeAsString());
}

}  // namespace pthview::plugins
