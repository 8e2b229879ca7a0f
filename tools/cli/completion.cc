#include "tools/cli/completion.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/formats/format.h"
#include "tools/cli/arguments.h"
#include "tools/cli/tensor_columns.h"

namespace pthview {
namespace {

constexpr size_t kMostNames = 10'000;
constexpr std::string_view kFiles = ":files\n";

// What a line so far says: the options given, and the operands with their positions.
struct Line {
  const Verb* verb = nullptr;
  const Option* wants_value = nullptr;  // the option whose value is to come
  std::vector<std::string> operands;    // before the word to complete
  bool only_operands = false;           // behind `--`
};

const Option* OptionOf(const Verb& verb, std::string_view word) {
  for (std::string_view name : verb.options) {
    const Option& option = OptionByName(name);
    if (word == fmt::format("--{}", name) || (option.letter != 0 && word == fmt::format("-{}", option.letter))) {
      return &option;
    }
  }
  return nullptr;
}

Line Read(std::span<const std::string> words) {
  Line line;
  line.verb = FindVerb(words[1]);
  if (line.verb == nullptr) return line;
  for (const std::string& word : words.subspan(2)) {
    if (line.wants_value != nullptr) {
      if (word == "=") continue;  // bash cuts `--to=onnx` there
      line.wants_value = nullptr;
    } else if (word == "--" && !line.only_operands) {
      line.only_operands = true;
    } else if (!line.only_operands && word.size() > 1 && word.starts_with('-')) {
      const Option* option = OptionOf(*line.verb, word);
      if (option != nullptr && option->kind != OptionKind::kFlag) line.wants_value = option;
    } else {
      line.operands.push_back(word);
    }
  }
  return line;
}

// The operand's name at a position: "FILE" for any of "FILE...".
std::string OperandName(const Verb& verb, size_t position) {
  std::vector<std::string> names;
  for (std::string_view rest = verb.operands; !rest.empty();) {
    std::string_view name = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    std::string bare;
    for (char c : name) {
      if (c != '[' && c != ']') bare += c;
    }
    if (bare.starts_with('-')) break;  // "-o OUT": an option
    names.push_back(bare);
  }
  if (names.empty()) return {};
  // "FILE... SQL": any of them may be one more file.
  for (size_t i = 0; i < names.size() && i <= position; ++i) {
    if (names[i].ends_with("...")) return names[i];
  }
  if (position >= names.size()) return names.back().ends_with("...") ? names.back() : std::string();
  return names[position];
}

class Candidates {
 public:
  explicit Candidates(std::string_view begin) : begin_(begin) {}
  void Add(std::string_view word, std::string_view what = {}) {
    if (!word.starts_with(begin_) || word.empty() || count_ == kMostNames) return;
    // A word that a terminal cannot show could not be typed either.
    if (EscapeForTerminal(word) != word) return;
    ++count_;
    text_ += what.empty() ? fmt::format("{}\n", word) : fmt::format("{}\t{}\n", word, what);
  }
  void AddFiles() { text_ += kFiles; }
  std::string Take() { return std::move(text_); }

