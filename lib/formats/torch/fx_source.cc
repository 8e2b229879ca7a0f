// A recursive descent over tokens, with Python's precedence. What is nested deeper than kDeepestExpression, and what
// torch.fx does not write (lambda, comprehensions, if/else), makes its statement an unread one.
#include "lib/formats/torch/fx_source.h"

#include <algorithm>
#include <utility>

#include "lib/formats/torch/fx_tokens.h"

namespace pthview::fx {
namespace {

using Kind = Expression::Kind;

// Binary operators by how tightly they bind; comparisons are one level, as in Python.
int Precedence(const Token& token) {
  struct Row {
    std::string_view op;
    int level;
  };
  static constexpr Row kRows[] = {{"or", 1}, {"and", 2}, {"in", 4},  {"is", 4}, {"not", 4}, {"<", 4},
                                  {">", 4},  {"<=", 4},  {">=", 4},  {"==", 4}, {"!=", 4},  {"|", 5},
                                  {"^", 6},  {"&", 7},   {"<<", 8},  {">>", 8}, {"+", 9},   {"-", 9},
                                  {"*", 10}, {"/", 10},  {"//", 10}, {"%", 10}, {"@", 10},  {"**", 12}};
  for (const Row& row : kRows) {
    if (token.Is(row.op)) return row.level;
  }
  return 0;
}
constexpr int kNot = 3;     // how tightly `not x` binds
constexpr int kUnary = 11;  // `-x`, which `**` binds tighter than

bool IsKeyword(std::string_view name) {
  static constexpr std::string_view kWords[] = {
      "if",     "else", "elif",   "for",      "while", "with",   "def",   "class",  "try",    "except", "raise",
      "assert", "del",  "lambda", "import",   "from",  "return", "yield", "global", "pass",   "break",  "async",
      "await",  "and",  "or",     "nonlocal", "in",    "is",     "not",   "as",     "finally"};
  return std::find(std::begin(kWords), std::end(kWords), name) != std::end(kWords);
}

class Parser {
 public:
  explicit Parser(std::string_view source) : source_(source), tokens_(source) { Advance(); }

  std::optional<Function> Read() {
    if (!FindForward() || !ReadParameters()) return std::nullopt;
    while (token_.kind != Token::Kind::kEnd) {
      if (token_.kind == Token::Kind::kNewline) {
        if (!token_.indented) break;
        Advance();
      } else if (token_.Is(";")) {
        Advance();
      } else {
        ReadStatement();
      }
    }
    return std::move(function_);
  }

 private:
  void Advance() {
    end_ = token_.kind == Token::Kind::kEnd ? end_ : EndOf(token_);
    token_ = tokens_.Next();
  }
  size_t EndOf(const Token& token) const {
    return static_cast<size_t>(token.text.data() - source_.data()) + token.text.size();
  }
  bool Take(std::string_view word) {
    if (!token_.Is(word)) return false;
    Advance();
    return true;
  }
  bool AtEndOfStatement() const {
    return token_.kind == Token::Kind::kEnd || token_.kind == Token::Kind::kNewline || token_.Is(";");
  }

  bool FindForward() {
    bool line_start = true;
    while (token_.kind != Token::Kind::kEnd) {
      if (line_start && token_.Is("def")) {
        Advance();
        if (token_.Is("forward")) {
          Advance();
          return Take("(");
        }
      }
      line_start = token_.kind == Token::Kind::kNewline;
      Advance();
    }
    return false;
  }

  // Up to the colon behind the parameters.
  bool ReadParameters() {
    bool first = true;
    while (!token_.Is(")")) {
      Parameter parameter;
      while (token_.Is("*") || token_.Is("**")) {
        parameter.stars = static_cast<uint8_t>(token_.text.size());
        Advance();
      }
      if (token_.kind == Token::Kind::kName) {
        parameter.name = token_.text;
        Advance();
        if (Take(":")) parameter.annotation = PassAnnotation();
        if (Take("=") && !Expr(0)) return false;
        if (first) {
          function_.self = parameter.name;
        } else {
          function_.parameters.push_back(parameter);
        }
        first = false;
      } else if (!token_.Is(",") && !token_.Is("/")) {
        return false;
      } else if (token_.Is("/")) {
        Advance();
      }
      if (!Take(",") && !token_.Is(")")) return false;
    }
    Advance();
    if (Take("->")) PassAnnotation();
    return Take(":");
  }

