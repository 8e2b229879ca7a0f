// SQL over a session's tables, by SQLite. It can only read: one SELECT at a time, no file but those of the session, no
// pragmas, no extensions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "tools/query/session.h"

struct sqlite3;

namespace pthview::query {

// Of a result. Texts live until the next row.
struct Value {
  enum class Kind : uint8_t { kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNull;
  int64_t integer = 0;
  double real = 0;
  std::string_view text;  // of a blob: its bytes
};

// What takes the rows of a result, as they are found.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void Begin(std::span<const std::string> columns) = 0;
  virtual void Row(std::span<const Value> values) = 0;
};

struct Limits {
  double seconds = 0;                 // of processor time; 0: none
  int64_t memory = int64_t{1} << 30;  // bytes that the engine may hold
  int longest_value = 64 << 20;       // bytes
  int longest_query = 1 << 20;        // bytes
};

// Whether a process's processor time has passed a limit.
class Clock {
 public:
  explicit Clock(double seconds) : seconds_(seconds) {}
  bool Over() const;

 private:
  double seconds_;
};

class Database {
 public:
  // `session` outlives it.
  static Result<Database> Open(Session& session, const Limits& limits);
  Database(Database&&) = default;
  Database& operator=(Database&&) = default;

  // Rows that were found before an error have been handed out. kUsage for what is no query, or no allowed one, with the
  // byte in it and what may have been meant; kLimit when it takes more than it may.
  Status Run(const std::string& sql, RowSink& sink);

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(sqlite3* db, const Limits& limits);
  Error Explain(int code, const std::string& sql) const;

  std::unique_ptr<sqlite3, Close> db_;
  Limits limits_;
  std::unique_ptr<Clock> clock_;
};

}  // namespace pthview::query
