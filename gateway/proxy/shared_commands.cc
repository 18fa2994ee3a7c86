#include "gateway/proxy/shared_commands.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

namespace redwall::proxy {
namespace {

// Sorted. By name, since no flag says that a command is stateless, answers once, and answers
// little. Left out beside what has to do with the connection: what blocks, what runs scripts, what
// administers, and what is large by nature (KEYS, SMEMBERS, HGETALL, LRANGE, ZRANGE, SORT, DUMP).
constexpr std::string_view kShared[] = {
    "append",
    "bitcount",
    "bitfield",
    "bitfield_ro",
    "bitpos",
    "copy",
    "dbsize",
    "decr",
    "decrby",
    "del",
    "echo",
    "exists",
    "expire",
    "expireat",
    "expiretime",
    "geoadd",
    "geodist",
    "geohash",
    "geopos",
    "get",
    "getbit",
    "getdel",
    "getex",
    "getrange",
    "getset",
    "hdel",
    "hexists",
    "hget",
    "hincrby",
    "hincrbyfloat",
    "hlen",
    "hmget",
    "hmset",
    "hset",
    "hsetnx",
    "hstrlen",
    "incr",
    "incrby",
    "incrbyfloat",
    "lindex",
    "linsert",
    "llen",
    "lmove",
    "lpop",
    "lpos",
    "lpush",
    "lpushx",
    "lrem",
    "lset",
    "ltrim",
    "mget",
    "mset",
    "msetnx",
    "object|encoding",
    "object|freq",
    "object|idletime",
    "object|refcount",
    "persist",
    "pexpire",
    "pexpireat",
    "pexpiretime",
    "pfadd",
    "pfcount",
    "ping",
    "psetex",
    "pttl",
    "publish",
    "randomkey",
    "rename",
    "renamenx",
    "rpop",
    "rpoplpush",
    "rpush",
    "rpushx",
    "sadd",
    "scard",
    "set",
    "setbit",
    "setex",
    "setnx",
    "setrange",
    "sismember",
    "smismember",
    "smove",
    "spop",
    "spublish",
    "srem",
    "strlen",
    "time",
    "touch",
    "ttl",
    "type",
    "unlink",
    "xack",
    "xadd",
    "xdel",
    "xlen",
    "xtrim",
    "zadd",
    "zcard",
    "zcount",
    "zincrby",
    "zlexcount",
    "zmscore",
    "zpopmax",
    "zpopmin",
    "zrank",
    "zrem",
    "zremrangebylex",
    "zremrangebyrank",
    "zremrangebyscore",
    "zrevrank",
    "zscore",
};
static_assert(std::is_sorted(std::begin(kShared), std::end(kShared)));

// Arguments of a command that reads: each of MGET's keys may have a value of any size.
constexpr std::size_t kMaxRead = 128;

// What a server may say of a command of one of these names that would make it another one.
constexpr std::uint32_t kNever =
    resp::kFlagAdmin | resp::kFlagBlocking | resp::kFlagNoscript | resp::kFlagNoMulti;

}  // namespace

SharedNames NamesThatMayBeShared() { return {std::begin(kShared), std::size(kShared)}; }

bool MayShare(const resp::CommandInfo* info, const resp::Command& command) {
  if (info == nullptr || info->verb != resp::Verb::kOther || info->container) return false;
  if ((info->flags & kNever) != 0) return false;
  if ((info->flags & resp::kFlagReadonly) != 0 && command.argc() > kMaxRead) return false;
  return std::binary_search(std::begin(kShared), std::end(kShared), std::string_view(info->name));
}

bool AsksForOwnWrites(const resp::CommandInfo* info) {
  return info != nullptr && (info->name == "wait" || info->name == "waitaof");
}

bool MayReplicate(const resp::CommandInfo& info) {
  return (info.flags & (resp::kFlagWrite | resp::kFlagMayReplicate)) != 0;
}

}  // namespace redwall::proxy
