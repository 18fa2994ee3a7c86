#include "crypto/records.h"

#include <algorithm>
#include <new>

#include "crypto/primitives.h"

namespace redwall::crypto {
namespace {

constexpr std::size_t kLengthSize = 2;
constexpr std::size_t kMinCiphertext = kTagSize + 1;
constexpr std::size_t kMaxRecord = kLengthSize + 65535;
constexpr std::size_t kFirstCapacity = 2048;

bool RekeyWhereDue(CipherState& cipher) {
  return cipher.nonce() % kRekeyInterval != 0 || cipher.Rekey().ok();
}

}  // namespace

std::size_t RecordSealer::Seal(MutableBytes record, std::size_t plaintext_size) {
  if (!cipher_.has_key() || plaintext_size == 0 || plaintext_size > kMaxRecordPlaintext ||
      record.size() < plaintext_size + kRecordOverhead)
    return 0;
  const auto size = cipher_.EncryptWithAd({}, record.subspan(kLengthSize), plaintext_size);
  if (!size || !RekeyWhereDue(cipher_)) {
    cipher_ = CipherState();
    return 0;
  }
  StoreBigEndian(record.data(), static_cast<std::uint16_t>(*size));
  return kLengthSize + *size;
}

Result<MutableBytes, ChannelError> RecordOpener::Receive(MutableBytes in, std::size_t& used) {
  used = 0;
  if (size_ == 0 && in.size() >= kLengthSize) {
    const std::size_t length = LoadBigEndian<std::uint16_t>(in.data());
    if (length < kMinCiphertext) return ChannelError::kBadLength;
    if (in.size() - kLengthSize >= length) {
      used = kLengthSize + length;
      return Open(in.first(used));
    }
  }
  if (!Gather(in, kLengthSize, used)) return ChannelError::kNoResources;
  if (size_ < kLengthSize) return MutableBytes{};
  const std::size_t length = LoadBigEndian<std::uint16_t>(buffer_.get());
  if (length < kMinCiphertext) return ChannelError::kBadLength;
  if (!Gather(in.subspan(used), kLengthSize + length, used)) return ChannelError::kNoResources;
  if (size_ < kLengthSize + length) return MutableBytes{};
  size_ = 0;
  return Open({buffer_.get(), kLengthSize + length});
}

bool RecordOpener::Gather(ByteView in, std::size_t size, std::size_t& used) {
  const std::size_t more = std::min(in.size(), size - std::min(size, size_));
  if (size_ + more > capacity_) {
    const std::size_t wanted =
        std::min(kMaxRecord, std::max({size_ + more, 2 * capacity_, kFirstCapacity}));
    std::unique_ptr<std::byte[]> bigger(new (std::nothrow) std::byte[wanted]);
    if (!bigger) return false;
    std::copy_n(buffer_.get(), size_, bigger.get());
    buffer_ = std::move(bigger);
    capacity_ = wanted;
  }
  std::copy_n(in.begin(), more, buffer_.get() + size_);
  size_ += more;
  used += more;
  return true;
}

Result<MutableBytes, ChannelError> RecordOpener::Open(MutableBytes record) {
  const MutableBytes ciphertext = record.subspan(kLengthSize);
  const auto size = cipher_.DecryptWithAd({}, ciphertext);
  if (!cipher_.has_key() || !size) return ChannelError::kRecordFailed;
  if (!RekeyWhereDue(cipher_)) return ChannelError::kNoResources;
  return ciphertext.first(*size);
}

}  // namespace redwall::crypto
