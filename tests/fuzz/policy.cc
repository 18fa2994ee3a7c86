// Any text as a policy; where it is one, it decides and explains a few commands for two identities.
#include "gateway/policy/policy.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_parser.h"
#include "resp/key_extractor.h"

namespace {

using redwall::policy::Action;

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
};

void Check(bool holds) {
  if (!holds) std::abort();
}

void Decide(const redwall::policy::Policy& policy, std::string_view wire) {
  const auto& table = redwall::resp::CommandTable::Builtin();
  redwall::resp::CommandParser parser;
  Check(parser.Parse(wire) == redwall::resp::ParseStatus::kCommand);
  const auto& command = parser.command();
  const auto* info = table.Find(command);
  std::vector<redwall::resp::KeyRef> keys;
  auto status = redwall::resp::KeyStatus::kUnknown;
  if (info != nullptr) status = redwall::resp::ExtractKeys(*info, command, keys);
  const redwall::policy::Request request{command, info, keys, status};
  for (const std::string_view identity : {"site-a", ""}) {
    const auto decision = policy.RulesFor(identity)->Decide(request);
    Check(!decision.rule.empty());
    Check(decision.observed ? decision.action == Action::kAllow
                            : decision.action == decision.would);
    const std::string reply = redwall::policy::DenialText(decision, command.name());
    Check(reply.find_first_of("\r\n") == reply.npos);
    Check(redwall::policy::Explain(policy, identity, request).ends_with('\n'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = redwall::policy::Policy::Parse(text, "fuzz.json");
  if (!policy) {
    Check(policy.error().sentence.starts_with("fuzz.json: "));
    return 0;
  }
  for (const std::string_view wire : kCommands) Decide(**policy, wire);
  return 0;
}
