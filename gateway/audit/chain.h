// Chain: what binds the lines of an audit to each other. Pure functions; docs/audit.md, "The
// chain".
//
//     {"v":1,"seq":N,...,"prev":"<64 hex digits>"}
//
// `seq` stands first behind `v`, `prev` last, so both are found without a JSON parser. `prev` is
// the SHA-256 of the line before, from its '{' to its '}'; the first line's is all zeros.
// "A line" is here always without its LF.
#ifndef REDWALL_GATEWAY_AUDIT_CHAIN_H_
#define REDWALL_GATEWAY_AUDIT_CHAIN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redwall::audit {

using ChainHash = std::array<std::byte, 32>;

// The place of a line in its chain, or, of a whole chain, its end: the last line and its hash.
struct ChainEnd {
  std::uint64_t seq = 0;  // 0: no line yet
  ChainHash hash{};       // of that line; zeros: no line yet
};

// No line that an agent writes is longer: 64 keys and 64 arguments of 64 KiB, every byte of them
// escaped, are 48 MiB.
inline constexpr std::size_t kMaxLineBytes = 64 * 1024 * 1024;
// No chain comes that far. Greater numbers are refused, so that none that somebody made up wraps
// around; a head's half as great already, so that the chain can go on behind it.
inline constexpr std::uint64_t kMaxSeq = INT64_MAX;

// What a line says of itself.
struct ChainLink {
  std::uint64_t seq = 0;
  ChainHash prev{};
};

ChainHash HashLine(std::string_view line);

// 64 lower-case hex digits, and nothing else.
void AppendHash(const ChainHash& hash, std::string& out);
std::string FormatHash(const ChainHash& hash);
std::optional<ChainHash> ParseHash(std::string_view hex);

// Nothing where the line isn't one of a chain: no seq from 1 on (without leading zeros) in its
// place, or no prev in its. What stands between is not looked at.
std::optional<ChainLink> FindLink(std::string_view line);

// Appends a line (with its LF) and moves `end` on to it. `body`: what stands between seq and prev,
// with a comma in front: `,"ts":"...","us":5`.
void AppendLine(std::string_view body, ChainEnd& end, std::string& out);

// What a checkpoint's signature is over: "redwall audit checkpoint v1", a zero byte, u64be seq of
// the checkpoint's line, the 32 bytes of its prev, the text of its ts.
std::string CheckpointMessage(const ChainLink& link, std::string_view ts);

// The head file, FILE.head: how far the chain has come, in one line of kHeadBytes bytes (spaces,
// then LF, fill it up), so that it can be written over in place.
struct Head {
  ChainEnd end;
  bool closed = false;         // by an agent that ended as it should
  std::string key, signature;  // base64; both empty where nothing is signed
};
inline constexpr std::size_t kHeadBytes = 512;
std::string FormatHead(const Head& head);  // kHeadBytes of them
// Takes any line of the format, with or without the filling. Nothing where it is none; the
// signature is not checked.
std::optional<Head> ParseHead(std::string_view text);
// "redwall audit head v1", a zero byte, u64be seq, the 32 bytes of the hash, one byte 1 for closed,
// else 0.
std::string HeadMessage(const ChainEnd& end, bool closed);

}  // namespace redwall::audit

#endif  // REDWALL_GATEWAY_AUDIT_CHAIN_H_
