#include "lib/formats/torch/readable_values.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/formats/torch/numpy_arrays.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Tree;
using pickle::Value;
using enum GlobalKind;

namespace {

using Args = std::span<const Value>;

constexpr size_t kMaxText = 400;  // bytes of what is printed in Python's notation

// An object taken apart: its class by name, what it is made of, and its state.
struct Made {
  const Tree& tree;
  const std::vector<GlobalMeaning>& meanings;
  std::string_view module;
  std::string_view name;
  Args args;
  const Value* state = nullptr;

  std::string_view ShortName() const { return name.substr(name.rfind('.') + 1); }
};

GlobalKind KindOf(const std::vector<GlobalMeaning>& meanings, Value callable) {
  return callable.Is(Kind::kGlobal) ? meanings[callable.index].kind : kUnknown;
}

std::optional<Made> TakeApart(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value value) {
  if (!value.Is(Kind::kObject)) return std::nullopt;
  const Object& object = tree.ObjectOf(value);
  Made made{tree, meanings, {}, {}, tree.Sequence(object.args), tree.StateOf(object)};
  Value type = object.callable;
  GlobalKind kind = KindOf(meanings, type);
  if ((kind == kReconstructor || kind == kNewObject) && !made.args.empty()) {
    type = made.args[0];
    made.args = kind == kNewObject ? made.args.subspan(1) : Args{};
  }
  if (!type.Is(Kind::kGlobal)) return std::nullopt;
  made.module = tree.GlobalOf(type).module;
  made.name = tree.GlobalOf(type).name;
  return made;
}

int64_t IntAt(Args args, size_t i) { return i < args.size() && args[i].Is(Kind::kInt) ? args[i].integer : 0; }

// "+01:00"; seconds from UTC within a day, as timezone() takes them.
std::string OffsetText(int64_t seconds) {
  const char sign = seconds < 0 ? '-' : '+';
  const int64_t minutes = (seconds < 0 ? -seconds : seconds) / 60;
  return fmt::format("{}{:02}:{:02}", sign, minutes / 60, minutes % 60);
}

// timezone(timedelta(days, seconds)) as seconds; nullopt for the zones of other classes.
std::optional<int64_t> SecondsOfZone(const Made& of, Value zone) {
  auto made = TakeApart(of.tree, of.meanings, zone);
  if (!made || made->module != "datetime" || made->name != "timezone" || made->args.empty()) return std::nullopt;
  auto delta = TakeApart(of.tree, of.meanings, made->args[0]);
  if (!delta || delta->name != "timedelta") return std::nullopt;
  const int64_t days = IntAt(delta->args, 0);
  const int64_t seconds = IntAt(delta->args, 1);
  if (days < -1 || days > 1 || seconds < 0 || seconds > 86400) return std::nullopt;
  return days * 86400 + seconds;
}

std::string Fraction(unsigned microseconds) {
  return microseconds == 0 ? std::string() : fmt::format(".{:06}", microseconds);
}

// datetime(b'yymdHMSfff' [, tzinfo]), date(b'yymd'), time(b'HMSfff' [, tzinfo]): years and microseconds big-endian.
std::string DateText(const Made& made) {
  constexpr size_t kMostText = 40;  // of 10 bytes, whatever they are written as
  if (made.args.empty()) return {};
  Value text_of = made.args[0];
  if (text_of.Is(Kind::kObject)) {
    Args inner = made.tree.Sequence(made.tree.ObjectOf(text_of).args);
    if (!inner.empty()) text_of = inner[0];
  }
  if (!text_of.IsText() || text_of.length > kMostText) return {};
  auto bytes = BytesOf(made.tree, made.meanings, made.args[0]);
  if (!bytes) return {};
  auto at = [&](size_t i) { return static_cast<unsigned>((*bytes)[i]); };
  std::string text;
  size_t clock = 0;
  if (bytes->size() == 10 || bytes->size() == 4) {
    const unsigned month = at(2) & 0x7F;  // the highest bit is `fold`
    text = fmt::format("{:04}-{:02}-{:02}", at(0) << 8 | at(1), month, at(3));
    if (bytes->size() == 4) return text;
    text += ' ';
    clock = 4;
  } else if (bytes->size() != 6) {
    return {};
  }
  text += fmt::format("{:02}:{:02}:{:02}{}", at(clock) & 0x7F, at(clock + 1), at(clock + 2),
                      Fraction(at(clock + 3) << 16 | at(clock + 4) << 8 | at(clock + 5)));
  if (made.args.size() > 1) {
    auto zone = SecondsOfZone(made, made.args[1]);
    text += zone ? OffsetText(*zone) : " " + pickle::Print(made.tree, made.args[1], kMaxText);
  }
  return text;
}

std::string DeltaText(const Made& made) {
  const int64_t days = IntAt(made.args, 0);
  const int64_t seconds = IntAt(made.args, 1);
  const int64_t fraction = IntAt(made.args, 2);
  if (seconds < 0 || seconds >= 86400 || fraction < 0 || fraction >= 1000000) return {};
  return fmt::format("{}{}:{:02}:{:02}{}",
                     days == 0 ? "" : fmt::format("{} day{}, ", days, days == 1 || days == -1 ? "" : "s"),
                     seconds / 3600, seconds / 60 % 60, seconds % 60, Fraction(static_cast<unsigned>(fraction)));
}

std::string ZoneText(const Made& made) {
  auto delta = made.args.empty() ? std::nullopt : TakeApart(made.tree, made.meanings, made.args[0]);
  if (!delta) return {};
  const int64_t seconds = IntAt(delta->args, 0) * 86400 + IntAt(delta->args, 1);
  return seconds == 0 ? "UTC" : "UTC" + OffsetText(seconds);
}

// State {'int': N}, N a number of 128 bits.
std::string UuidText(const Made& made) {
  if (made.state == nullptr || !made.state->Is(Kind::kDict)) return {};
  for (const Pair& pair : made.tree.Dict(*made.state)) {
    if (!pair.first.IsText() || pair.first.Text() != "int") continue;
    std::array<unsigned, 16> bytes{};  // the lowest first
    if (pair.second.Is(Kind::kInt) && pair.second.integer >= 0) {
      for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned>(pair.second.integer >> (8 * i)) & 0xFF;
    } else if (pair.second.Is(Kind::kBigInt) && !pair.second.flag && pair.second.length <= 17) {
      std::string_view little = pair.second.Text();
      for (size_t i = 0; i < std::min<size_t>(little.size(), 16); ++i) bytes[i] = static_cast<uint8_t>(little[i]);
    } else {
      return {};
    }
    std::string text;
    for (size_t i = 16; i-- > 0;) {
      text += fmt::format("{:02x}", bytes[i]);
      if (i == 12 || i == 10 || i == 8 || i == 6) text += '-';
    }
    return text;
  }
  return {};
}

std::string PathText(const Made& made) {
  const char separator = made.name.find("Windows") == std::string_view::npos ? '/' : '\\';
  std::string text;
  for (Value part : made.args) {
    if (!part.IsText()) return {};
    const bool joined = !text.empty() && text.back() != '/' && text.back() != '\\';
    if (joined) text += separator;
    text += part.Text();
  }
  return EscapeName(text.empty() ? "." : text);
}

// Decimal('1.5'), Fraction('3/4')
std::string ArgumentText(const Made& made) {
  return made.args.size() == 1 && made.args[0].IsText() ? EscapeName(made.args[0].Text()) : std::string();
}

// range(0, 5, 1)
std::string CallText(const Made& made) {
  std::string text = "(";
  for (Value arg : made.args) text += (text.size() == 1 ? "" : ", ") + pickle::Print(made.tree, arg, kMaxText);
  return EscapeName(made.ShortName()) + text + ")";
}

// getattr(Colour, 'RED'): how enums of newer Pythons name a member.
std::string MemberText(const Made& made) {
  if (made.args.size() != 2 || !made.args[0].Is(Kind::kGlobal) || !made.args[1].IsText()) return {};
  std::string_view type = made.tree.GlobalOf(made.args[0]).name;
  return EscapeName(type.substr(type.rfind('.') + 1)) + "." + EscapeName(made.args[1].Text());
}

struct Row {
  std::string_view module;
  std::string_view name;
  std::string (*text)(const Made&);
};
constexpr Row kRows[] = {
    {"datetime", "datetime", DateText},   {"datetime", "date", DateText},          {"datetime", "time", DateText},
    {"datetime", "timedelta", DeltaText}, {"datetime", "timezone", ZoneText},      {"uuid", "UUID", UuidText},
    {"decimal", "Decimal", ArgumentText}, {"fractions", "Fraction", ArgumentText}, {"builtins", "range", CallText},
    {"builtins", "slice", CallText},      {"__builtin__", "xrange", CallText},     {"__builtin__", "slice", CallText},
    {"builtins", "getattr", MemberText},  {"__builtin__", "getattr", MemberText},
};

bool IsPlain(Value value) {
  switch (value.kind) {
    case Kind::kNone:
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
    case Kind::kString:
    case Kind::kBytes: return true;
    default: return false;
  }
}

}  // namespace

