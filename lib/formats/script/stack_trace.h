// Where in the sources a node of a graph comes from, out of a stack trace that Python printed:
//
//     File "/a/model.py", line 97, in forward
//       x = self.conv(x)
#pragma once

#include <string>
#include <string_view>

namespace pthview {

struct SourceLine {
  std::string location;  // "/a/model.py:97", escaped; empty: the trace names none
  std::string text;      // "x = self.conv(x)", escaped; empty: the trace does not show it
};

// The innermost place, which stands last, of the model's own code; torch's where there is no other.
SourceLine InnermostLine(std::string_view trace);

}  // namespace pthview