  // The text up to a comma, an equals sign, a colon or a bracket that belong to what is around it.
  std::string_view PassAnnotation() {
    const size_t begin = EndOf(token_) - token_.text.size();
    size_t open = 0;
    while (token_.kind != Token::Kind::kEnd && token_.kind != Token::Kind::kNewline) {
      const bool closes = token_.Is(")") || token_.Is("]") || token_.Is("}");
      if (open == 0 && (closes || token_.Is(",") || token_.Is("=") || token_.Is(":") || token_.Is(";"))) break;
      if (token_.Is("(") || token_.Is("[") || token_.Is("{")) ++open;
      if (closes) --open;
      Advance();
    }
    return end_ > begin ? source_.substr(begin, end_ - begin) : std::string_view();
  }

  void ReadStatement() {
    const size_t begin = EndOf(token_) - token_.text.size();
    const size_t expressions = function_.expressions.size();
    Statement statement;
    if (!TryStatement(statement) || !AtEndOfStatement()) {
      function_.expressions.resize(expressions);
      statement = {};
      while (!AtEndOfStatement()) Advance();
    }
    statement.text = source_.substr(begin, end_ - begin);
    function_.statements.push_back(std::move(statement));
  }

  bool TryStatement(Statement& statement) {
    if (Take("return")) {
      statement.kind = Statement::Kind::kReturn;
      if (AtEndOfStatement()) return true;
      auto value = ExprList();
      statement.value = value.value_or(kNoExpression);
      return value.has_value();
    }
    if (Take("pass")) {
      statement.kind = Statement::Kind::kAssign;
      return true;
    }
    auto first = ExprList();
    if (!first) return false;
    statement.kind = Statement::Kind::kAssign;
    statement.value = *first;
    if (token_.kind == Token::Kind::kOperator && token_.text.size() >= 2 && token_.text.ends_with('=') &&
        Precedence(token_) == 0) {
      statement.kind = Statement::Kind::kAugmented;
      statement.op = token_.text.substr(0, token_.text.size() - 1);
      statement.targets = {*first};
      Advance();
      auto value = ExprList();
      statement.value = value.value_or(kNoExpression);
      return value.has_value();
    }
    if (Take(":")) statement.annotation = PassAnnotation();
    while (Take("=")) {
      statement.targets.push_back(statement.value);
      auto value = ExprList();
      if (!value) return false;
      statement.value = *value;
    }
    return true;
  }

  std::optional<ExpressionIndex> Add(Expression expression) {
    for (ExpressionIndex item : expression.items) {
      if (item != kNoExpression) {
        expression.depth = std::max(expression.depth, function_.expressions[item].depth + 1);
      }
    }
    if (expression.depth > kDeepestExpression) return std::nullopt;
    function_.expressions.push_back(std::move(expression));
    return static_cast<ExpressionIndex>(function_.expressions.size() - 1);
  }

  // a, b, c without parentheses is a tuple.
  std::optional<ExpressionIndex> ExprList() {
    auto first = Starred();
    if (!first || !token_.Is(",")) return first;
    Expression tuple{.kind = Kind::kTuple, .items = {*first}};
    while (Take(",")) {
      if (AtEndOfStatement() || token_.Is("=")) break;
      auto item = Starred();
      if (!item) return item;
      tuple.items.push_back(*item);
    }
    return Add(std::move(tuple));
  }

