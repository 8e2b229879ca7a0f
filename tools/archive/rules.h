// Rules of a run: what is changed in sources whose names match, from a TOML file.
//
//   [[rule]]
//   match = "**/*.pth"                 # glob on the source's name; absent: all
//   part = ["model"]                   # only these sections: kinds or paths
//   include = ["encoder.*"]            # only these tensors, by name; exclude leaves out
//   strip_prefix = ["module."]         # the first that fits
//   rename = [{from = "^old\\.", to = "new."}]   # regular expressions, one after the other
//   cast = {to = "float16", include = ["*.weight"]}   # floating types
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::archive {

struct Rename {
  std::string from;
  std::regex pattern;
  std::string to;
};

struct Rule {
  std::vector<std::string> match;
  std::vector<std::string> parts;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::vector<std::string> strip_prefix;
  std::vector<Rename> rename;
  std::optional<DType> cast;
  std::vector<std::string> cast_include;
};

// What a rule did to one source.
struct Applied {
  size_t rule = 0;
  std::string what;  // "strip_prefix module.", "rename ^old -> new", "cast to float16"
  size_t tensors = 0;
};

class Rules {
 public:
  // kUsage names the line of what cannot be understood.
  static Result<Rules> Parse(const std::string& text, const std::string& file);

  // The rules that a source's name matches, as numbers.
  std::vector<size_t> For(const std::string& name) const;
  const Rule& rule(size_t i) const { return rules_[i]; }

  // Renames and casts in place. kUsage when two tensors of a section would have one name.
  Result<std::vector<Applied>> Apply(const std::vector<size_t>& which, Model& model) const;

 private:
  std::vector<Rule> rules_;
};

}  // namespace pthview::archive
