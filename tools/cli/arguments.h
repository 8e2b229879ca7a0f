// Command-line arguments, parsed by one table of verbs and options. Help, completions and the man page come from the
// same table.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace pthview {

enum class OptionKind : uint8_t {
  kFlag,    // --json
  kValue,   // --depth N
  kValues,  // --include GLOB, repeatable
};

struct Option {
  std::string_view name;  // long name without dashes
  char letter;            // 'q', or 0
  OptionKind kind;
  std::string_view value;  // what help calls the value: "N", "GLOB", "inline|external|in-place"
  std::string_view help;
};

struct Verb;

// What the user asked for.
class Arguments {
 public:
  std::vector<std::string> files;  // positional arguments, in order

  bool Flag(std::string_view option) const { return values_.contains(std::string(option)); }
  // The last value given, or `otherwise`.
  std::string Value(std::string_view option, const std::string& otherwise = {}) const;
  std::vector<std::string> Values(std::string_view option) const;
  // A non-negative number; kUsage when the value is something else.
  Result<int64_t> Number(std::string_view option, int64_t otherwise) const;

  void Add(std::string_view option, std::string value) { values_[std::string(option)].push_back(std::move(value)); }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

struct Verb {
  std::string_view name;
  std::string_view operands;                   // "FILE...", "FILE NAME"
  std::string_view summary;                    // one line
  std::string_view description;                // further lines of its help; may be empty
  std::span<const std::string_view> examples;  // "pthview list model.pth | head": comment after two spaces and '#'
  std::span<const std::string_view> options;   // names of rows of AllOptions()
  size_t least;                                // operands
  size_t most;
  int (*run)(const Arguments& arguments);  // returns the exit code
};

std::span<const Verb> Verbs();
std::span<const Option> AllOptions();
const Option& OptionByName(std::string_view name);
const Verb* FindVerb(std::string_view name);

// Parses what stands behind the verb. `--help` is the caller's. Errors are kUsage, with a hint.
Result<Arguments> ParseArguments(const Verb& verb, std::span<char* const> arguments);

std::string GeneralHelp();
std::string VerbHelp(const Verb& verb);

}  // namespace pthview
