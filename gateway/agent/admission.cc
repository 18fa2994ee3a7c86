#include "gateway/agent/admission.h"

#include <algorithm>
#include <cassert>

#include "base/network.h"

namespace redwall::agent {
namespace {

constexpr std::string_view kUnix = "unix";
constexpr std::size_t kSubnetBytes = 8;  // of an IPv6 address: what one host has for itself

}  // namespace

// A peer of whom the kernel doesn't say where it is (it has left already) counts as one source.
Admission::Source Admission::SourceOf(std::string_view peer_address) {
  const auto address = IpAddress::OfPeer(peer_address);
  if (!address) return {};
  Source source = address->bytes;
  if (!address->is_v4()) std::fill(source.begin() + kSubnetBytes, source.end(), std::uint8_t{0});
  return source;
}

bool Admission::Crowded(std::uint32_t random) const {
  if (present_ >= limits_.full) return true;
  if (present_ < limits_.start) return false;
  // The chance, in percent and times the distance from start to full, so that nothing is rounded.
  const std::uint64_t distance = limits_.full - limits_.start;
  const std::uint64_t beyond = present_ - limits_.start;
  const std::uint64_t chance = limits_.rate * (distance - beyond) + 100 * beyond;
  return std::uint64_t{random} * 100 * distance < chance * kDice;
}

Admission::Verdict Admission::Admit(std::string_view peer_address, std::uint32_t random) {
  const bool is_unix = peer_address == kUnix;
  const Source source = is_unix ? Source{} : SourceOf(peer_address);
  const auto known = is_unix ? sources_.end() : sources_.find(source);
  if (known != sources_.end() && known->second >= limits_.per_source) {
    ++counters_.too_many_of_source;
    return Verdict::kTooManyOfSource;
  }
  if (Crowded(random)) {
    ++counters_.crowded;
    return Verdict::kCrowded;
  }
  if (!is_unix) ++sources_[source];
  ++present_;
  ++counters_.taken;
  return Verdict::kTaken;
}

void Admission::Release(std::string_view peer_address) {
  assert(present_ > 0);
  --present_;
  if (peer_address == kUnix) return;
  const auto known = sources_.find(SourceOf(peer_address));
  assert(known != sources_.end());
  if (known == sources_.end()) return;  // a count that is off is better than an agent that crashes
  if (--known->second == 0) sources_.erase(known);
}

}  // namespace redwall::agent
