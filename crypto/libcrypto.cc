#include "crypto/libcrypto.h"

#include <openssl/crypto.h>

namespace redwall::crypto {

bool PrepareLibcrypto() {
  static const bool ready =
      OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
  return ready;
}

}  // namespace redwall::crypto
