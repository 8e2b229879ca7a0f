// Which values there are, while they are few: the levels of a quantized or ternary weight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pthview {

class DistinctValues {
 public:
  static constexpr size_t kMost = 256;

  // NaN and infinities are none; the two zeros are one.
  void Add(std::span<const float> values);
  void Add(std::span<const double> values);
  void Merge(const DistinctValues& other);

  bool many() const { return many_; }             // more than kMost
  size_t size() const { return values_.size(); }  // without meaning when there are many
  std::vector<double> Sorted() const;

 private:
  template <typename T>
  void AddAll(std::span<const T> values);
  void Insert(double value);

  bool many_ = false;
  std::vector<double> values_;
  std::vector<uint16_t> slots_;  // open addressing: 1 + index into values_, 0 free
};

}  // namespace pthview
