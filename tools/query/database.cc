#include "tools/query/database.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "lib/analysis/names/suggest.h"
#include "tools/query/tables.h"
#include "tools/query/virtual_table.h"

namespace pthview::query {
namespace {

constexpr int kStepsBetweenLooks = 20'000;  // of the engine's machine: about a millisecond

constexpr std::string_view kOnlyReading = "only reading is allowed: one SELECT over the tables";
constexpr std::string_view kWhatThereIs = "SELECT * FROM columns  lists tables and columns";

// What else SQLite bounds, smaller than it comes.
constexpr std::array<std::pair<int, int>, 6> kLimits = {{
    {SQLITE_LIMIT_EXPR_DEPTH, 200},
    {SQLITE_LIMIT_COMPOUND_SELECT, 100},
    {SQLITE_LIMIT_VDBE_OP, 1'000'000},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
}};

// Reading tables and computing with what they hold; nothing else.
int Allow(void*, int action, const char*, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION:
      return second != nullptr && sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    default: return SQLITE_DENY;
  }
}

Value ValueOf(sqlite3_stmt* statement, int column) {
  Value value;
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      value.kind = Value::Kind::kInteger;
      value.integer = sqlite3_column_int64(statement, column);
      break;
    case SQLITE_FLOAT:
      value.kind = Value::Kind::kReal;
      value.real = sqlite3_column_double(statement, column);
      break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
      value.kind = sqlite3_column_type(statement, column) == SQLITE_TEXT ? Value::Kind::kText : Value::Kind::kBlob;
      // A text too: asked for as one it would be copied, for the sake of a zero behind it.
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
      const int size = sqlite3_column_bytes(statement, column);
      if (bytes != nullptr) value.text = {bytes, static_cast<size_t>(size)};
      break;
    }
    default: break;
  }
  return value;
}

// What stands behind "no such column: " and the like.
std::string_view Behind(std::string_view message, std::string_view start) {
  return message.starts_with(start) ? message.substr(start.size()) : std::string_view();
}

std::string NearColumn(std::string_view name) {
  name = name.substr(name.rfind('.') + 1);
  std::vector<std::string_view> names;
  for (const Table& table : Tables()) {
    for (const Column& column : table.columns) names.push_back(column.name);
  }
  auto near = Suggest(name, names, 1);
  if (near.empty()) return {};
  for (const Table& table : Tables()) {
    if (std::ranges::find(table.columns, near[0], &Column::name) == table.columns.end()) continue;
    return fmt::format("did you mean {}, of {}?", near[0], table.name);
  }
  return {};
}

std::string NearTable(std::string_view name) {
  std::vector<std::string_view> names;
  std::string all;
  for (const Table& table : Tables()) {
    names.push_back(table.name);
    all += fmt::format("{}{}", all.empty() ? "" : ", ", table.name == "values" ? "\"values\"" : table.name);
  }
  auto near = Suggest(name, names, 1);
  return near.empty() ? "the tables are " + all : fmt::format("did you mean {}?", near[0]);
}

bool HoldsWord(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); }) != text.end();
}

std::string HintFor(std::string_view message, const std::string& sql) {
  if (std::string_view column = Behind(message, "no such column: "); !column.empty()) {
    if (sql.find(fmt::format("\"{}\"", column)) != std::string::npos) {
      return fmt::format("a text stands in single quotes: '{}'", column);
    }
    std::string near = NearColumn(column);
    return !near.empty() ? near : std::string(kWhatThereIs);
  }
  if (std::string_view table = Behind(message, "no such table: "); !table.empty()) return NearTable(table);
  if (std::string_view column = Behind(message, "ambiguous column name: "); !column.empty()) {
    return fmt::format("say of which table: tensors.{}", column);
  }
  if (message.starts_with("near \"values\"") ||
      (message.find("syntax error") != message.npos && HoldsWord(sql, "from values"))) {
    return "the table \"values\" needs its double quotes";
  }
  return {};
}

}  // namespace

bool Clock::Over() const {
  if (seconds_ <= 0) return false;
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 > seconds_;
}

void Database::Close::operator()(sqlite3* db) const { sqlite3_close(db); }

Database::Database(sqlite3* db, const Limits& limits)
    : db_(db), limits_(limits), clock_(std::make_unique<Clock>(limits.seconds)) {}

