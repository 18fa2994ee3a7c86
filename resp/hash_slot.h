// The hash slot of a key in Redis Cluster: CRC16 of the key, or of its hash tag, modulo 16384.
// Redis Cluster specification, "Key distribution model" and "Hash tags".
#ifndef REDWALL_RESP_HASH_SLOT_H_
#define REDWALL_RESP_HASH_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace redwall::resp {

inline constexpr std::size_t kHashSlots = 16384;

// CRC16/XMODEM: polynomial 0x1021, starts with 0, nothing reflected. Of "123456789": 0x31c3.
std::uint16_t Crc16(std::string_view bytes);

// Of what stands between the first '{' and the first '}' behind it, where that isn't empty; else of
// the whole key. Shard channels are hashed like keys.
std::uint16_t HashSlot(std::string_view key);

}  // namespace redwall::resp

#endif  // REDWALL_RESP_HASH_SLOT_H_
