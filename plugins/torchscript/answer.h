// From a request to its answer.
#pragma once

#include <functional>

#include "protocol.pb.h"

namespace pthview::torchscript {

// `send` gets messages about progress meanwhile. Failures of LibTorch are the answer, not exceptions.
plugin::v1::Message Answer(const plugin::v1::Request& request,
                           const std::function<void(const plugin::v1::Message&)>& send);

}  // namespace pthview::torchscript
