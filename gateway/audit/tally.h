// Counting in bounded memory, for reports over files of any length.
#ifndef REDWALL_GATEWAY_AUDIT_TALLY_H_
#define REDWALL_GATEWAY_AUDIT_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace redwall::audit {

// Durations by size, each known to 1/8 of its value.
class Histogram {
 public:
  void Add(std::int64_t us);
  void Add(const Histogram& other);
  std::uint64_t count() const { return count_; }
  std::int64_t most() const { return most_; }
  // The least duration that this part (0 to 1) of all don't exceed; 0 where there is none.
  std::int64_t Quantile(double part) const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::int64_t most_ = 0;
};

struct Tally {
  std::uint64_t count = 0, errors = 0, denied = 0, bytes_in = 0, bytes_out = 0;
};

// The names that come most often. Exact up to kMost names; beyond, rare ones are forgotten, and
// each count may be up to missed() too low.
class TopTally {
 public:
  static constexpr std::size_t kMost = 100000;
  Tally& at(std::string_view name);
  std::uint64_t missed() const { return missed_; }
  std::size_t size() const { return tallies_.size(); }
  std::vector<std::pair<std::string, Tally>> Top(std::size_t most) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  void ForgetTheRare();

  std::unordered_map<std::string, Tally, Hash, std::equal_to<>> tallies_;
  std::uint64_t missed_ = 0;
};

// What happened in pieces of time that become longer as the whole does: at most some 200.
class TimeSeries {
 public:
  struct Slot {
    std::uint64_t ok = 0, errors = 0, denied = 0, unanswered = 0;
    Histogram us;
    std::uint64_t total() const { return ok + errors + denied + unanswered; }
  };
  Slot& at(std::int64_t time_us);
  std::int64_t width_us() const { return width_; }
  // By number; a slot's time starts at number * width_us().
  const std::map<std::int64_t, Slot>& slots() const { return slots_; }

 private:
  void Widen();

  std::size_t step_ = 0;
  std::int64_t width_ = 10000;
  std::map<std::int64_t, Slot> slots_;
};

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_TALLY_H_
