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

}  // namespace pthview::plugins
