#include "tools/cli/arguments.h"

#include <algorithm>
#include <charconv>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "lib/analysis/names/suggest.h"

namespace pthview {
namespace {

// The long option that an unknown one was probably meant to be.
std::string OptionHint(const Verb& verb, std::string_view unknown) {
  while (unknown.starts_with('-')) unknown.remove_prefix(1);
  unknown = unknown.substr(0, unknown.find('='));
  auto near = Suggest(unknown, verb.options, 1);
  if (!near.empty()) return fmt::format("did you mean --{}?", near[0]);
  return fmt::format("see `pthview {} --help`", verb.name);
}

// Only the last argument can lack its value: any other would take the next one.
Error MissingValue(const Verb& verb, std::span<char* const> arguments) {
  std::string_view last = arguments.empty() ? std::string_view() : arguments.back();
  for (std::string_view name : verb.options) {
    const Option& option = OptionByName(name);
    bool named = last == fmt::format("--{}", name) || (option.letter != 0 && last == fmt::format("-{}", option.letter));
    if (named) {
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("{}: --{} takes a value: {}", verb.name, name, option.value)};
    }
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("{}: an option lacks its value", verb.name),
               .hint = fmt::format("see `pthview {} --help`", verb.name)};
}

// An option whose value is called `a|b|c` takes one of these.
Status CheckChoice(const Verb& verb, const Option& option, std::string_view given) {
  if (option.value.find('|') == std::string_view::npos) return Ok();
  std::vector<std::string_view> choices;
  for (std::string_view rest = option.value; !rest.empty();) {
    size_t bar = rest.find('|');
    choices.push_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(rest.size(), choices.back().size() + 1));
    if (choices.back() == given) return Ok();
  }
  auto near = Suggest(given, choices, 1);
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("{}: --{}: '{}' is not one of {}", verb.name, option.name, given, option.value),
               .hint = near.empty() ? "" : fmt::format("--{} {}", option.name, near[0])};
}

}  // namespace

std::string Arguments::Value(std::string_view option, const std::string& otherwise) const {
  auto found = values_.find(std::string(option));
  return found == values_.end() ? otherwise : found->second.back();
}

std::vector<std::string> Arguments::Values(std::string_view option) const {
  auto found = values_.find(std::string(option));
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<int64_t> Arguments::Number(std::string_view option, int64_t otherwise) const {
  std::string text = Value(option);
  if (text.empty()) return otherwise;
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("--{} takes a whole number, not '{}'", option, text)};
  }
  return number;
}

Result<Arguments> ParseArguments(const Verb& verb, std::span<char* const> arguments) {
  CLI::App app;
  app.set_help_flag();
  app.prefix_command(false);
  Arguments parsed;
  std::map<std::string_view, std::vector<std::string>> values;
  std::map<std::string_view, bool> flags;
  for (std::string_view name : verb.options) {
    const Option& option = OptionByName(name);
    std::string names =
        (option.letter != 0 ? fmt::format("-{},", option.letter) : std::string()) + fmt::format("--{}", name);
    if (option.kind == OptionKind::kFlag) {
      app.add_flag(names, flags[name]);
    } else {
      // Exactly one value each time, so that an operand behind it is never swallowed.
      app.add_option(names, values[name])->expected(1)->take_all()->allow_extra_args(false);
    }
  }
  app.add_option("operands", parsed.files);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ExtrasError&) {
    std::string unknown;
    for (char* argument : arguments) {
      std::string_view text(argument);
      if (text == "--") break;
      if (!text.starts_with('-') || text == "-") continue;
      std::string_view bare = text.substr(text.find_first_not_of('-'));
      bare = bare.substr(0, bare.find('='));
      bool known = false;
      for (std::string_view name : verb.options) {
        known = known || name == bare || (bare.size() == 1 && OptionByName(name).letter == bare[0]);
      }
      if (!known && unknown.empty()) unknown = text;
    }
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{}: unknown option '{}'", verb.name, unknown),
                 .hint = OptionHint(verb, unknown)};
  } catch (const CLI::ArgumentMismatch&) {
    return MissingValue(verb, arguments);
  } catch (const CLI::ConversionError&) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{}: an option that takes no value was given one", verb.name),
                 .hint = fmt::format("see `pthview {} --help`", verb.name)};
  } catch (const CLI::ParseError& error) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{}: {}", verb.name, error.what()),
                 .hint = fmt::format("see `pthview {} --help`", verb.name)};
  }
  for (const auto& [name, given] : flags) {
    if (given) parsed.Add(name, "1");
  }
  for (auto& [name, given] : values) {
    for (std::string& value : given) {
      PTHVIEW_TRY(CheckChoice(verb, OptionByName(name), value));
      parsed.Add(name, std::move(value));
    }
  }
  if (parsed.files.size() < verb.least || parsed.files.size() > verb.most) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{}: {}: it takes {}", verb.name,
                                        parsed.files.size() < verb.least ? "something is missing" : "too many operands",
                                        verb.operands.empty() ? "none" : verb.operands),
                 .hint = fmt::format("see `pthview {} --help`", verb.name)};
  }
  return parsed;
}

std::string GeneralHelp() {
  std::string text =
      "pthview opens PyTorch files without Python and without running anything in them.\n\n"
      "Examples:\n"
      "  pthview info model.pth                     what is it, and what can be done with it\n"
      "  pthview list model.pth                     its tensors\n"
      "  pthview serve model.pth                    look at it in the browser\n"
      "  pthview convert model.pth -o model.onnx    take it elsewhere\n\n"
      "Verbs:\n";
  for (const Verb& verb : Verbs()) text += fmt::format("  {:<12}{}\n", verb.name, verb.summary);
  text += "\n`pthview FILE...` is `pthview info FILE...`.\n";
  text += "FILE is a path, an address (https://host/model.pth, http://...), or `-` for standard input.\n";
  text += "\nOptions:\n  --version   the version\n  --help      this text; `pthview VERB --help` for a verb\n";
  return text;
}

std::string VerbHelp(const Verb& verb) {
  std::string text = fmt::format("pthview {}{}{}\n  {}\n\nExamples:\n", verb.name, verb.operands.empty() ? "" : " ",
                                 verb.operands, verb.summary);
  for (std::string_view example : verb.examples) text += fmt::format("  {}\n", example);
  if (!verb.description.empty()) text += fmt::format("\n{}\n", verb.description);
  if (!verb.options.empty()) text += "\nOptions:\n";
  for (std::string_view name : verb.options) {
    const Option& option = OptionByName(name);
    std::string left =
        option.letter != 0 ? fmt::format("-{}, --{}", option.letter, name) : fmt::format("    --{}", name);
    if (option.kind != OptionKind::kFlag) left += fmt::format(" {}", option.value);
    text += left.size() < 24 ? fmt::format("  {:<24}{}\n", left, option.help)
                             : fmt::format("  {}\n  {:<24}{}\n", left, "", option.help);
  }
  return text;
}

}  // namespace pthview
