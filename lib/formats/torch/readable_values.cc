#include "lib/formats/torch/readable_values.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/bytes.h"
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

// range(0, 5, 1), which Python 2 called xrange
std::string CallText(const Made& made) {
  std::string text = "(";
  for (Value arg : made.args) text += (text.size() == 1 ? "" : ", ") + pickle::Print(made.tree, arg, kMaxText);
  return (made.name == "xrange" ? "range" : EscapeName(made.ShortName())) + text + ")";
}

// getattr(Colour, 'RED'): how enums of newer Pythons name a member.
std::string MemberText(const Made& made) {
  if (made.args.size() != 2 || !made.args[0].Is(Kind::kGlobal) || !made.args[1].IsText()) return {};
  std::string_view type = made.tree.GlobalOf(made.args[0]).name;
  return EscapeName(type.substr(type.rfind('.') + 1)) + "." + EscapeName(made.args[1].Text());
}

// or_(or_(Flag.A, Flag.B), Flag.C): members of a Flag together.
std::string MembersText(const Made& made) {
  constexpr int kMostMembers = 64;
  std::string text;
  std::optional<Made> at = made;
  for (int i = 0; i < kMostMembers && at->name == "or_" && at->args.size() == 2; ++i) {
    auto right = TakeApart(made.tree, made.meanings, at->args[1]);
    auto left = TakeApart(made.tree, made.meanings, at->args[0]);
    if (!left || !right || right->name != "getattr") return {};
    text.insert(0, "|" + MemberText(*right));
    if (left->name == "getattr") return MemberText(*left) + text;
    at.emplace(*left);
  }
  return {};
}

// Days since 1970-01-01 as a date of the Gregorian calendar (which NumPy takes back to any year).
std::string DayText(int64_t days) {
  days += 719468;  // from 0000-03-01: years that end with February have their leap day last
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;  // months from March
  const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  return fmt::format("{:04}-{:02}-{:02}", year, month, day_of_year - (153 * shifted + 2) / 5 + 1);
}

// numpy.datetime64 and timedelta64: scalar(dtype('M8') + BUILD (4, '<', ..., (None, (unit, count, ...))), 8 bytes).
// Units longer than a day, and durations, stand as a number and the unit.
std::string NumpyTimeText(const Made& made, std::string_view code, const Value& dtype) {
  auto bytes = BytesOf(made.tree, made.meanings, made.args[1]);
  auto state = made.tree.StateItemsOf(made.tree.ObjectOf(dtype));
  auto metadata = state.empty() ? Args{} : made.tree.Sequence(state.back());
  auto unit_and_count = metadata.size() == 2 ? made.tree.Sequence(metadata[1]) : Args{};
  auto unit = unit_and_count.empty() ? std::nullopt : BytesOf(made.tree, made.meanings, unit_and_count[0]);
  if (!bytes || bytes->size() != 8 || !unit || unit->size() > 2 || IntAt(unit_and_count, 1) != 1) return {};
  const auto value = LoadLittle<int64_t>(bytes->data());
  const std::string name(reinterpret_cast<const char*>(unit->data()), unit->size());
  if (value == INT64_MIN) return "NaT";
  struct Unit {
    std::string_view name;
    int64_t a_day;
  };
  constexpr Unit kUnits[] = {{"D", 1},
                             {"h", 24},
                             {"m", 1440},
                             {"s", 86400},
                             {"ms", 86400'000},
                             {"us", 86400'000'000},
                             {"ns", 86400'000'000'000}};
  for (const Unit& row : kUnits) {
    if (row.name != name || code != "M8") continue;
    int64_t day = value / row.a_day;
    int64_t rest = value % row.a_day;
    if (rest < 0) {
      --day;
      rest += row.a_day;
    }
    constexpr int64_t kMostDays = int64_t{1} << 40;  // further away, a date says no more than the number
    if (day > kMostDays || day < -kMostDays) break;
    if (row.a_day == 1) return DayText(day);
    const int64_t seconds = row.a_day <= 86400 ? rest * (86400 / row.a_day) : rest / (row.a_day / 86400);
    std::string text =
        fmt::format("{} {:02}:{:02}:{:02}", DayText(day), seconds / 3600, seconds / 60 % 60, seconds % 60);
    const int64_t fraction = row.a_day <= 86400 ? 0 : rest % (row.a_day / 86400);
    const int digits = row.name == "ms" ? 3 : row.name == "us" ? 6 : 9;
    return fraction == 0 ? text : text + fmt::format(".{:0{}}", fraction, digits);
  }
  return fmt::format("{} {}", value, EscapeName(name));
}

// Scalars that are no plain element of a tensor.
std::string NumpyText(const Made& made) {
  if (made.args.size() != 2 || !made.args[0].Is(Kind::kObject)) return {};
  auto type = TakeApart(made.tree, made.meanings, made.args[0]);
  if (!type || type->args.empty() || !type->args[0].IsText()) return {};
  std::string_view code = type->args[0].Text();
  if (!code.empty() && std::string_view("<=|").find(code[0]) != std::string_view::npos) code.remove_prefix(1);
  return code == "M8" || code == "m8" ? NumpyTimeText(made, code, made.args[0]) : std::string();
}

struct Row {
  std::string_view module;
  std::string_view name;
  std::string (*text)(const Made&);
};
constexpr Row kRows[] = {
    {"datetime", "datetime", DateText},
    {"datetime", "date", DateText},
    {"datetime", "time", DateText},
    {"datetime", "timedelta", DeltaText},
    {"datetime", "timezone", ZoneText},
    {"uuid", "UUID", UuidText},
    {"decimal", "Decimal", ArgumentText},
    {"fractions", "Fraction", ArgumentText},
    {"builtins", "range", CallText},
    {"builtins", "slice", CallText},
    {"__builtin__", "xrange", CallText},
    {"__builtin__", "slice", CallText},
    {"_operator", "or_", MembersText},
    {"operator", "or_", MembersText},
    {"numpy.core.multiarray", "scalar", NumpyText},
    {"numpy._core.multiarray", "scalar", NumpyText},
    {"builtins", "getattr", MemberText},
    {"__builtin__", "getattr", MemberText},
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
