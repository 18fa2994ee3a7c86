#include "crypto/signature.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "crypto/primitives.h"
#include "crypto/private_file.h"

namespace redwall::crypto {
namespace {

constexpr std::string_view kLabel = "redwall-signing-v1 ";
constexpr std::size_t kSeedSize = crypto_sign_SEEDBYTES;
constexpr std::size_t kSeedText = 44;  // 32 bytes in base64, with padding
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;

static_assert(sizeof(Signature) == crypto_sign_BYTES);
static_assert(sizeof(PublicKey) == crypto_sign_PUBLICKEYBYTES);

const unsigned char* Raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* RawOut(MutableBytes bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

bool Decode(std::string_view text, MutableBytes out) {
  std::size_t size = 0;
  return sodium_base642bin(RawOut(out), out.size(), text.data(), text.size(), nullptr, &size,
                           nullptr, kBase64) == 0 &&
         size == out.size();
}

// `text` has one byte more than the base64, for the NUL that libsodium adds.
void Encode(ByteView bytes, char* text, std::size_t size) {
  sodium_bin2base64(text, size, Raw(bytes), bytes.size(), kBase64);
}

}  // namespace

std::optional<SigningKey> SigningKey::FromSeed(ByteView seed) {
  SigningKey key;
  key.secret_ = Secret(crypto_sign_SECRETKEYBYTES);
  if (seed.size() != kSeedSize || key.secret_.size() != crypto_sign_SECRETKEYBYTES ||
      crypto_sign_seed_keypair(RawOut(key.public_key_), RawOut(key.secret_.writable()),
                               Raw(seed)) != 0)
    return std::nullopt;
  return key;
}

Result<SigningKey, KeyError> SigningKey::ReadFile(const std::string& path) {
  const auto content = ReadPrivateFile(path, "redwall keygen --signing FILE");
  if (!content) return content.error();
  std::string_view text = AsText(content->bytes());
  if (text.ends_with('\n')) text.remove_suffix(1);
  Secret seed(kSeedSize);
  if (seed.empty()) return FileError(path, "cannot be read: no memory");
  if (!text.starts_with(kLabel) || text.size() != kLabel.size() + kSeedText ||
      !Decode(text.substr(kLabel.size()), seed.writable()))
    return FileError(path, "is not a signing key; make one with: redwall keygen --signing FILE");
  auto key = FromSeed(seed.bytes());
  if (!key) return FileError(path, "cannot be read: no memory");
  return *std::move(key);
}

bool SigningKey::Sign(ByteView message, Signature& signature) const {
  return secret_.size() == crypto_sign_SECRETKEYBYTES &&
         crypto_sign_detached(RawOut(signature), nullptr, Raw(message), message.size(),
                              Raw(secret_.bytes())) == 0;
}

bool VerifySignature(const PublicKey& key, ByteView message, const Signature& signature) {
  return crypto_sign_verify_detached(Raw(signature), Raw(message), message.size(), Raw(key)) == 0;
}

Result<PublicKey, KeyError> WriteNewSigningKey(const std::string& path) {
  Secret seed(kSeedSize);
  Secret line(kLabel.size() + kSeedText + 1);
  if (seed.empty() || line.empty() || !Random(seed.writable()))
    return FileError(path, "cannot be made: the system gave no randomness or memory");
  const auto key = SigningKey::FromSeed(seed.bytes());
  if (!key) return FileError(path, "cannot be made: the system gave no memory");
  char* const text = reinterpret_cast<char*>(line.writable().data());
  std::memcpy(text, kLabel.data(), kLabel.size());
  Encode(seed.bytes(), text + kLabel.size(), kSeedText + 1);
  text[line.size() - 1] = '\n';
  if (const auto written = WriteNewPrivateFile(path, line.bytes()); !written)
    return written.error();
  return key->public_key();
}

std::string FormatSignature(const Signature& signature) {
  std::string text(kSignatureText + 1, '\0');
  Encode(signature, text.data(), text.size());
  text.pop_back();
  return text;
}

std::optional<Signature> ParseSignature(std::string_view base64) {
  Signature signature{};
  if (base64.size() != kSignatureText || !Decode(base64, signature)) return std::nullopt;
  return signature;
}

}  // namespace redwall::crypto