 private:
  std::string_view begin_;
  std::string text_;
  size_t count_ = 0;
};

enum class Names : uint8_t { kTensors, kModules, kParts };

void AddNames(Candidates& candidates, const std::string& file, Names which) {
  if (IsUrl(file) || file == "-") return;
  auto model = OpenModel(file);
  if (!model) return;
  std::set<std::string_view> names;
  if (which == Names::kParts) {
    for (const Part& part : model->parts) names.insert(part.path);
  } else if (which == Names::kTensors) {
    for (const Tensor& tensor : model->tensors) names.insert(tensor.name);
    for (const PlainValue& plain : model->plain) names.insert(plain.path);
  } else {
    InferModules(*model);
    for (const Module& module : model->modules) names.insert(module.path);
  }
  for (std::string_view name : names) candidates.Add(name);
}

void AddValues(Candidates& candidates, const Line& line) {
  const Option& option = *line.wants_value;
  if (option.value.find('|') != std::string_view::npos) {
    for (std::string_view rest = option.value; !rest.empty();) {
      std::string_view choice = rest.substr(0, rest.find('|'));
      candidates.Add(choice);
      rest.remove_prefix(std::min(rest.size(), choice.size() + 1));
    }
  } else if (option.name == "sort") {
    candidates.Add("path");
    for (size_t c = 0; c < kColumns; ++c) candidates.Add(ColumnTitle(static_cast<Column>(c)));
  } else if (option.value == "OUT" || option.value == "DIR" || option.value == "FILE") {
    candidates.AddFiles();
  } else if (!line.operands.empty() && (option.name == "part" || option.value == "GLOB")) {
    AddNames(candidates, line.operands[0], option.name == "part" ? Names::kParts : Names::kTensors);
  }
}

// ---- the man page ----

std::string Roff(std::string_view text) {
  std::string escaped;
  bool line_start = true;
  for (char c : text) {
    if (line_start && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
    line_start = c == '\n';
  }
  return escaped;
}

std::string OptionsRoff(const Verb& verb) {
  std::string text;
  for (std::string_view name : verb.options) {
    const Option& option = OptionByName(name);
    text += ".TP\n";
    if (option.letter != 0) text += fmt::format("\\fB\\-{}\\fR, ", option.letter);
    text += fmt::format("\\fB\\-\\-{}\\fR", Roff(name));
    if (option.kind != OptionKind::kFlag) text += fmt::format(" \\fI{}\\fR", Roff(option.value));
    text += fmt::format("\n{}\n", Roff(option.help));
  }
  return text;
}

constexpr std::string_view kBash = R"sh(# Completions of pthview for bash. Made by `pthview completion bash`.
_pthview() {
  local line current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("$(printf %q "${line%%$'\t'*}")")
    fi
  done < <("${COMP_WORDS[0]}" --complete "$COMP_CWORD" "${COMP_WORDS[@]}" 2>/dev/null)
}
complete -F _pthview pthview
)sh";

constexpr std::string_view kZsh = R"sh(#compdef pthview
# Completions of pthview for zsh. Made by `pthview completion zsh`.
_pthview() {
  local line
  local -a lines words_and_notes
  lines=("${(@f)$(${words[1]} --complete $((CURRENT - 1)) "${(@Q)words}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :files ]]; then
      _files
    else
      words_and_notes+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    fi
  done
  (( $#words_and_notes )) && _describe pthview words_and_notes
}
if [ "$funcstack[1]" = "_pthview" ]; then
  _pthview "$@"
else
  compdef _pthview pthview
fi
)sh";

constexpr std::string_view kFish = R"sh(# Completions of pthview for fish. Made by `pthview completion fish`.
function __pthview_complete
    set -l typed (commandline -opc) (commandline -ct)
    for line in (pthview --complete (math (count $typed) - 1) $typed 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c pthview -f -a '(__pthview_complete)'
)sh";

}  // namespace

std::string Complete(std::span<const std::string> words, size_t at) {
  if (at == 0 || words.empty()) return {};
  std::vector<std::string> line_words(words.begin(), words.end());
  line_words.resize(std::max(line_words.size(), at + 1));
  const std::string current = line_words[at] == "=" ? "" : line_words[at];
  Candidates candidates(current);
  if (at == 1) {
    for (const Verb& verb : Verbs()) candidates.Add(verb.name, verb.summary);
    for (std::string_view option : {"--help", "--version"}) {
      if (current.starts_with('-')) candidates.Add(option);
    }
    candidates.AddFiles();
    return candidates.Take();
  }
  Line line = Read(std::span(line_words).first(at));
  if (line.verb == nullptr) {  // `pthview FILE...` is `pthview info FILE...`
    candidates.AddFiles();
    return candidates.Take();
  }
  if (line.wants_value != nullptr) {
    AddValues(candidates, line);
    return candidates.Take();
  }
  if (current.starts_with('-') && !line.only_operands) {
    for (std::string_view name : line.verb->options) {
      candidates.Add(fmt::format("--{}", name), OptionByName(name).help);
    }
    candidates.Add("--help", "what the verb does, and its options");
    return candidates.Take();
  }
  const std::string operand = OperandName(*line.verb, line.operands.size());
  if (operand.starts_with("NAME") && !line.operands.empty()) {
    AddNames(candidates, line.operands[0], Names::kTensors);
  } else if (operand.starts_with("MODULE") && !line.operands.empty()) {
    AddNames(candidates, line.operands[0], Names::kModules);
  } else if (operand == "SHELL") {
    for (std::string_view shell : {"bash", "zsh", "fish"}) candidates.Add(shell);
  } else if (!operand.empty() && !operand.starts_with("NAME")) {
    candidates.AddFiles();
  }
  return candidates.Take();
}

Result<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("completion: there is none for '{}'", shell),
               .hint = "bash, zsh or fish"};
}

std::string ManPage() {
  std::string text =
      ".TH PTHVIEW 1\n.SH NAME\npthview \\- look into PyTorch files without running them\n.SH SYNOPSIS\n"
      ".B pthview\n.I FILE...\n.br\n.B pthview\n.I VERB\n.RI [ OPTIONS ]\n.RI [ OPERANDS ]\n.SH DESCRIPTION\n";
  text += Roff(
      "pthview opens PyTorch files without Python and without running anything in them. With nothing but files it "
      "does what `pthview info` does. FILE is a path, an address (https://host/model.pth, http://...), or `-` for "
      "standard input. `pthview VERB --help` is a short form of what follows.\n");
  text += ".SH VERBS\n";
  for (const Verb& verb : Verbs()) {
    text += fmt::format(".SS {} {}\n{}.\n", Roff(verb.name), Roff(verb.operands), Roff(verb.summary));
    if (!verb.description.empty()) text += fmt::format(".PP\n{}\n", Roff(verb.description));
    text += OptionsRoff(verb);
    text += ".PP\nExamples:\n.PP\n.nf\n";
    for (std::string_view example : verb.examples) text += fmt::format("    {}\n", Roff(example));
    text += ".fi\n";
  }
  text +=
      ".SH EXIT STATUS\n0: done, also with findings. 1: the verb's own \"no\" (dangers, differences). 2: an error for "
      "at "
      "least one input, or wrong usage. 130: interrupted.\n"
      ".SH ENVIRONMENT\n"
      ".TP\n.B PTHVIEW_PAGER, PAGER\nthe pager on a terminal (default: less); empty or `cat`: none\n"
      ".TP\n.B COLUMNS\nthe width that tables are to fit\n"
      ".TP\n.B NO_COLOR\nno colours, when it is not empty\n"
      ".TP\n.B TMPDIR\nwhere what is piped in is kept, without a name, until the end\n"
      ".TP\n.B SSL_CERT_FILE, PTHVIEW_HTTP_TIMEOUT\ncertificates that are trusted, and seconds to wait, for https\n"
      ".TP\n.B PTHVIEW_PLUGIN_PATH\nfolders with further plug\\-ins\n";
  return text;
}

}  // namespace pthview
