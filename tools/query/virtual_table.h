// The tables of a session as virtual tables of SQLite.
#pragma once

#include "tools/query/session.h"

struct sqlite3;

namespace pthview::query {

// Registers every table of Tables() with the connection; they exist without being created. An error code of SQLite.
// `session` outlives the connection.
int RegisterTables(sqlite3* db, Session& session);

}  // namespace pthview::query