  std::optional<ExpressionIndex> Starred() {
    if (!token_.Is("*") && !token_.Is("**")) return Expr(0);
    const std::string_view stars = token_.text;
    Advance();
    auto of = Expr(0);
    return of ? Add({.kind = Kind::kStarred, .text = stars, .items = {*of}}) : of;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestExpression at most
  std::optional<ExpressionIndex> Expr(int level) {
    if (++nested_ > kDeepestExpression) return --nested_, std::nullopt;
    auto left = Unary();
    while (left) {
      const int binds = Precedence(token_);
      if (binds == 0 || binds <= level) break;
      std::string_view op = token_.text;
      Advance();
      if (op == "not" && !token_.Is("in")) {
        left = std::nullopt;
        break;
      }
      if (op == "not" || (op == "is" && token_.Is("not"))) {
        op = op == "not" ? "not in" : "is not";
        Advance();
      }
      auto right = Expr(op == "**" ? binds - 1 : binds);
      left = right ? Add({.kind = Kind::kBinary, .text = op, .items = {*left, *right}}) : right;
    }
    --nested_;
    return left;
  }

  std::optional<ExpressionIndex> Unary() {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    for (std::string_view op : {"-", "+", "~", "not"}) {
      if (!token_.Is(op)) continue;
      Advance();
      auto of = Expr(op == "not" ? kNot : kUnary);
      return of ? Add({.kind = Kind::kUnary, .text = op, .items = {*of}}) : of;
    }
    auto value = Atom();
    while (value) {
      if (Take(".")) {
        if (token_.kind != Token::Kind::kName) return std::nullopt;
        value = Add({.kind = Kind::kAttribute, .text = token_.text, .items = {*value}});
        Advance();
      } else if (Take("(")) {
        Expression call{.kind = Kind::kCall, .items = {*value}};
        if (!Arguments(call.items)) return std::nullopt;
        value = Add(std::move(call));
      } else if (Take("[")) {
        auto index = Index();
        if (!index) return index;
        value = Add({.kind = Kind::kSubscript, .items = {*value, *index}});
      } else {
        break;
      }
    }
    return value;
  }

  bool Arguments(std::vector<ExpressionIndex>& items) {  // NOLINT(misc-no-recursion)
    while (!Take(")")) {
      auto argument = Starred();
      if (!argument) return false;
      if (token_.Is("=")) {
        Advance();
        const Expression& name = function_.expressions[*argument];
        if (name.kind != Kind::kName) return false;
        const std::string_view text = name.text;
        auto value = Expr(0);
        if (!value) return false;
        argument = Add({.kind = Kind::kKeyword, .text = text, .items = {*value}});
        if (!argument) return false;
      }
      items.push_back(*argument);
      if (!Take(",") && !token_.Is(")")) return false;
    }
    return true;
  }

  // What stands between square brackets, up to the closing one.
  std::optional<ExpressionIndex> Index() {  // NOLINT(misc-no-recursion)
    std::vector<ExpressionIndex> items;
    bool tuple = false;
    while (!token_.Is("]")) {
      auto item = SliceItem();
      if (!item) return item;
      items.push_back(*item);
      if (!Take(",")) break;
      tuple = true;
    }
    if (!Take("]") || items.empty()) return std::nullopt;
    if (!tuple) return items[0];
    return Add({.kind = Kind::kTuple, .items = std::move(items)});
  }

  std::optional<ExpressionIndex> SliceItem() {  // NOLINT(misc-no-recursion)
    Expression slice{.kind = Kind::kSlice, .items = {kNoExpression, kNoExpression, kNoExpression}};
    size_t part = 0;
    auto ends = [&] { return token_.Is(",") || token_.Is("]") || token_.Is(":"); };
    while (true) {
      if (!ends()) {
        auto value = Starred();
        if (!value) return value;
        slice.items[part] = *value;
      }
      if (!token_.Is(":")) break;
      if (++part > 2) return std::nullopt;
      Advance();
    }
    if (part == 0) {
      if (slice.items[0] == kNoExpression) return std::nullopt;
      return slice.items[0];
    }
    return Add(std::move(slice));
  }

  std::optional<ExpressionIndex> Atom() {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    const Token token = token_;
    switch (token.kind) {
      case Token::Kind::kName:
        if (IsKeyword(token.text)) return std::nullopt;
        Advance();
        return Add({.kind = Kind::kName, .text = token.text});
      case Token::Kind::kNumber: Advance(); return Add({.kind = Kind::kNumber, .text = token.text});
      case Token::Kind::kString: {
        Expression text{.kind = Kind::kString, .text = token.text, .decoded = DecodeString(token.text)};
        for (Advance(); token_.kind == Token::Kind::kString; Advance()) text.decoded += DecodeString(token_.text);
        return Add(std::move(text));
      }
      default: break;
    }
    if (Take("...")) return Add({.kind = Kind::kEllipsis, .text = token.text});
    if (Take("(")) return Items(Kind::kTuple, ")");
    if (Take("[")) return Items(Kind::kList, "]");
    if (Take("{")) return Braces();
    return std::nullopt;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestExpression at most
  std::optional<ExpressionIndex> Items(Kind kind, std::string_view close) {
    Expression list{.kind = kind};
    bool comma = false;
    while (!Take(close)) {
      auto item = Starred();
      if (!item) return item;
      list.items.push_back(*item);
      if (!Take(",")) {
        if (!token_.Is(close)) return std::nullopt;
      } else {
        comma = true;
      }
    }
    if (kind == Kind::kTuple && list.items.size() == 1 && !comma) return list.items[0];
    return Add(std::move(list));
  }

  std::optional<ExpressionIndex> Braces() {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    Expression braces{.kind = Kind::kDict};
    while (!Take("}")) {
      auto key = Starred();
      if (!key) return key;
      braces.items.push_back(*key);
      if (Take(":")) {
        auto value = Expr(0);
        if (!value) return value;
        braces.items.push_back(*value);
      } else {
        braces.kind = Kind::kSet;
      }
      if (!Take(",") && !token_.Is("}")) return std::nullopt;
    }
    if (braces.kind == Kind::kDict && braces.items.size() % 2 != 0) return std::nullopt;
    return Add(std::move(braces));
  }

  std::string_view source_;
  Tokens tokens_;
  Token token_;
  size_t end_ = 0;  // of the token before, in the source
  int nested_ = 0;
  Function function_;
};

}  // namespace

std::optional<Function> ParseForward(std::string_view source) { return Parser(source).Read(); }

}  // namespace pthview::fx
