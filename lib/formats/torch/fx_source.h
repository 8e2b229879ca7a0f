// The source text that torch.fx writes for a GraphModule's forward, as a tree: parsed, never run.
//
//   def forward(self, x : torch.Tensor, k = 2):
//       conv = self.conv(x);  x = None
//       getitem = conv[(slice(None, None, None), 0)];  conv = None
//       relu = torch.nn.functional.relu(getitem, inplace = False)
//       return {'y': relu}
//
// Straight lines of assignments and one return: the generator writes nothing else. What is of another form (a loop
// that somebody wrote by hand) becomes a statement without a tree. Source: torch/fx/graph.py (_gen_python_code).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pthview::fx {

// Expressions nest at most so deep: whoever walks them may recurse.
inline constexpr int kDeepestExpression = 100;

using ExpressionIndex = uint32_t;  // into Function::expressions

struct Expression {
  enum class Kind : uint8_t {
    kName,       // text
    kNumber,     // text, as it stands: "1e-05", "2j"
    kString,     // `decoded`
    kEllipsis,   // ...
    kTuple,      // items
    kList,       // items
    kSet,        // items
    kDict,       // key, value, key, value, ...
    kAttribute,  // of items[0], by the name `text`
    kSubscript,  // of items[0], by items[1]
    kSlice,      // a:b:c between brackets; items, kNone where one is left out
    kCall,       // of items[0]; the arguments follow
    kKeyword,    // an argument by its name: text = items[0]
    kStarred,    // text is "*" or "**", of items[0]
    kUnary,      // text is the operator: "-", "+", "~", "not"
    kBinary,     // "+", "and", "not in", ...; of items[0] and items[1]
  };
  Kind kind = Kind::kName;
  std::string_view text;  // a view into the source
  std::string decoded;    // of a string: raw bytes without quotes and escapes
  std::vector<ExpressionIndex> items;
  int depth = 1;
};
inline constexpr ExpressionIndex kNoExpression = UINT32_MAX;

struct Statement {
  enum class Kind : uint8_t {
    kAssign,     // targets = value; without targets an expression alone
    kAugmented,  // targets[0] op= value; `op` is "+"
    kReturn,     // value, or kNoExpression
    kUnread,     // of another form
  };
  Kind kind = Kind::kUnread;
  std::vector<ExpressionIndex> targets;  // x = y = value has two; a tuple is one
  ExpressionIndex value = kNoExpression;
  std::string_view op;
  std::string_view annotation;  // of the only target: "torch.Tensor"
  std::string_view text;        // the whole statement, without what a comment says
};

struct Parameter {
  std::string_view name;
  std::string_view annotation;  // may be empty
  uint8_t stars = 0;            // of *args and **kwargs
};

struct Function {
  std::string_view self;  // what it calls the module
  std::vector<Parameter> parameters;
  std::vector<Statement> statements;
  std::vector<Expression> expressions;
};

// The first function named `forward` in `source`, up to the end of its indented lines. nullopt when there is none, or
// its first line is of another form. Views into `source`. Linear.
std::optional<Function> ParseForward(std::string_view source);

}  // namespace pthview::fx
