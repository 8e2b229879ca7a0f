// What a plug-in is asked, in its encoding.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/formats/script/script_program.h"
#include "plugins/host/manifest.h"

namespace pthview::plugins {

struct RequestFile {
  std::string path;  // absolute, UTF-8
  uint64_t size = 0;
};

// The whole of standard input: one framed Request that asks to open files[0].
std::string OpenRequestBytes(Encoding encoding, const std::vector<RequestFile>& files, bool structure);

// The same for the graphs of a program; always protobuf.
std::string GraphRequestBytes(const ScriptProgram& program);

}  // namespace pthview::plugins
