// pthview-dot FORMAT: a graph in Graphviz's language on standard input, its picture on standard output.
//
// A program of its own so that a graph that takes too long, or too much, is ended without ending more: its caller sets
// how long it may take, and it limits itself, before it reads a byte, as external plug-ins are limited. It may read the
// system's libraries and fonts; write to its standard output, which is open already; and nothing else.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gvc.h>

#include "plugins/host/sandbox.h"
#include "tools/read_input.h"

namespace {

// A picture of some thousand boxes takes a few hundred MB.
constexpr uint64_t kMostMemory = uint64_t{2} << 30;
constexpr uint32_t kMostSeconds = 120;
constexpr uint32_t kMostFiles = 64;
constexpr size_t kMostText = size_t{64} << 20;

// A kernel without Landlock leaves the rest in force.
bool Confine() {
  using pthview::plugins::Sandbox;
  auto sandbox = Sandbox::Prepare({"/etc/fonts", "/usr/share", "/usr/local/share", "/var/cache/fontconfig"},
                                  {.cpu_seconds = kMostSeconds, .memory_bytes = kMostMemory, .open_files = kMostFiles},
                                  /*allow_unconfined=*/true);
  return sandbox && sandbox->Enter() == 0;
}

}  // namespace

int main(int count, char** words) {
  std::string text;
  if (!Confine() || count != 2 || !pthview::ReadInput(kMostText, text)) return EXIT_FAILURE;
  GVC_t* context = gvContext();
  Agraph_t* graph = agmemread(text.c_str());
  if (context == nullptr || graph == nullptr) return EXIT_FAILURE;
  if (gvLayout(context, graph, "dot") != 0) return EXIT_FAILURE;
  // Straight through: the picture is not kept in memory.
  if (gvRender(context, graph, words[1], stdout) != 0 || std::fflush(stdout) != 0) return EXIT_FAILURE;
  return EXIT_SUCCESS;  // the system takes the memory back faster than gvFreeLayout
}
