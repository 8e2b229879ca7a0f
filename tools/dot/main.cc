// pthview-dot FORMAT: a graph in Graphviz's language on standard input, its picture on standard output.
//
// A program of its own so that a graph that takes too long, or too much, is ended without ending more; its caller sets
// how long it may take, and it says itself how much memory.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include <gvc.h>

namespace {

// A picture of some thousand boxes takes a few hundred MB.
constexpr rlim_t kMostMemory = rlim_t{2} << 30;
constexpr rlim_t kMostSeconds = 120;
constexpr size_t kMostText = size_t{64} << 20;

bool ReadAll(std::FILE* file, std::string& text) {
  char piece[1 << 16];
  while (size_t got = std::fread(piece, 1, sizeof(piece), file)) {
    if (text.size() + got > kMostText) return false;
    text.append(piece, got);
  }
  return std::ferror(file) == 0;
}

void Limit(decltype(RLIMIT_AS) what, rlim_t most) {
  const rlimit limit{most, most};
  setrlimit(what, &limit);
}

}  // namespace

int main(int count, char** words) {
  Limit(RLIMIT_AS, kMostMemory);
  Limit(RLIMIT_CPU, kMostSeconds);
  Limit(RLIMIT_CORE, 0);
  std::string text;
  if (count != 2 || !ReadAll(stdin, text)) return EXIT_FAILURE;
  GVC_t* context = gvContext();
  Agraph_t* graph = agmemread(text.c_str());
  if (context == nullptr || graph == nullptr) return EXIT_FAILURE;
  if (gvLayout(context, graph, "dot") != 0) return EXIT_FAILURE;
  // Straight through: the picture is not kept in memory.
  if (gvRender(context, graph, words[1], stdout) != 0 || std::fflush(stdout) != 0) return EXIT_FAILURE;
  return EXIT_SUCCESS;  // the system takes the memory back faster than gvFreeLayout
}
