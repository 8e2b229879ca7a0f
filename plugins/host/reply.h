// From a plug-in's answer to a Model. The answer is as untrusted as a file: everything in it goes through ModelBuilder.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/model/model.h"
#include "plugins/host/manifest.h"
#include "protocol.pb.h"

namespace pthview::plugins {

namespace proto = ::pthview::plugin::v1;

// One message as it came. kCorrupt when it is not one; kUnsupported when it is of another version of the protocol.
Result<proto::Message> DecodeMessage(Encoding encoding, std::string_view bytes);

// What it says of itself, as findings.
void ReadFindings(const proto::Model& reply, Findings& findings);

// The Error that a plug-in's own `failure` says. kUnrecognized: not a file of its.
Error ToError(const proto::Failure& failure);

// A file that the request named: files[0] is open, the others are opened when a tensor refers to them.
struct NamedFile {
  std::string path;
  std::unique_ptr<ByteSource> source;
};

// Builds the model. Tensors that reach outside their files get a finding and no data; what contradicts itself (an index
// out of range, a file that the request did not name) is kCorrupt; graphs that are not in SSA form are left out with a
// finding. `file`, `format` are the caller's to set.
Result<Model> ModelFromReply(const proto::Model& reply, std::vector<NamedFile> files, Findings findings);

}  // namespace pthview::plugins