std::string ReadableText(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value value) {
  auto made = TakeApart(tree, meanings, value);
  if (!made) return {};
  for (const Row& row : kRows) {
    if (row.name == made->name && row.module == made->module) return row.text(*made);
  }
  if (made->module.starts_with("pathlib") && made->name.ends_with("Path")) return PathText(*made);
  // A member of an enum is a call of its class with its value, and nothing is set on it.
  const Object& object = tree.ObjectOf(value);
  const bool alone = made->args.size() == 1 && IsPlain(made->args[0]) && made->state == nullptr &&
                     tree.ItemsOf(object).empty() && tree.DictItemsOf(object).empty();
  if (alone && KindOf(meanings, object.callable) == kUnknown && !made->ShortName().empty()) return CallText(*made);
  return {};
}

Value WithoutConfigNodes(const Tree& tree, Value value) {
  for (int depth = 0; depth < 16 && value.Is(Kind::kObject); ++depth) {
    const Object& object = tree.ObjectOf(value);
    Value type = object.callable;
    Args args = tree.Sequence(object.args);
    if (type.Is(Kind::kGlobal) && tree.GlobalOf(type).name == "_reconstructor" && !args.empty()) type = args[0];
    if (!type.Is(Kind::kGlobal) || !tree.GlobalOf(type).module.starts_with("omegaconf.")) return value;
    const Value* state = tree.StateOf(object);
    if (state == nullptr || !state->Is(Kind::kDict)) return value;
    const Value* inside = nullptr;
    for (const Pair& pair : tree.Dict(*state)) {
      if (pair.first.IsText() && (pair.first.Text() == "_content" || pair.first.Text() == "_val"))
        inside = &pair.second;
    }
    if (inside == nullptr) return value;
    value = *inside;
  }
  return value;
}

}  // namespace pthview
