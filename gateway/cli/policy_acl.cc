// policy acl.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "gateway/cli/commands.h"
#include "gateway/policy/acl.h"
#include "gateway/policy/policy.h"

namespace redwall::cli {
namespace {

struct Options {
  std::string file;
  policy::AclOptions acl;
  std::vector<std::string> without;
  bool aclfile = false;
};

std::string NamesOfConditions() {
  std::string out;
  for (const std::string_view name : policy::AclConditions())
    out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

// An error's text where the flags make no sense.
std::string CheckOptions(Options& options) {
  if (options.acl.user.empty()) options.acl.user = "redwall-" + options.acl.identity;
  if (!policy::IsAclUserName(options.acl.user))
    return "\"" + options.acl.user + "\" can't be the name of a Redis user, since it has white " +
           "space in it: give another one with --user";
  const auto& known = policy::AclConditions();
  for (const std::string& name : options.without) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return "--without: expected " + NamesOfConditions() + ", got \"" + name + "\"";
    options.acl.left_to_gateway.insert(name);
  }
  return {};
}

void Say(const std::string& note) { std::fprintf(stderr, "redwall: %s\n", note.c_str()); }

int PrintAcl(Options options) {
  if (const std::string wrong = CheckOptions(options); !wrong.empty())
    return Complain(wrong, kUsage);
  const auto policy = policy::Policy::ReadFile(options.file);
  if (!policy) return Complain(policy.error().sentence, kUsage);
  for (const std::string& warning : (*policy)->warnings()) Say("warning: " + warning);
  const policy::AclUser user = policy::MakeAclUser(**policy, options.acl);
  for (const std::string& note : user.notes) Say("note: " + note);
  Say("the user has no password, so nobody can be it yet; one is set by: ACL SETUSER " + user.name +
      " >PASSWORD");
  const std::string text =
      options.aclfile ? policy::AclFileLine(user) : policy::AclSetUserLine(user);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

}  // namespace

void AddPolicyAcl(CLI::App& policy, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* acl = policy.add_subcommand(
      "acl", "Print the same limits as a user of Redis's ACLs, for what scripts call");
  acl->add_option("FILE", options->file, "the policy")->required();
  acl->add_option("--as", options->acl.identity, "the identity of the agent")->required();
  acl->add_option("--user", options->acl.user, "the user's name (if left out: redwall-IDENTITY)");
  acl->add_flag("--aclfile", options->aclfile,
                "a line for an aclfile, not an ACL SETUSER for redis-cli");
  acl->add_flag("--strict", options->acl.strict,
                "no scripts where the policy asks for their keys, since an ACL can't");
  acl->add_option("--without", options->without,
                  "leave denies with these conditions to the gateway: " + NamesOfConditions())
      ->delimiter(',');
  acl->callback([options, &status] { status = PrintAcl(*options); });
}

}  // namespace redwall::cli
