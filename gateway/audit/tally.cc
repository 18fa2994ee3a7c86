#include "gateway/audit/tally.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

namespace redwall::audit {
namespace {

constexpr unsigned kBits = 3;  // each power of two has 2^kBits classes
constexpr std::int64_t kMaxSlots = 200;

std::size_t ClassOf(std::uint64_t value) {
  if (value < (1U << kBits)) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kBits;
  return ((std::size_t{shift} + 1) << kBits) + ((value >> shift) & ((1U << kBits) - 1));
}

// The largest value of a class.
std::uint64_t MostOf(std::size_t index) {
  if (index < (1U << kBits)) return index;
  const std::size_t shift = (index >> kBits) - 1;
  const std::uint64_t first = ((1U << kBits) + (index & ((1U << kBits) - 1)));
  return ((first + 1) << shift) - 1;
}

std::int64_t FloorDivide(std::int64_t value, std::int64_t by) {
  return value >= 0 ? value / by : -((-value + by - 1) / by);
}

}  // namespace

void Histogram::Add(std::int64_t us) {
  const std::size_t index = ClassOf(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)));
  if (counts_.size() <= index) counts_.resize(index + 1);
  ++counts_[index];
  ++count_;
  most_ = std::max(most_, us);
}

void Histogram::Add(const Histogram& other) {
  if (counts_.size() < other.counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  most_ = std::max(most_, other.most_);
}

std::int64_t Histogram::Quantile(double part) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    if (below >= std::max<std::uint64_t>(rank, 1))
      return std::min(static_cast<std::int64_t>(MostOf(i)), most_);
  }
  return most_;
}

Tally& TopTally::at(std::string_view name) {
  if (const auto found = tallies_.find(name); found != tallies_.end()) return found->second;
  if (tallies_.size() >= kMost) ForgetTheRare();
  return tallies_.emplace(name, Tally{}).first->second;
}

// The rarer half goes; what goes had at most missed_ each, in this round and all before.
void TopTally::ForgetTheRare() {
  std::vector<std::uint64_t> counts;
  counts.reserve(tallies_.size());
  for (const auto& [name, tally] : tallies_) counts.push_back(tally.count);
  const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::nth_element(counts.begin(), middle, counts.end());
  const std::uint64_t bound = *middle;
  missed_ += bound;
  std::erase_if(tallies_, [bound](const auto& entry) { return entry.second.count <= bound; });
}

std::vector<std::pair<std::string, Tally>> TopTally::Top(std::size_t most) const {
  std::vector<std::pair<std::string, Tally>> all(tallies_.begin(), tallies_.end());
  const auto more = [](const auto& a, const auto& b) {
    return a.second.count != b.second.count ? a.second.count > b.second.count : a.first < b.first;
  };
  const std::size_t kept = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(), more);
  all.resize(kept);
  return all;
}

TimeSeries::Slot& TimeSeries::at(std::int64_t time_us) {
  for (;;) {
    const std::int64_t number = FloorDivide(time_us, width_);
    if (slots_.empty()) return slots_[number];
    const std::int64_t first = std::min(number, slots_.begin()->first);
    const std::int64_t last = std::max(number, std::prev(slots_.end())->first);
    if (last - first < kMaxSlots) return slots_[number];
    Widen();
  }
}

// 10 ms, 100 ms, 1 s, 5 s, 15 s, 1 min, 5 min, 15 min, 1 h, 6 h, 1 day, 7 days, and tens of these.
void TimeSeries::Widen() {
  constexpr std::int64_t kFactors[] = {10, 10, 5, 3, 4, 5, 3, 4, 6, 4, 7};
  const std::int64_t factor = step_ < std::size(kFactors) ? kFactors[step_] : 10;
  ++step_;
  width_ *= factor;
  std::map<std::int64_t, Slot> wider;
  for (const auto& [number, slot] : slots_) {
    Slot& to = wider[FloorDivide(number, factor)];
    to.ok += slot.ok;
    to.errors += slot.errors;
    to.denied += slot.denied;
    to.unanswered += slot.unanswered;
    to.us.Add(slot.us);
  }
  slots_ = std::move(wider);
}

}  // namespace redwall::audit
