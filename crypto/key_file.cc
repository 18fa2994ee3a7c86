#include "crypto/key_file.h"

#include <sodium.h>

#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "crypto/primitives.h"
#include "crypto/private_file.h"

namespace redwall::crypto {
namespace {

constexpr std::string_view kPskLabel = "redwall tunnel psk v1";
constexpr std::string_view kIdentityLabel = "redwall-identity-v1 ";
constexpr std::size_t kBase64Key = 44;  // 32 bytes in base64, with padding
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;

bool DecodeKey(std::string_view text, MutableBytes key) {
  std::size_t size = 0;
  return text.size() == kBase64Key && key.size() == kKeySize &&
         sodium_base642bin(reinterpret_cast<unsigned char*>(key.data()), key.size(), text.data(),
                           text.size(), nullptr, &size, nullptr, kBase64) == 0 &&
         size == kKeySize;
}

// `text` has kBase64Key + 1 bytes, for the NUL that libsodium adds.
void EncodeKey(ByteView key, char* text) {
  sodium_bin2base64(text, kBase64Key + 1, reinterpret_cast<const unsigned char*>(key.data()),
                    key.size(), kBase64);
}

}  // namespace

Result<SharedKey, KeyError> ReadSharedKey(const std::string& path) {
  const auto content = ReadPrivateFile(path);
  if (!content) return content.error();
  SharedKey key;
  key.name = std::filesystem::path(path).stem().string();
  key.psk = Secret(kKeySize);
  if (!Blake2b(key.hint, {content->bytes()}) ||
      !Blake2b(key.psk.writable(), {content->bytes()}, AsBytes(kPskLabel)))
    return FileError(path, "cannot be read: no memory");
  return key;
}

Result<Identity, KeyError> ReadIdentity(const std::string& path) {
  const auto content = ReadPrivateFile(path, "redwall keygen --identity FILE");
  if (!content) return content.error();
  std::string_view text = AsText(content->bytes());
  if (text.ends_with('\n')) text.remove_suffix(1);
  Identity identity;
  identity.private_key = Secret(kKeySize);
  if (!text.starts_with(kIdentityLabel) ||
      !DecodeKey(text.substr(kIdentityLabel.size()), identity.private_key.writable()))
    return FileError(path, "is not an identity; make one with: redwall keygen --identity FILE");
  if (!PublicKeyOf(identity.private_key.bytes(), identity.public_key))
    return FileError(path, "holds a key that cannot be used");
  return identity;
}

Result<void, KeyError> WriteNewSharedKey(const std::string& path) {
  Secret key(kKeySize);
  if (key.empty() || !Random(key.writable()))
    return FileError(path, "cannot be made: the system gave no randomness or memory");
  return WriteNewPrivateFile(path, key.bytes());
}

Result<PublicKey, KeyError> WriteNewIdentity(const std::string& path) {
  Secret key(kKeySize);
  Secret line(kIdentityLabel.size() + kBase64Key + 1);
  PublicKey public_key{};
  if (key.empty() || line.empty() || !Random(key.writable()) ||
      !PublicKeyOf(key.bytes(), public_key))
    return FileError(path, "cannot be made: the system gave no randomness or memory");
  char* const text = reinterpret_cast<char*>(line.writable().data());
  std::memcpy(text, kIdentityLabel.data(), kIdentityLabel.size());
  EncodeKey(key.bytes(), text + kIdentityLabel.size());
  text[line.size() - 1] = '\n';
  if (const auto written = WriteNewPrivateFile(path, line.bytes()); !written)
    return written.error();
  return public_key;
}

std::string FormatPublicKey(const PublicKey& key) {
  std::string text(kBase64Key + 1, '\0');
  EncodeKey(key, text.data());
  text.pop_back();
  return text;
}

Result<PublicKey, KeyError> ParsePublicKey(const std::string& text) {
  PublicKey key{};
  if (!DecodeKey(text, key))
    // The text isn't repeated: it may be a private key that went to the wrong place.
    return KeyError{
        "this is not a public key; expected the 44 characters that 'redwall pubkey FILE' prints"};
  return key;
}

}  // namespace redwall::crypto
