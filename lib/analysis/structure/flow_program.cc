#include <algorithm>
#include <cctype>
#include <string>
#include <unordered_map>

#include "lib/analysis/structure/flow_pattern.h"

namespace pthview {
namespace {

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Cuts the text before `separator` off the front of `rest`.
std::string_view Next(std::string_view& rest, char separator) {
  size_t end = rest.find(separator);
  std::string_view item = Trim(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return item;
}

class Parser {
 public:
  explicit Parser(const FlowPattern& pattern) {
    program_.pattern = &pattern;
    for (std::string_view fixed : {"in", "mem", "out", "kv"}) Step(fixed);
  }

  FlowProgram Parse() && {
    std::string_view rest = program_.pattern->program;
    while (!rest.empty()) Chain(Next(rest, ';'));
    return std::move(program_);
  }

 private:
  void Chain(std::string_view chain) {
    bool first = true;
    uint8_t before = 0;
    while (!chain.empty()) {
      std::string_view token = Next(chain, '>');
      bool mem = token.ends_with("@mem");
      bool pass = token.ends_with("@pass");
      if (mem || pass) token = token.substr(0, token.rfind('@'));
      uint8_t at = Step(token);
      if (!first) program_.links.push_back({before, at, mem || pass, pass});
      first = false;
      before = at;
    }
  }

  // The step of a token, made when the token comes for the first time.
  uint8_t Step(std::string_view token) {
    auto [at, is_new] = steps_.try_emplace(token, static_cast<uint8_t>(program_.steps.size()));
    if (!is_new) return at->second;
    FlowStep step;
    if (at->second < kFixedSteps) step.kind = StepKind::kGiven;
    if (token.ends_with('?')) {
      step.optional = true;
      token.remove_suffix(1);
    }
    if (token.ends_with('!')) {
      step.kind = StepKind::kTap;
      token.remove_suffix(1);
    }
    if (token.ends_with('#') || token.ends_with('&') || token.ends_with('+')) {
      step.numbered = true;
      step.parallel = token.ends_with('&');
      step.every = token.ends_with('+');
      token.remove_suffix(1);
    }
    if (token.starts_with('~')) {
      step.kind = StepKind::kOperation;
      while (std::isdigit(static_cast<unsigned char>(token.back())) != 0) token.remove_suffix(1);
    }
    if (token.empty()) step.names.push_back(token);
    while (!token.empty()) {
      std::string_view name = Next(token, '|');
      if (name.ends_with('?')) name.remove_suffix(1);
      step.names.push_back(name);
    }
    program_.steps.push_back(std::move(step));
    return at->second;
  }

  FlowProgram program_;
  std::unordered_map<std::string_view, uint8_t> steps_;
};

}  // namespace

std::span<const FlowProgram> FlowPrograms() {
  static const std::vector<FlowProgram> programs = [] {
    std::vector<FlowProgram> parsed;
    for (const FlowPattern& pattern : FlowPatterns()) parsed.push_back(Parser(pattern).Parse());
    return parsed;
  }();
  return programs;
}

}  // namespace pthview