Result<Database> Database::Open(Session& session, const Limits& limits) {
  sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);  // refused, and not needed, once SQLite is in use
  sqlite3* db = nullptr;
  const int opened = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database made(db, limits);
  auto refuse = [&] { return Error{.code = ErrorCode::kInternal, .message = "SQLite does not start"}; };
  if (opened != SQLITE_OK) return refuse();
  sqlite3_hard_heap_limit64(limits.memory);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  // "text" is a column, never a text.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  for (const auto& [what, most] : kLimits) sqlite3_limit(db, what, most);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, limits.longest_value);
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, limits.longest_query);
  // Sorting never writes a file.
  if (sqlite3_exec(db, "PRAGMA temp_store=MEMORY", nullptr, nullptr, nullptr) != SQLITE_OK) return refuse();
  if (RegisterTables(db, session) != SQLITE_OK) return refuse();
  // Tables come to be when they are first named, which the rules for queries would not allow.
  for (const Table& table : Tables()) {
    const std::string naming = fmt::format("PRAGMA table_info(\"{}\")", table.name);
    if (sqlite3_exec(db, naming.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return refuse();
  }
  sqlite3_set_authorizer(db, Allow, nullptr);
  sqlite3_progress_handler(
      db, kStepsBetweenLooks, [](void* clock) { return static_cast<Clock*>(clock)->Over() ? 1 : 0; },
      made.clock_.get());
  return made;
}

Error Database::Explain(int code, const std::string& sql) const {
  Error error{.code = ErrorCode::kUsage, .message = sqlite3_errmsg(db_.get()), .record = "SQL"};
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("it takes more than {:g} seconds of processor time", limits_.seconds),
                   .record = "SQL",
                   .hint = "--max-time N allows more; 0: any"};
    case SQLITE_NOMEM:
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("it takes more than {} MiB of memory", limits_.memory >> 20),
                   .record = "SQL",
                   .hint = "LIMIT, or less to sort"};
    case SQLITE_TOOBIG:
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("a text or the query itself is too long (limits: {} MiB and {} MiB)",
                                          limits_.longest_value >> 20, limits_.longest_query >> 20),
                   .record = "SQL"};
    case SQLITE_AUTH: error.message = "not authorized"; break;
    default: break;
  }
  const bool changes = error.message.starts_with("table ") && error.message.ends_with(" may not be modified");
  if (changes || error.message == "not authorized") {
    error.message = kOnlyReading;
    error.hint = kWhatThereIs;
    return error;
  }
  const int offset = sqlite3_error_offset(db_.get());
  if (offset >= 0 && static_cast<size_t>(offset) <= sql.size()) error.offset = static_cast<uint64_t>(offset);
  error.hint = HintFor(error.message, sql);
  if (error.hint.empty() && error.offset && *error.offset < sql.size()) {
    constexpr size_t kShown = 40;
    const bool longer = *error.offset + kShown < sql.size();
    error.hint = fmt::format("look at: {}{}", sql.substr(*error.offset, kShown), longer ? "..." : "");
  }
  return error;
}

Status Database::Run(const std::string& sql, RowSink& sink) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int prepared = sqlite3_prepare_v3(
      db_.get(), sql.c_str(), static_cast<int>(std::min<size_t>(sql.size() + 1, INT32_MAX)), 0, &statement, &rest);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(statement, sqlite3_finalize);
  if (prepared != SQLITE_OK) return Explain(prepared, sql);
  if (statement == nullptr) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "it asks for nothing",
                 .record = "SQL",
                 .hint = "\"SELECT name, shape FROM tensors\""};
  }
  // Blanks and comments behind the statement are none; a second one is not run, so it must not be there.
  sqlite3_stmt* second = nullptr;
  const int more = sqlite3_prepare_v3(db_.get(), rest, -1, 0, &second, nullptr);
  sqlite3_finalize(second);
  if (second != nullptr || more != SQLITE_OK) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "one SELECT at a time",
                 .record = "SQL",
                 .offset = static_cast<uint64_t>(rest - sql.c_str()),
                 .hint = "run the second by itself"};
  }
  const int count = sqlite3_column_count(statement);
  if (count == 0) {
    return Error{.code = ErrorCode::kUsage,
                 .message = std::string(kOnlyReading),
                 .record = "SQL",
                 .hint = std::string(kWhatThereIs)};
  }
  std::vector<std::string> names;
  for (int c = 0; c < count; ++c) {
    const char* name = sqlite3_column_name(statement, c);
    names.emplace_back(name == nullptr ? "" : name);
  }
  sink.Begin(names);
  std::vector<Value> values(static_cast<size_t>(count));
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return Ok();
    if (code != SQLITE_ROW) return Explain(code, sql);
    for (int c = 0; c < count; ++c) values[static_cast<size_t>(c)] = ValueOf(statement, c);
    sink.Row(values);
  }
}

}  // namespace pthview::query
