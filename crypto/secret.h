// Secret: bytes that must not leak. Move-only; its memory is locked, kept out of core dumps and
// wiped.
//
// There is deliberately no way to print, copy or compare one with ==.
//
// A connection holds several secrets, so a page each (and two guard pages, as sodium_malloc has it)
// would cost a tunnel tens of KiB and use up RLIMIT_MEMLOCK with a few dozen of them. Secrets of up
// to 64 bytes, which are all that a handshake and a transport need, therefore share pages: a
// process-wide pool of 64-byte slots, grown 16 KiB at a time and never given back, so bounded by
// the most secrets that ever lived at once. A larger one (a key file while it is being read) has
// pages of its own. That the system refuses to lock memory is not an error: it is kept out of core
// dumps and wiped all the same. Locks do not survive fork(2): a process that becomes a daemon does
// so before it reads its keys.
//
// Where memory can't be had at all, a Secret is empty instead of having the size asked for;
// everything in crypto/ that takes a secret checks its size, and so fails closed. Any thread may
// make or destroy Secrets; one Secret belongs to one thread at a time.
#ifndef REDWALL_CRYPTO_SECRET_H_
#define REDWALL_CRYPTO_SECRET_H_

#include <cstddef>
#include <utility>

#include "base/bytes.h"

namespace redwall::crypto {

class Secret {
 public:
  Secret() = default;                 // empty
  explicit Secret(std::size_t size);  // zeroed
  static Secret CopyOf(ByteView bytes);
  Secret(Secret&& other) noexcept;  // `other` becomes empty
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // An explicit second copy, for instance of a key that two objects need.
  Secret Clone() const { return CopyOf(bytes()); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Views are valid until the Secret is moved from, assigned to, wiped or destroyed.
  ByteView bytes() const { return {data_, size_}; }
  MutableBytes writable() { return {data_, size_}; }

  // In constant time for equal sizes.
  bool Equals(ByteView other) const;
  void Wipe();  // and becomes empty

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace redwall::crypto

#endif  // REDWALL_CRYPTO_SECRET_H_
