#include "crypto/sha256.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "crypto/libcrypto.h"

namespace redwall::crypto {
namespace {

unsigned char* Raw(Sha256Hash& hash) { return reinterpret_cast<unsigned char*>(hash.data()); }

// A context that knows its algorithm, so that a hash doesn't look it up. (OpenSSL 3.0 allocates
// some hundred bytes for each hash all the same.) Null: libcrypto hasn't got it.
class Context {
 public:
  Context() {
    EVP_MD* const algorithm =
        PrepareLibcrypto() ? EVP_MD_fetch(nullptr, "SHA256", nullptr) : nullptr;
    if (algorithm == nullptr) return;
    context_ = EVP_MD_CTX_new();
    if (context_ != nullptr && EVP_DigestInit_ex2(context_, algorithm, nullptr) != 1) Drop();
    EVP_MD_free(algorithm);  // the context has a reference of its own
  }
  ~Context() { Drop(); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  bool Digest(ByteView bytes, Sha256Hash& hash) {
    if (context_ == nullptr) return false;
    unsigned size = 0;
    if (EVP_DigestInit_ex2(context_, nullptr, nullptr) == 1 &&
        EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1 &&
        EVP_DigestFinal_ex(context_, Raw(hash), &size) == 1 && size == hash.size())
      return true;
    Drop();
    return false;
  }

 private:
  void Drop() {
    EVP_MD_CTX_free(context_);
    context_ = nullptr;
  }

  EVP_MD_CTX* context_ = nullptr;
};

}  // namespace

Sha256Hash Sha256(ByteView bytes) {
  thread_local Context context;
  Sha256Hash hash{};
  if (!context.Digest(bytes, hash))
    (void)crypto_hash_sha256(Raw(hash), reinterpret_cast<const unsigned char*>(bytes.data()),
                             bytes.size());  // always 0
  return hash;
}

}  // namespace redwall::crypto
