#include "crypto/secret.h"

#include <sodium.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "crypto/primitives.h"

namespace redwall::crypto {
namespace {

constexpr std::size_t kSlotSize = 64;
constexpr std::size_t kChunkSize = 16 * 1024;

// Pages of zeros, locked where the system lets us, and never part of a core dump. Null: no memory.
std::byte* MapPages(std::size_t size) {
  void* const pages =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  // RLIMIT_MEMLOCK may be small, so a lock that fails is no reason to stop; and since mlock is only
  // tried after MADV_DONTDUMP, the pages stay out of core dumps in any case.
  (void)sodium_mlock(pages, size);
  return static_cast<std::byte*>(pages);
}

// Slots for small secrets. Those that are free are zeros, but for the address of the next free one.
class Pool {
 public:
  std::byte* Take() {
    const std::lock_guard lock(mutex_);
    if (free_ == nullptr && !Grow()) return nullptr;
    std::byte* const slot = free_;
    std::memcpy(&free_, slot, sizeof free_);
    std::fill_n(slot, sizeof free_, std::byte{0});
    return slot;
  }

  // `slot` has been wiped.
  void Give(std::byte* slot) {
    const std::lock_guard lock(mutex_);
    std::memcpy(slot, &free_, sizeof free_);
    free_ = slot;
  }

 private:
  bool Grow() {
    std::byte* const chunk = MapPages(kChunkSize);
    if (chunk == nullptr) return false;
    for (std::size_t at = kChunkSize; at > 0; at -= kSlotSize) {
      std::byte* const slot = chunk + at - kSlotSize;
      std::memcpy(slot, &free_, sizeof free_);
      free_ = slot;
    }
    return true;
  }

  std::mutex mutex_;
  std::byte* free_ = nullptr;
};

Pool& SharedPool() {
  // Never destroyed: a Secret with static lifetime may outlive any other static object.
  static Pool* const pool = new Pool;
  return *pool;
}

}  // namespace

Secret::Secret(std::size_t size) {
  if (size == 0) return;
  data_ = size <= kSlotSize ? SharedPool().Take() : MapPages(size);
  if (data_ != nullptr) size_ = size;
}

Secret Secret::CopyOf(ByteView bytes) {
  Secret copy(bytes.size());
  if (!copy.empty()) std::copy(bytes.begin(), bytes.end(), copy.data_);
  return copy;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Wipe(); }

bool Secret::Equals(ByteView other) const { return ConstantTimeEqual(bytes(), other); }

void Secret::Wipe() {
  if (data_ == nullptr) return;
  sodium_memzero(data_, size_);
  if (size_ <= kSlotSize) {
    SharedPool().Give(data_);
  } else {
    ::munmap(data_, size_);
  }
  data_ = nullptr;
  size_ = 0;
}

}  // namespace redwall::crypto
