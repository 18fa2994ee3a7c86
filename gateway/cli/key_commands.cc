// keygen and pubkey.
#include <cstdio>
#include <memory>

#include "crypto/key_file.h"
#include "gateway/cli/commands.h"

namespace redwall::cli {
namespace {

int Keygen(const std::string& file, bool identity) {
  if (!identity) {
    const auto written = crypto::WriteNewSharedKey(file);
    return written ? kDone : Complain(written.error().sentence, kFailed);
  }
  const auto key = crypto::WriteNewIdentity(file);
  if (!key) return Complain(key.error().sentence, kFailed);
  std::printf("%s\n", crypto::FormatPublicKey(*key).c_str());
  return kDone;
}

int Pubkey(const std::string& file) {
  const auto identity = crypto::ReadIdentity(file);
  if (!identity) return Complain(identity.error().sentence, kFailed);
  std::printf("%s\n", crypto::FormatPublicKey(identity->public_key).c_str());
  return kDone;
}

}  // namespace

void AddKeyCommands(CLI::App& app, int& status) {
  struct Options {
    std::string file;
    bool identity = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* keygen = app.add_subcommand(
      "keygen",
      "Make a shared key: 32 random bytes, mode 0600; an existing file is never overwritten");
  keygen->add_option("FILE", options->file, "the file to write")->required();
  keygen->add_flag("--identity", options->identity,
                   "make a static key pair instead, and print its public key");
  keygen->callback([options, &status] { status = Keygen(options->file, options->identity); });

  CLI::App* pubkey = app.add_subcommand("pubkey", "Print the public key of an identity file");
  pubkey->add_option("FILE", options->file, "the identity file")->required();
  pubkey->callback([options, &status] { status = Pubkey(options->file); });
}

}  // namespace redwall::cli
