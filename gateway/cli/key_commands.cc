// keygen and pubkey.
#include <cstdio>
#include <memory>
#include <string>

#include "crypto/key_file.h"
#include "crypto/signature.h"
#include "gateway/cli/commands.h"

namespace redwall::cli {
namespace {

struct Options {
  std::string file;
  bool identity = false;
  bool signing = false;
};

int Keygen(const Options& options) {
  if (!options.identity && !options.signing) {
    const auto written = crypto::WriteNewSharedKey(options.file);
    return written ? kDone : Complain(written.error().sentence, kFailed);
  }
  const auto key = options.signing ? crypto::WriteNewSigningKey(options.file)
                                   : crypto::WriteNewIdentity(options.file);
  if (!key) return Complain(key.error().sentence, kFailed);
  std::printf("%s\n", crypto::FormatPublicKey(*key).c_str());
  return kDone;
}

int Pubkey(const std::string& file) {
  const auto print = [](const crypto::PublicKey& key) {
    std::printf("%s\n", crypto::FormatPublicKey(key).c_str());
    return kDone;
  };
  // Each kind says in its first word what it is, so that a file is never both.
  if (const auto signing = crypto::SigningKey::ReadFile(file)) return print(signing->public_key());
  const auto identity = crypto::ReadIdentity(file);
  return identity ? print(identity->public_key) : Complain(identity.error().sentence, kFailed);
}

}  // namespace

void AddKeyCommands(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* keygen = app.add_subcommand(
      "keygen",
      "Make a shared key: 32 random bytes, mode 0600; an existing file is never overwritten. With "
      "--identity: a static key pair; with --signing: a key that signs the audit");
  keygen->add_option("FILE", options->file, "the file to write")->required();
  CLI::Option* identity = keygen->add_flag(
      "--identity", options->identity, "make a static key pair instead, and print its public key");
  keygen
      ->add_flag("--signing", options->signing,
                 "make a key that signs the audit instead, and print its public key")
      ->excludes(identity);
  keygen->callback([options, &status] { status = Keygen(*options); });

  CLI::App* pubkey =
      app.add_subcommand("pubkey", "Print the public key of an identity or of a signing key");
  pubkey->add_option("FILE", options->file, "the identity's or signing key's file")->required();
  pubkey->callback([options, &status] { status = Pubkey(options->file); });
}

}  // namespace redwall::cli
