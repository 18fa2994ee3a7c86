// Any text as a policy; where it is one, it decides and explains a few commands for two identities
// and for senders of whom more or less is known. Some laws hold whatever the policy says: what is
// forwarded in doubt is no less than what is refused in doubt leaves, and whoever is known less
// isn't allowed more.
#include "gateway/policy/policy.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/policy/state.h"
#include "resp/command_parser.h"
#include "resp/key_extractor.h"

namespace {

using namespace redwall::policy;

constexpr std::string_view kCommands[] = {
    "*2\r\n$3\r\nGET\r\n$5\r\napp:1\r\n",
    "*3\r\n$4\r\nMGET\r\n$5\r\napp:1\r\n$8\r\nsecret:1\r\n",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
    "*2\r\n$10\r\nPSUBSCRIBE\r\n$5\r\napp.*\r\n",
    "*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\napp.1\r\n",
    "*2\r\n$9\r\nFT.SEARCH\r\n$3\r\nidx\r\n",
    "*4\r\n$4\r\nSORT\r\n$1\r\nk\r\n$2\r\nBY\r\n$3\r\nw_*\r\n",
    "PING\r\n",
    "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n",
    "*5\r\n$4\r\nCOPY\r\n$5\r\napp:1\r\n$5\r\napp:2\r\n$2\r\nDB\r\n$1\r\n3\r\n",
    "*4\r\n$3\r\nSET\r\n$5\r\napp:1\r\n$1\r\nv\r\n$3\r\nGET\r\n",
    "*2\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n",
    // Heads: an argument that is too long to wait for is on its way.
    "*3\r\n$3\r\nSET\r\n$5\r\napp:1\r\n$100000\r\n",
    "*6\r\n$4\r\nMSET\r\n$5\r\napp:1\r\n$100000\r\n",
    "*9\r\n$4\r\nEVAL\r\n$100000\r\n",
};

void Check(bool holds) {
  if (!holds) std::abort();
}

const std::array<std::string, 2> kUsers = {"default", "app"};
const std::array<std::int64_t, 2> kDatabases = {0, 3};
constexpr std::int64_t kMonday = 1'795'435'200'000'000;  // 2026-11-23T12:00:00Z

Sender MakeSender(std::size_t first, std::size_t count, bool unknown, std::string_view from) {
  Sender sender;
  sender.users = {std::span(kUsers).subspan(first, count), unknown};
  sender.databases = {std::span(kDatabases).subspan(first, count), unknown};
  sender.address = from;
  sender.ip = redwall::IpAddress::OfPeer(from);
  sender.now = {1, kMonday};
  return sender;
}

struct Asked {
  redwall::resp::CommandParser parser;
  std::vector<redwall::resp::KeyRef> keys;
  const redwall::resp::CommandInfo* info = nullptr;
  redwall::resp::KeyStatus status = redwall::resp::KeyStatus::kUnknown;
  std::uint64_t arriving = 0;

  explicit Asked(std::string_view wire) {
    const auto parsed = parser.Parse(wire);
    const bool head = parsed == redwall::resp::ParseStatus::kHead;
    Check(head || parsed == redwall::resp::ParseStatus::kCommand);
    arriving = head ? 100'000 : 0;
    info = redwall::resp::CommandTable::Builtin().Find(parser.command());
    if (info != nullptr) status = redwall::resp::ExtractKeys(*info, parser.command(), keys);
  }
  Request From(const Sender& sender) const {
    return {parser.command(), info, keys, status, sender, arriving};
  }
};

Action Would(const Rules& rules, const Request& request) {
  const Decision decision = rules.Decide(request);
  Check(!decision.rule.empty());
  Check(decision.observed ? decision.action == Action::kAllow : decision.action == decision.would);
  const std::string reply = DenialText(decision, request.command.name());
  Check(reply.find_first_of("\r\n") == reply.npos);
  rules.NeedsMore(request);
  return decision.would;
}

bool HasRate(const Policy& policy) {
  for (const Rule& rule : policy.state().rules)
    if (rule.rate) return true;
  return false;
}

// Where doubt makes a deny match and an allow not, being sure can only be kinder, and forwarding in
// doubt too. (A bucket is emptied by asking: with rates nothing of this can be said.)
void CheckLaws(const Rules& refuse, const Rules& forward, const Asked& asked,
               std::string_view from) {
  const Sender first = MakeSender(0, 1, false, from), second = MakeSender(1, 1, false, from);
  const Sender both = MakeSender(0, 2, false, from), unsure = MakeSender(0, 2, true, from);
  const auto allows = [&](const Rules& rules, const Sender& sender) {
    return Would(rules, asked.From(sender)) == Action::kAllow;
  };
  for (const Sender& sender : {first, second, both, unsure})
    Check(!allows(refuse, sender) || allows(forward, sender));
  Check(!allows(refuse, unsure) || allows(refuse, both));
  Check(!allows(refuse, both) || (allows(refuse, first) && allows(refuse, second)));
  Check(!allows(forward, both) || allows(forward, unsure));
  Check(!allows(forward, first) || allows(forward, both));
  Check(!allows(forward, second) || allows(forward, both));
}

void Decide(const Policy& policy, std::string_view wire) {
  const Asked asked(wire);
  for (const std::string_view identity : {"site-a", ""}) {
    const auto refuse = policy.RulesFor(identity);
    const auto forward = policy.RulesFor(identity, Doubt::kForward);
    for (const std::string_view from : {"10.0.0.7:5000", "unix", ""}) {
      if (!HasRate(policy)) CheckLaws(*refuse, *forward, asked, from);
      const Sender sender = MakeSender(0, 2, true, from);
      Would(*refuse, asked.From(sender));
      Would(*forward, asked.From(sender));
      Check(Explain(policy, identity, asked.From(sender)).ends_with('\n'));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = Policy::Parse(text, "fuzz.json");
  if (!policy) {
    Check(policy.error().sentence.starts_with("fuzz.json: "));
    return 0;
  }
  for (const std::string_view wire : kCommands) Decide(**policy, wire);
  return 0;
}
