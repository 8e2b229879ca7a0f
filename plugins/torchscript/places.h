// Where in Python's sources a node of a graph comes from: what the archive's .debug_pkl records say of its own code.
//
//   __torch__/model.py.debug_pkl   ("FORMAT_WITH_STRING_TABLE", (string, ...), (record, ...))  or  (record, ...)
//     record   (offset in model.py, range, tag)
//     range    (source, start, end)         offsets in the text of the source
//     source   (text, file, first line)     text: a string, or indices of lines in the table; file: a string or an
//     index
//
// Source: torch/csrc/jit/serialization/source_range_serialization.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <torch/csrc/jit/frontend/source_range.h>

#include "protocol.pb.h"

namespace pthview::torchscript {

namespace proto = ::pthview::plugin::v1;

struct Place {
  std::string location;  // "/a/model.py:97"
  std::string text;      // "x = self.conv(x)"; empty: not known
  bool torchs = false;   // torch's own layers, not where the model's author wrote something
};

class Places {
 public:
  // `sources` are those that were compiled; they must outlive this.
  explicit Places(const std::unordered_map<const torch::jit::Source*, const proto::ScriptSource*>& sources);
  ~Places();

  // Null when nothing is known of it. Lives as long as this.
  const Place* Find(const torch::jit::SourceRange& range);

 private:
  struct Records;
  const Records* RecordsOf(const torch::jit::Source* source);

  const std::unordered_map<const torch::jit::Source*, const proto::ScriptSource*>& sources_;
  std::unordered_map<const torch::jit::Source*, std::unique_ptr<Records>> records_;
};

}  // namespace pthview::torchscript
