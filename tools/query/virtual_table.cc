#include "tools/query/virtual_table.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sqlite3.h>

#include "lib/base/text_hash.h"
#include "tools/query/tables.h"

namespace pthview::query {
namespace {

// A row's number in its table counts through all files, from 1. tensors and statistics have the same.
struct Place {
  size_t file = 0;
  size_t row = 0;
};

// A table with what has been worked out about it: where each file's rows begin, and the rows by text.
class Source {
 public:
  Source(Session& session, const Table& table) : session_(session), table_(table) {}

  Session& session() { return session_; }
  const Table& table() const { return table_; }

  size_t rows(size_t file) { return Starts()[file + 1] - starts_[file]; }
  size_t all_rows() { return Starts().back(); }
  size_t files() { return Starts().size() - 1; }
  size_t NumberOf(Place place) { return Starts()[place.file] + place.row + 1; }
  // False when there is no such row.
  bool PlaceOf(int64_t number, Place* place) {
    const std::vector<size_t>& starts = Starts();
    if (number < 1 || static_cast<uint64_t>(number) > starts.back()) return false;
    const auto index = static_cast<size_t>(number - 1);
    place->file = static_cast<size_t>(std::upper_bound(starts.begin(), starts.end(), index) - starts.begin()) - 1;
    place->row = index - starts[place->file];
    return true;
  }

  // The rows that may hold the text in the column: all that do, and seldom another, which SQLite passes over as it
  // compares once more. The first two times by looking at every row, which is less work than an index.
  std::vector<Place> RowsWith(size_t column, std::string_view text) {
    Index& index = indexes_[column];
    std::vector<Place> found;
    if (++index.asked <= 2) {
      EachText(column, [&](std::string_view other, size_t file, size_t row) {
        if (other == text) found.push_back({file, row});
      });
      return found;
    }
    if (index.asked == 3) {
      index.rows.reserve(all_rows());
      EachText(column, [&](std::string_view other, size_t file, size_t row) {
        index.rows.push_back({hash_(other), {file, row}});
      });
      std::ranges::stable_sort(index.rows, {}, &Entry::hash);
    }
    for (const Entry& entry : std::ranges::equal_range(index.rows, hash_(text), {}, &Entry::hash)) {
      found.push_back(entry.place);
    }
    return found;
  }

 private:
  const std::vector<size_t>& Starts() {
    if (!starts_.empty()) return starts_;
    starts_.push_back(0);
    const size_t files = table_.per_file ? session_.size() : 1;
    for (size_t file = 0; file < files; ++file) starts_.push_back(starts_.back() + table_.rows(session_, file));
    return starts_;
  }

  Session& session_;
  const Table& table_;
  std::vector<size_t> starts_;
  struct Entry {
    uint64_t hash;
    Place place;
  };
  struct Index {
    size_t asked = 0;
    std::vector<Entry> rows;
  };

  template <typename Use>
  void EachText(size_t column, const Use& use) {
    for (size_t file = 0; file < files(); ++file) {
      for (size_t row = 0; row < rows(file); ++row) {
        Cell cell;
        table_.columns[column].value({session_, file, row}, cell);
        if (cell.kind() == Cell::Kind::kText) use(cell.text(), file, row);
      }
    }
  }

