#include "crypto/record_aead.h"

#include <openssl/evp.h>

#include <array>

#include "crypto/libcrypto.h"
#include "crypto/primitives.h"

namespace redwall::crypto {
namespace {

constexpr std::size_t kMaxPlaintext = 1 << 20;  // far beyond any record, and it fits an int

unsigned char* Raw(MutableBytes bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// Null: libcrypto hasn't got it. Looked up once, and kept as long as the process lives.
const EVP_CIPHER* Algorithm() {
  static const EVP_CIPHER* const algorithm =
      PrepareLibcrypto() ? EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr) : nullptr;
  return algorithm;
}

// 4 zero bytes, then the number little-endian (Noise revision 34, section 12.3).
std::array<unsigned char, 12> NonceOf(std::uint64_t number) {
  std::array<unsigned char, 12> nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<unsigned char>(number >> (8 * i));
  return nonce;
}

}  // namespace

void RecordAead::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);  // which wipes the key
}

RecordAead::RecordAead(Direction direction, ByteView key) {
  if (direction == Direction::kNone || Algorithm() == nullptr) return;
  context_.reset(EVP_CIPHER_CTX_new());
  direction_ = direction;
  SetKey(key);
}

void RecordAead::SetKey(ByteView key) {
  const int sealing = direction_ == Direction::kSeal ? 1 : 0;
  if (context_ && key.size() == kKeySize &&
      EVP_CipherInit_ex2(context_.get(), Algorithm(),
                         reinterpret_cast<const unsigned char*>(key.data()), nullptr, sealing,
                         nullptr) == 1)
    return;
  context_.reset();
}

bool RecordAead::Seal(std::uint64_t nonce, MutableBytes buffer, std::size_t plaintext_size) {
  if (direction() != Direction::kSeal || buffer.size() < kTagSize ||
      buffer.size() - kTagSize < plaintext_size || plaintext_size > kMaxPlaintext)
    return false;
  const auto iv = NonceOf(nonce);
  EVP_CIPHER_CTX* const context = context_.get();
  unsigned char* const text = Raw(buffer);
  int size = 0, rest = 0;
  return EVP_EncryptInit_ex2(context, nullptr, nullptr, iv.data(), nullptr) == 1 &&
         EVP_EncryptUpdate(context, text, &size, text, static_cast<int>(plaintext_size)) == 1 &&
         EVP_EncryptFinal_ex(context, text + size, &rest) == 1 &&
         static_cast<std::size_t>(size + rest) == plaintext_size &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, text + plaintext_size) == 1;
}

bool RecordAead::Open(std::uint64_t nonce, MutableBytes buffer) {
  if (direction() != Direction::kOpen || buffer.size() < kTagSize ||
      buffer.size() - kTagSize > kMaxPlaintext)
    return false;
  const std::size_t plaintext_size = buffer.size() - kTagSize;
  const auto iv = NonceOf(nonce);
  EVP_CIPHER_CTX* const context = context_.get();
  unsigned char* const text = Raw(buffer);
  int size = 0, rest = 0;
  if (EVP_DecryptInit_ex2(context, nullptr, nullptr, iv.data(), nullptr) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, text + plaintext_size) == 1 &&
      EVP_DecryptUpdate(context, text, &size, text, static_cast<int>(plaintext_size)) == 1 &&
      EVP_DecryptFinal_ex(context, text + size, &rest) == 1 &&
      static_cast<std::size_t>(size + rest) == plaintext_size)
    return true;
  // libcrypto decrypts before it has seen whether the tag is right: what it has written goes.
  WipeBytes(buffer.first(plaintext_size));
  return false;
}

}  // namespace redwall::crypto
