#include "tools/archive/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "lib/base/json.h"

namespace pthview::archive {
namespace {

Error OsError(const std::string& path, const char* doing) {
  Error error{ErrorCode::kIo, std::string(doing) + ": " + std::strerror(errno), path};
  if (errno == ENOSPC || errno == EDQUOT) {
    error.message = "no space is left for the journal of the run";
    error.hint = "free some space and give the same command again: it goes on where it stopped";
  }
  return error;
}

std::string HeadOf(const Entry& entry) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("name").String(entry.name).Key("source").String(entry.source);
  json.Key("state").String(entry.state).Key("sha256").String(entry.sha256).Key("bytes").Uint(entry.bytes);
  json.Key("modified").Int(entry.modified).Key("rules").String(entry.rules).Key("same_as").String(entry.same_as);
  json.Key("format").String(entry.format).Key("verdict").String(entry.verdict).Key("error").String(entry.error);
  json.Key("losses").BeginArray().Uint(entry.dropped).Uint(entry.changed).Uint(entry.described).EndArray();
  json.Key("outputs").BeginArray();
  for (const OutputRecord& output : entry.outputs) {
    json.BeginArray().String(output.path).Uint(output.bytes).String(output.sha256).EndArray();
  }
  json.EndArray().EndObject();
  return text;
}

bool ParseHead(std::string_view text, Entry* entry) {
  const auto head = nlohmann::json::parse(text, nullptr, false);
  if (!head.is_object()) return false;
  auto get = [&](const char* key) {
    auto at = head.find(key);
    return at != head.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  entry->name = get("name");
  entry->source = get("source");
  entry->state = get("state");
  entry->sha256 = get("sha256");
  entry->rules = get("rules");
  entry->same_as = get("same_as");
  entry->format = get("format");
  entry->verdict = get("verdict");
  entry->error = get("error");
  entry->bytes = head.value("bytes", uint64_t{0});
  entry->modified = head.value("modified", int64_t{0});
  auto losses = head.find("losses");
  if (losses != head.end() && losses->is_array() && losses->size() == 3) {
    entry->dropped = (*losses)[0].get<uint64_t>();
    entry->changed = (*losses)[1].get<uint64_t>();
    entry->described = (*losses)[2].get<uint64_t>();
  }
  auto outputs = head.find("outputs");
  if (outputs != head.end() && outputs->is_array()) {
    for (const auto& output : *outputs) {
      if (output.is_array() && output.size() == 3) entry->outputs.push_back({output[0], output[1], output[2]});
    }
  }
  return !entry->name.empty();
}

void ParseAnnounced(std::string_view text, std::set<std::string>* paths) {
  const auto line = nlohmann::json::parse(text, nullptr, false);
  const auto at = line.is_object() ? line.find("placing") : line.end();
  if (!line.is_object() || at == line.end() || !at->is_array()) return;
  for (const auto& path : *at) {
    if (path.is_string()) paths->insert(path.get<std::string>());
  }
}

}  // namespace

std::string RowOfSame(const Entry& entry) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("source").String(entry.source).Key("name").String(entry.name).Key("state").String("same");
  json.Key("bytes").Uint(entry.bytes).Key("sha256").String(entry.sha256);
  json.Key("same_as").String(entry.same_as).EndObject();
  return text;
}

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(end_, other.end_);
  std::swap(entries_, other.entries_);
  std::swap(places_, other.places_);
  std::swap(stray_, other.stray_);
  return *this;
}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Journal> Journal::Open(const std::string& path) {
  Journal journal;
  journal.path_ = path;
  journal.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (journal.fd_ < 0) return OsError(path, "cannot open");
  PTHVIEW_TRY(journal.Read());
  return journal;
}

Status Journal::Read() {
  std::string buffer;
  std::string block(size_t{1} << 20, '\0');
  uint64_t at = 0;  // of buffer in the file
  for (uint64_t read_to = 0;;) {
    const ssize_t got = ::pread(fd_, block.data(), block.size(), static_cast<off_t>(read_to));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return OsError(path_, "cannot read");
    if (got == 0) break;
    read_to += static_cast<uint64_t>(got);
    buffer.append(block, 0, static_cast<size_t>(got));
    size_t line = 0;
    for (size_t end; (end = buffer.find('\n', line)) != std::string::npos; line = end + 1) {
      const std::string_view text = std::string_view(buffer).substr(line, end - line);
      const size_t tab = text.find('\t');
      Entry entry;
      if (tab == std::string_view::npos) {
        ParseAnnounced(text, &stray_);
      } else if (ParseHead(text.substr(0, tab), &entry)) {
        Take(std::move(entry), {at + line + tab + 1, text.size() - tab - 1});
      }
    }
    at += line;
    buffer.erase(0, line);
  }
  end_ = at;
  // A line without its end was being written when the power went.
  if (!buffer.empty() && ::ftruncate(fd_, static_cast<off_t>(end_)) != 0) return OsError(path_, "cannot shorten");
  return Ok();
}

void Journal::Take(Entry entry, Place place) {
  if (auto before = entries_.find(entry.name); before != entries_.end()) {
    for (const OutputRecord& output : before->second.outputs) stray_.insert(output.path);
  }
  for (const OutputRecord& output : entry.outputs) stray_.erase(output.path);
  std::string name = entry.name;
  places_[name] = place;
  entries_[std::move(name)] = std::move(entry);
}

Status Journal::Write(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t wrote = ::pwrite(fd_, text.data() + done, text.size() - done, static_cast<off_t>(end_ + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      Error error = OsError(path_, "cannot write");
      if (::ftruncate(fd_, static_cast<off_t>(end_)) != 0)
        error.hint += " (its last line is torn, and will be cut off)";
      return error;
    }
    done += static_cast<size_t>(wrote);
  }
  return Ok();
}

Status Journal::Announce(const std::vector<std::string>& paths) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("placing").BeginArray();
  for (const std::string& path : paths) json.String(path);
  json.EndArray().EndObject();
  text += '\n';
  PTHVIEW_TRY(Write(text));
  end_ += text.size();
  stray_.insert(paths.begin(), paths.end());
  return Ok();
}

Status Journal::Append(const std::vector<std::pair<Entry, std::string>>& lines) {
  std::string text;
  std::vector<Place> places;
  for (const auto& [entry, row] : lines) {
    text += HeadOf(entry);
    text += '\t';
    places.push_back({end_ + text.size(), row.size()});
    text += row;
    text += '\n';
  }
  PTHVIEW_TRY(Write(text));
  if (::fdatasync(fd_) != 0) return OsError(path_, "cannot sync");
  end_ += text.size();
  for (size_t i = 0; i < lines.size(); ++i) Take(lines[i].first, places[i]);
  return Ok();
}

Result<std::string> Journal::Row(const std::string& name) const {
  auto place = places_.find(name);
  if (place == places_.end()) return Error{ErrorCode::kInternal, "the journal has no such row", path_};
  std::string row(place->second.length, '\0');
  for (size_t done = 0; done < row.size();) {
    const ssize_t got =
        ::pread(fd_, row.data() + done, row.size() - done, static_cast<off_t>(place->second.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return OsError(path_, "cannot read");
    done += static_cast<size_t>(got);
  }
  return row;
}

}  // namespace pthview::archive
