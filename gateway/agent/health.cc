#include "gateway/agent/health.h"

#include <set>
#include <utility>

namespace redwall::agent {
namespace {

constexpr std::uint64_t kProbeMs = 1000;

}  // namespace

struct Health::Down {
  Down(net::Loop& loop, net::Address where) : address(std::move(where)), next(loop) {}
  const net::Address address;
  std::string why;
  bool refused = false;
  net::Timer next;
  std::optional<net::Dial> dial;
};

Health::Health(net::Loop& loop, std::uint64_t timeout_ms,
               std::function<void(const net::Address&)> back)
    : loop_(loop), timeout_ms_(timeout_ms), back_(std::move(back)) {}

Health::~Health() = default;

std::optional<std::string> Health::WhyDown(const net::Address& address) const {
  const auto found = down_.find(address.ToString());
  if (found == down_.end()) return std::nullopt;
  return found->second->why;
}

bool Health::Hangs(const net::Address& address) const {
  const auto found = down_.find(address.ToString());
  return found != down_.end() && !found->second->refused;
}

void Health::OnReached(const net::Address& address) {
  if (!down_.empty()) down_.erase(address.ToString());
}

void Health::OnUnreachable(const net::Address& address, const std::string& why, bool refused) {
  auto& down = down_[address.ToString()];
  const bool is_new = down == nullptr;
  if (is_new) down = std::make_unique<Down>(loop_, address);
  down->why = why;
  down->refused = refused;
  if (!is_new) return;
  down->next.Start(kProbeMs, 0, [this, &probed = *down] { Probe(probed); });
}

void Health::Retain(const std::vector<net::Address>& addresses) {
  std::set<std::string> kept;
  for (const net::Address& address : addresses) kept.insert(address.ToString());
  std::erase_if(down_, [&](const auto& item) { return !kept.contains(item.first); });
}

void Health::Probe(Down& down) {
  down.dial.emplace(loop_, down.address, timeout_ms_,
                    [this, &down](Result<net::Socket, net::DialError> socket) {
                      if (socket) {
                        const net::Address address = down.address;
                        OnReached(address);  // `down` is gone
                        return back_(address);
                      }
                      down.why = socket.error().sentence;
                      down.refused = socket.error().refused;
                      down.dial.reset();
                      down.next.Start(kProbeMs, 0, [this, &down] { Probe(down); });
                    });
}

}  // namespace redwall::agent
