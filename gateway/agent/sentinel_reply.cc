#include "gateway/agent/sentinel_reply.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "gateway/agent/host_text.h"

namespace redwall::agent {
namespace {

using net::Reply;

// Errors to ROLE that are about who asks, not about the server.
constexpr std::string_view kNotForUs[] = {"NOAUTH ", "NOPERM ", "ERR unknown command"};

// The value of a name in a flat list of names and values. Empty where there is none.
std::string_view Field(const Reply& entry, std::string_view name) {
  for (std::size_t i = 0; i + 1 < entry.elements.size(); i += 2) {
    if (!entry.elements[i].is_text() || entry.elements[i].text != name) continue;
    const Reply& value = entry.elements[i + 1];
    return value.is_text() ? std::string_view(value.text) : std::string_view();
  }
  return {};
}

bool IsUsable(const Reply& replica) {
  const std::string_view flags = Field(replica, "flags");
  if (HasFlag(flags, "s_down") || HasFlag(flags, "o_down") || HasFlag(flags, "disconnected"))
    return false;
  return Field(replica, "master-link-status") == "ok";
}

std::optional<net::Address> AddressOf(const Reply& entry) {
  return ReadHostAndPort(Field(entry, "ip"), Field(entry, "port"));
}

}  // namespace

Result<net::Address, SentinelReplyError> ReadMasterAddress(const Reply& reply,
                                                           std::string_view master) {
  if (reply.type == Reply::Type::kError)
    return SentinelReplyError{"answered with an error: " + reply.quoted()};
  if (reply.type == Reply::Type::kNil)
    return SentinelReplyError{"doesn't know a master '" + std::string(master) + "'"};
  const auto& elements = reply.elements;
  if (elements.size() == 2 && elements[0].is_text() && elements[1].is_text()) {
    auto address = ReadHostAndPort(elements[0].text, elements[1].text);
    if (address) return std::move(*address);
  }
  return SentinelReplyError{"didn't answer with an address; is it a Sentinel?"};
}

std::vector<SentinelReplica> ReadReplicas(const Reply& reply) {
  std::vector<SentinelReplica> replicas;
  for (const Reply& entry : reply.elements) {
    auto address = AddressOf(entry);
    if (address && replicas.size() < kMaxReplicas)
      replicas.push_back({std::move(*address), IsUsable(entry)});
  }
  return replicas;
}

std::vector<net::Address> ReadSentinels(const Reply& reply) {
  std::vector<net::Address> sentinels;
  for (const Reply& entry : reply.elements) {
    auto address = AddressOf(entry);
    if (address && sentinels.size() < kMaxSentinels) sentinels.push_back(std::move(*address));
  }
  return sentinels;
}

Role ReadRole(const Reply& reply) {
  if (reply.type == Reply::Type::kError) {
    for (const std::string_view refusal : kNotForUs)
      if (reply.text.starts_with(refusal)) return Role::kUntold;
    return Role::kNotReady;
  }
  if (reply.elements.empty() || !reply.elements.front().is_text()) return Role::kNotReady;
  const std::string& role = reply.elements.front().text;
  if (role == "master") return Role::kMaster;
  return role == "slave" || role == "replica" ? Role::kReplica : Role::kNotReady;
}

bool IsSwitchOf(std::string_view message, std::string_view master) {
  return message.starts_with(master) && message.substr(master.size()).starts_with(' ');
}

}  // namespace redwall::agent
