#include "plugins/torchscript/places.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/serialization/pickle.h>

namespace pthview::torchscript {
namespace {

constexpr size_t kLongestLine = 400;

bool IsTorchs(std::string_view file) {
  return file.starts_with('<') || file.find("/site-packages/torch/") != std::string_view::npos ||
         file.find("/dist-packages/torch/") != std::string_view::npos || file.starts_with("code/__torch__/torch/");
}

std::string Trimmed(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
  return std::string(line.substr(0, kLongestLine));
}

std::string_view LineAt(std::string_view text, size_t at) {
  at = std::min(at, text.size());
  size_t begin = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  begin = begin == std::string_view::npos ? 0 : begin + 1;
  return text.substr(begin, std::min(text.find('\n', at), text.size()) - begin);
}

// A trace's source text is the stack of Python at that moment, innermost first: "/a/model.py(97): forward\n...".
std::optional<Place> InnermostOfStack(std::string_view text) {
  std::optional<Place> first;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const size_t number = line.rfind('(', line.find("): "));
    if (line.find("): ") == std::string_view::npos || number == std::string_view::npos) return first;
    const std::string_view digits = line.substr(number + 1, line.find("): ") - number - 1);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return first;
    Place place{.location = std::string(line.substr(0, number)) + ":" + std::string(digits)};
    place.torchs = IsTorchs(line.substr(0, number));
    if (!place.torchs) return place;
    if (!first) first = std::move(place);
  }
  return first;
}

}  // namespace

struct Places::Records {
  struct Text {
    std::string text;
    std::string file;
    int64_t first_line = 0;
  };
  struct Row {
    size_t offset;  // in the compiled source
    const Text* text;
    size_t start;
  };
  std::map<const void*, Text> texts;  // by the tuple in the pickle
  std::vector<Row> rows;              // by offset
  std::map<size_t, Place> places;     // by offset in the compiled source

  // False when the pickle is not of this form.
  bool Read(const std::string& bytes) {
    at_ = torch::jit::unpickle(bytes.data(), bytes.size());
    if (!at_.isTuple()) return false;
    auto elements = at_.toTupleRef().elements().vec();
    std::vector<c10::IValue> table;
    if (elements.size() == 3 && elements[0].isString()) {
      if (!elements[1].isTuple() || !elements[2].isTuple()) return false;
      table = elements[1].toTupleRef().elements().vec();
      elements = c10::IValue(elements[2]).toTupleRef().elements().vec();
    }
    for (const c10::IValue& record : elements) {
      if (!record.isTuple()) return false;
      const auto& fields = record.toTupleRef().elements();
      if (fields.size() < 2 || !fields[0].isInt() || !fields[1].isTuple()) return false;
      const auto& range = fields[1].toTupleRef().elements();
      if (range.size() != 3 || !range[0].isTuple() || !range[1].isInt()) return false;
      const Text* text = TextOf(range[0], table);
      if (text == nullptr) return false;
      rows.push_back({static_cast<size_t>(std::max<int64_t>(fields[0].toInt(), 0)), text,
                      static_cast<size_t>(std::max<int64_t>(range[1].toInt(), 0))});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.offset < b.offset; });
    return true;
  }

 private:
  const Text* TextOf(const c10::IValue& tuple, const std::vector<c10::IValue>& table) {
    const void* key = &tuple.toTupleRef();
    if (auto found = texts.find(key); found != texts.end()) return &found->second;
    const auto& fields = tuple.toTupleRef().elements();
    if (fields.size() != 3 || !fields[2].isInt()) return nullptr;
    auto entry = [&](int64_t index) {
      const bool good =
          index >= 0 && static_cast<size_t>(index) < table.size() && table[static_cast<size_t>(index)].isString();
      return good ? std::string_view(table[static_cast<size_t>(index)].toStringRef()) : std::string_view();
    };
    Text text{.first_line = fields[2].toInt()};
    if (fields[0].isString()) {
      text.text = fields[0].toStringRef();
    } else if (fields[0].isIntList()) {
      for (int64_t index : fields[0].toIntList()) {
        // Lines may be named many times: a text is not longer than any source has reason to be.
        if (text.text.size() > (size_t{16} << 20)) return nullptr;
        text.text += entry(index);
      }
    }
    if (fields[1].isString()) text.file = fields[1].toStringRef();
    if (fields[1].isInt()) text.file = entry(fields[1].toInt());
    return &texts.emplace(key, std::move(text)).first->second;
  }

  c10::IValue at_;  // keeps the tuples, whose addresses are keys
};

Places::Places(const std::unordered_map<const torch::jit::Source*, const proto::ScriptSource*>& sources)
    : sources_(sources) {}

Places::~Places() = default;

const Places::Records* Places::RecordsOf(const torch::jit::Source* source) {
  auto [at, is_new] = records_.try_emplace(source);
  if (!is_new) return at->second.get();
  auto row = sources_.find(source);
  if (row == sources_.end()) return nullptr;
  at->second = std::make_unique<Records>();
  try {
    if (!row->second->ranges().empty() && !at->second->Read(row->second->ranges())) at->second->rows.clear();
  } catch (const std::exception&) {  // only names of places are lost
    at->second->rows.clear();
  }
  return at->second.get();
}

const Place* Places::Find(const torch::jit::SourceRange& range) {
  const auto& source = range.source();
  if (source == nullptr) return nullptr;
  auto* records = const_cast<Records*>(RecordsOf(source.get()));
  if (records == nullptr) return nullptr;
  auto [at, is_new] = records->places.try_emplace(range.start());
  Place& place = at->second;
  if (!is_new) return &place;
  auto row = std::upper_bound(records->rows.begin(), records->rows.end(), range.start(),
                              [](size_t offset, const Records::Row& r) { return offset < r.offset; });
  if (row != records->rows.begin()) {
    --row;
    const Records::Text& text = *row->text;
    if (auto stack = InnermostOfStack(text.text)) {
      place = std::move(*stack);
      return &place;
    }
    if (!text.file.empty()) {
      const size_t start = std::min(row->start, text.text.size());
      const auto lines = std::count(text.text.begin(), text.text.begin() + static_cast<ptrdiff_t>(start), '\n');
      place.location = text.file + ":" + std::to_string(text.first_line + lines);
      place.text = Trimmed(LineAt(text.text, start));
      place.torchs = IsTorchs(text.file);
      return &place;
    }
  }
  if (auto where = range.file_line_col()) {
    place.location = std::get<0>(*where) + ":" + std::to_string(std::get<1>(*where));
    place.text = Trimmed(LineAt(sources_.at(source.get())->text(), range.start()));
    place.torchs = IsTorchs(place.location);
  }
  return &place;
}

}  // namespace pthview::torchscript
