// Hash slots, by the examples of the Redis Cluster specification and what CLUSTER KEYSLOT of Redis
// 7.0 says.
#include "resp/hash_slot.h"

#include <doctest/doctest.h>

#include <string>

namespace redwall::resp {
namespace {

TEST_CASE("CRC16 is XMODEM's") {
  CHECK(Crc16("") == 0);
  CHECK(Crc16("123456789") == 0x31c3);
}

TEST_CASE("A key's slot is that of its hash tag, where it has one") {
  CHECK(HashSlot("foo") == 12182);
  CHECK(HashSlot("{user1000}.following") == HashSlot("user1000"));
  CHECK(HashSlot("{user1000}.following") == HashSlot("{user1000}.followers"));
  // An empty tag is none; the first '{' and the first '}' behind it count.
  CHECK(HashSlot("foo{}{bar}") != HashSlot("bar"));
  CHECK(HashSlot("foo{}{bar}") == Crc16("foo{}{bar}") % kHashSlots);
  CHECK(HashSlot("foo{{bar}}zap") == HashSlot("{bar"));
  CHECK(HashSlot("foo{bar}{zap}") == HashSlot("bar"));
  CHECK(HashSlot("}{a}") == HashSlot("a"));
  CHECK(HashSlot("a{b") == Crc16("a{b") % kHashSlots);
  CHECK(HashSlot("") == 0);
}

TEST_CASE("Bytes are unsigned") {
  CHECK(Crc16("\xff") == 0x1ef0);
  CHECK(HashSlot(std::string("\0", 1)) == 0);
}

}  // namespace
}  // namespace redwall::resp