  TextHash hash_;
  std::map<size_t, Index> indexes_;
};

struct VirtualTable : sqlite3_vtab {
  Source* source = nullptr;
};

struct Cursor : sqlite3_vtab_cursor {
  Source* source = nullptr;
  bool percentiles = false;
  bool single = false;  // one row that was named by its number
  bool by_list = false;
  std::vector<Place> list;
  std::string file;  // a list's rows of other files are passed over
  bool by_file = false;
  size_t in_list = 0;
  Place at;
  bool ended = false;
};

// How xBestIndex tells xFilter what it chose: bits of idxNum; the column of kByText stands above them.
enum Plan : unsigned { kByNumber = 1, kByText = 2, kByFile = 4, kPercentiles = 8 };
constexpr int kColumnShift = 8;

int Connect(sqlite3* db, void* extra, int, const char* const*, sqlite3_vtab** out, char**) {
  auto* source = static_cast<Source*>(extra);
  std::string columns;
  for (const Column& column : source->table().columns) {
    columns += fmt::format("{}\"{}\" {}", columns.empty() ? "" : ", ", column.name, column.type);
  }
  const int code = sqlite3_declare_vtab(db, fmt::format("CREATE TABLE x({})", columns).c_str());
  if (code != SQLITE_OK) return code;
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  auto* table = new VirtualTable{};
  table->source = source;
  *out = table;
  return SQLITE_OK;
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<VirtualTable*>(table);
  return SQLITE_OK;
}

// An index serves comparisons of texts as they are, not those that take upper and lower case for one.
bool IsBinary(sqlite3_index_info* info, int constraint) {
  const char* collation = sqlite3_vtab_collation(info, constraint);
  return collation == nullptr || std::strcmp(collation, "BINARY") == 0;
}

int BestIndex(sqlite3_vtab* base, sqlite3_index_info* info) {
  Source& source = *static_cast<VirtualTable*>(base)->source;
  const std::vector<Column>& columns = source.table().columns;
  int by_number = -1;
  int by_text = -1;
  int by_file = -1;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (constraint.usable == 0 || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (constraint.iColumn < 0) {
      by_number = i;
      continue;
    }
    if (!IsBinary(info, i)) continue;
    const Column& column = columns[static_cast<size_t>(constraint.iColumn)];
    if (column.name == "file") by_file = i;
    // A path is one tensor's, a name may be several's.
    if (column.indexed && (by_text < 0 || column.name == "path")) by_text = i;
  }
  unsigned plan = 0;
  int argument = 0;
  auto use = [&](int constraint, Plan bit) {
    if (constraint < 0) return;
    plan |= bit;
    info->aConstraintUsage[constraint].argvIndex = ++argument;
  };
  const auto rows = static_cast<double>(source.all_rows());
  if (by_number >= 0) {
    use(by_number, kByNumber);
    info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    info->estimatedRows = 1;
    info->estimatedCost = 1;
  } else if (by_text >= 0) {
    use(by_text, kByText);
    use(by_file, kByFile);
    plan |= static_cast<unsigned>(info->aConstraint[by_text].iColumn) << kColumnShift;
    info->estimatedRows = 2;
    info->estimatedCost = 4;
  } else {
    use(by_file, kByFile);
    const double share = by_file >= 0 ? 1 / static_cast<double>(std::max<size_t>(source.files(), 1)) : 1;
    info->estimatedRows = static_cast<sqlite3_int64>(rows * share) + 1;
    info->estimatedCost = rows * share * 2 + 10;
  }
  for (size_t c = 0; c < columns.size(); ++c) {
    // The last bit stands for all columns from 63 on.
    const bool used = (info->colUsed >> std::min<size_t>(c, 63) & 1) != 0;
    if (used && columns[c].percentile) plan |= kPercentiles;
  }
  info->idxNum = static_cast<int>(plan);
  return SQLITE_OK;
}

int Open(sqlite3_vtab* base, sqlite3_vtab_cursor** out) {
  auto* cursor = new Cursor{};
  cursor->source = static_cast<VirtualTable*>(base)->source;
  *out = cursor;
  return SQLITE_OK;
}

int CloseCursor(sqlite3_vtab_cursor* base) {
  delete static_cast<Cursor*>(base);
  return SQLITE_OK;
}

// From where a walk stands to the next row, over files without any.
void SkipToRow(Cursor& cursor) {
  if (cursor.by_list) {
    while (cursor.in_list < cursor.list.size()) {
      cursor.at = cursor.list[cursor.in_list];
      if (!cursor.by_file || cursor.source->session().model(cursor.at.file).file == cursor.file) return;
      ++cursor.in_list;
    }
    cursor.ended = true;
    return;
  }
  while (cursor.at.file < cursor.source->files()) {
    const bool of_file = !cursor.by_file || cursor.source->session().model(cursor.at.file).file == cursor.file;
    if (of_file && cursor.at.row < cursor.source->rows(cursor.at.file)) return;
    ++cursor.at.file;
    cursor.at.row = 0;
  }
  cursor.ended = true;
}

std::string_view TextOf(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return text == nullptr ? std::string_view() : std::string_view(text, static_cast<size_t>(sqlite3_value_bytes(value)));
}

int Filter(sqlite3_vtab_cursor* base, int number, const char*, int, sqlite3_value** values) {
  auto& cursor = *static_cast<Cursor*>(base);
  const auto plan = static_cast<unsigned>(number);
  Source* source = cursor.source;
  cursor.percentiles = (plan & kPercentiles) != 0;
  cursor.by_list = (plan & kByText) != 0;
  cursor.in_list = 0;
  cursor.at = {};
  cursor.ended = false;
  cursor.single = (plan & kByNumber) != 0;
  cursor.by_file = (plan & kByFile) != 0;
  int argument = 0;
  if (cursor.single) {
    // Only whole numbers are numbers of rows; SQLite checks the comparison once more.
    Place place;
    const bool found = sqlite3_value_numeric_type(values[argument]) == SQLITE_INTEGER &&
                       source->PlaceOf(sqlite3_value_int64(values[argument]), &place);
    cursor.ended = !found;
    cursor.at = place;
    return SQLITE_OK;
  }
  if ((plan & kByText) != 0) {
    sqlite3_value* value = values[argument++];
    cursor.ended = sqlite3_value_type(value) == SQLITE_NULL;
    if (!cursor.ended) cursor.list = source->RowsWith(plan >> kColumnShift, TextOf(value));
  }
  if (cursor.by_file) cursor.file = TextOf(values[argument]);
  if (!cursor.ended) SkipToRow(cursor);
  return SQLITE_OK;
}

int Next(sqlite3_vtab_cursor* base) {
  auto& cursor = *static_cast<Cursor*>(base);
  if (cursor.single) {
    cursor.ended = true;
    return SQLITE_OK;
  }
  if (cursor.by_list) {
    ++cursor.in_list;
  } else {
    ++cursor.at.row;
  }
  SkipToRow(cursor);
  return SQLITE_OK;
}

int IsEnd(sqlite3_vtab_cursor* base) { return static_cast<Cursor*>(base)->ended ? 1 : 0; }

int ReadColumn(sqlite3_vtab_cursor* base, sqlite3_context* context, int number) {
  auto& cursor = *static_cast<Cursor*>(base);
  Source& source = *cursor.source;
  Cell cell;
  source.table().columns[static_cast<size_t>(number)].value(
      {source.session(), cursor.at.file, cursor.at.row, cursor.percentiles}, cell);
  if (source.session().stopped()) return SQLITE_INTERRUPT;
  switch (cell.kind()) {
    case Cell::Kind::kNull: sqlite3_result_null(context); break;
    case Cell::Kind::kInteger: sqlite3_result_int64(context, cell.integer()); break;
    case Cell::Kind::kReal: sqlite3_result_double(context, cell.real()); break;
    case Cell::Kind::kText:
      sqlite3_result_text64(context, cell.text().data() == nullptr ? "" : cell.text().data(), cell.text().size(),
                            cell.made() ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
      break;
  }
  return SQLITE_OK;
}

int RowNumber(sqlite3_vtab_cursor* base, sqlite3_int64* out) {
  auto& cursor = *static_cast<Cursor*>(base);
  *out = static_cast<sqlite3_int64>(cursor.source->NumberOf(cursor.at));
  return SQLITE_OK;
}

// xCreate is null: a table that need not be created, one a connection.
constexpr sqlite3_module kModule = {
    .iVersion = 1,
    .xConnect = Connect,
    .xBestIndex = BestIndex,
    .xDisconnect = Disconnect,
    .xOpen = Open,
    .xClose = CloseCursor,
    .xFilter = Filter,
    .xNext = Next,
    .xEof = IsEnd,
    .xColumn = ReadColumn,
    .xRowid = RowNumber,
};

}  // namespace

int RegisterTables(sqlite3* db, Session& session) {
  for (const Table& table : Tables()) {
    const int code = sqlite3_create_module_v2(db, std::string(table.name).c_str(), &kModule, new Source(session, table),
                                              [](void* source) { delete static_cast<Source*>(source); });
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace pthview::query
