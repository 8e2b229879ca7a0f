// pthview-plugin-torchscript: the recorded graphs of TorchScript archives. It gets the source text of an archive from
// pthview, compiles it with LibTorch, and answers with graphs; nothing of the model runs, and no file is read.
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <string>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "plugins/torchscript/answer.h"

namespace {

namespace proto = ::pthview::plugin::v1;

constexpr int kInput = 0;
constexpr int kOutput = 1;

std::string ReadAll() {
  std::string bytes;
  char piece[1 << 16];
  while (true) {
    const ssize_t got = read(kInput, piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return bytes;
    bytes.append(piece, static_cast<size_t>(got));
  }
}

void Send(const proto::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream text(&bytes);
    google::protobuf::io::CodedOutputStream out(&text);
    out.WriteVarint32(static_cast<uint32_t>(message.ByteSizeLong()));
    message.SerializeWithCachedSizes(&out);
  }
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t wrote = write(kOutput, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) _exit(1);  // nobody listens
    done += static_cast<size_t>(wrote);
  }
}

}  // namespace

int main() {
  const std::string bytes = ReadAll();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  uint32_t length = 0;
  proto::Request request;
  proto::Message answer;
  if (bytes.size() > INT32_MAX || !in.ReadVarint32(&length) || !request.ParseFromCodedStream(&in)) {
    answer.set_protocol(1);
    answer.mutable_failure()->set_code(proto::Failure::UNSUPPORTED);
    answer.mutable_failure()->set_message("what stands on standard input is no request");
  } else {
    answer = pthview::torchscript::Answer(request, Send);
  }
  Send(answer);
  _exit(0);  // taking LibTorch's tables down would cost more than all the rest
}
