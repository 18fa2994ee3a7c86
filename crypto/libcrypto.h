// What all use of OpenSSL's libcrypto here has in common. It is called only where it is measurably
// faster than libsodium (SHA-256, long records), and never relied on: whoever asks it for something
// can do without.
#ifndef REDWALL_CRYPTO_LIBCRYPTO_H_
#define REDWALL_CRYPTO_LIBCRYPTO_H_

namespace redwall::crypto {

// Called before any other function of libcrypto; again does no harm. Its configuration files are
// then not read, and so no module that they name is loaded; and its tables outlive threads that
// still work while the process ends. False: libcrypto can't be used.
[[nodiscard]] bool PrepareLibcrypto();

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_LIBCRYPTO_H_
