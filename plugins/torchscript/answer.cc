#include "plugins/torchscript/answer.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "plugins/torchscript/compile.h"
#include "plugins/torchscript/flatten.h"

namespace pthview::torchscript {
namespace {

constexpr uint32_t kProtocol = 1;

proto::Message Failure(proto::Failure::Code code, std::string text) {
  proto::Message message;
  message.set_protocol(kProtocol);
  message.mutable_failure()->set_code(code);
  message.mutable_failure()->set_message(std::move(text));
  return message;
}

}  // namespace

proto::Message Answer(const proto::Request& request, const std::function<void(const proto::Message&)>& send) {
  if (!request.has_graph() || !request.graph().has_script()) {
    return Failure(proto::Failure::UNSUPPORTED,
                   "it is asked for something else than the graphs of a TorchScript archive");
  }
  const proto::ScriptProgram& program = request.graph().script();
  // Taking the sources in is about half of the work; how many nodes there will be is not known.
  uint64_t text = 0;
  for (const proto::ScriptSource& source : program.sources()) text += source.text().size();
  uint64_t done = 0;
  auto tell = [&](uint64_t to) {
    if (to <= done) return;
    done = to;
    proto::Message message;
    message.set_protocol(kProtocol);
    message.mutable_progress()->set_done(done);
    message.mutable_progress()->set_total(2 * text);
    send(message);
  };
  try {
    uint64_t taken = 0;
    Compiled compiled = Compile(program, [&](uint64_t bytes) { tell(std::min(taken += bytes, text)); });
    if (compiled.root == nullptr) return Failure(proto::Failure::UNSUPPORTED, compiled.error);
    proto::Message answer;
    answer.set_protocol(kProtocol);
    proto::Model& model = *answer.mutable_model();
    for (proto::Finding& finding : compiled.findings) *model.add_findings() = std::move(finding);
    // A line of source makes about one node.
    Flatten(
        program, compiled, [&](size_t nodes) { tell(text + std::min<uint64_t>(nodes * 30, text - text / 10)); }, model);
    return answer;
  } catch (const std::exception& error) {
    const std::string_view what = error.what();
    return Failure(proto::Failure::UNSUPPORTED, "LibTorch: " + std::string(what.substr(0, what.find('\n'))));
  }
}

}  // namespace pthview::torchscript
