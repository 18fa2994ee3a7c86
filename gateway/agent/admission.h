// Admission: who may hold a connection that has not proved itself yet.
//
// Two limits. A source (an IPv4 address, or an IPv6 /64, since one host has all of that) holds at
// most `per_source`. And of all together, as OpenSSH's MaxStartups start:rate:full: below `start`
// everybody is taken; from `start` on each newcomer is refused with a chance of `rate` percent,
// which grows linearly to all of them at `full`.
//
// Nobody who was taken gives way to a newcomer. If the oldest did, a flood that brings `full`
// strangers within one round trip would push out each agent before its handshake is over: from that
// rate on no agent would ever get in, however often it tried, and the longer its line the earlier.
// So the flood is turned away instead. What a stranger holds it holds for the handshake's time-out
// at most, so that `full` places come free in each such time, and whoever has one keeps it for as
// long as a handshake needs. An agent that is refused tries again after a back-off with jitter, and
// has the same chance each time, so that even under a flood that never ends it waits for its turn
// and not for the flood's end. The chance is higher the more sources the flood would need, for a
// single one has `per_source` places only and `start` begins behind it.
//
// Sans-IO: randomness is given in. Memory is bounded: a source is known for as long as one of its
// connections is here. Every Admit that took one is followed by one Release.
#ifndef REDWALL_GATEWAY_AGENT_ADMISSION_H_
#define REDWALL_GATEWAY_AGENT_ADMISSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

namespace redwall::agent {

struct AdmissionLimits {
  std::size_t start = 10;  // connections; not less than `full` means: no early refusals
  std::size_t rate = 30;   // percent, up to 100
  std::size_t full = 100;
  std::size_t per_source = 4;
};

class Admission {
 public:
  enum class Verdict : std::uint8_t { kTaken, kTooManyOfSource, kCrowded };
  struct Counters {
    std::uint64_t taken = 0, too_many_of_source = 0, crowded = 0;
  };
  static constexpr std::uint32_t kDice = 1'000'000;

  explicit Admission(const AdmissionLimits& limits) : limits_(limits) {}

  // `peer_address` as the socket tells it: "192.0.2.7:1234", "[2001:db8::1]:1234", "unix" (whose
  // peers are no sources: only the limits of all together count). `random` is evenly spread below
  // kDice.
  Verdict Admit(std::string_view peer_address, std::uint32_t random);
  // One that was taken has proved itself, or is gone.
  void Release(std::string_view peer_address);

  std::size_t present() const { return present_; }
  const Counters& counters() const { return counters_; }  // since the start

 private:
  using Source = std::array<std::uint8_t, 16>;
  static Source SourceOf(std::string_view peer_address);
  bool Crowded(std::uint32_t random) const;

  const AdmissionLimits limits_;
  std::size_t present_ = 0;
  std::map<Source, std::size_t> sources_;  // how many of each are present, at least one
  Counters counters_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_ADMISSION_H_
