// Writing a pickle of protocol 2, as torch.save does, with no more opcodes than torch.load(weights_only=True) reads.
// Source: CPython Lib/pickle.py, torch/_weights_only_unpickler.py.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace pthview {

class PickleWriter {
 public:
  PickleWriter();

  void None() { out_ += 'N'; }
  void Bool(bool value) { out_ += value ? '\x88' : '\x89'; }
  void Int(int64_t value);
  // Decimal digits with a sign; false for what takes more than the 255 bytes that such a number may have here.
  bool BigInt(std::string_view digits);
  void Float(double value);
  // UTF-8, surrogates as ED A0..BF xx. Equal short ones are written once.
  void Text(std::string_view text);
  void Bytes(std::string_view bytes);
  void ByteArray(std::string_view bytes);
  void Global(std::string_view module, std::string_view name);

  void EmptyTuple() { out_ += ')'; }
  void EmptyList() { out_ += ']'; }
  void EmptyDict() { out_ += '}'; }
  void Mark() { out_ += '('; }
  void Tuple() { out_ += 't'; }  // of what stands behind the mark
  void Tuple1() { out_ += '\x85'; }
  void Appends() { out_ += 'e'; }
  void SetItems() { out_ += 'u'; }
  void Reduce() { out_ += 'R'; }
  void Build() { out_ += 'b'; }
  void PersistentId() { out_ += 'Q'; }

  // Remembers what was made last, and gives it again.
  uint32_t Put();
  void Get(uint32_t memo);

  size_t size() const { return out_.size(); }
  std::string Finish() &&;

 private:
  std::string out_;
  uint32_t memos_ = 0;
  std::unordered_map<std::string, uint32_t> texts_;
  std::map<std::pair<std::string, std::string>, uint32_t> globals_;
};

}  // namespace pthview
