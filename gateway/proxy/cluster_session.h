// ClusterSession: what a client has asked its connection to be (user, protocol, name, tracking,
// reads from replicas), so that connections to further nodes can be made to be the same.
//
// Holds passwords, in memory that is wiped when they are replaced and at the end.
#ifndef REDWALL_GATEWAY_PROXY_CLUSTER_SESSION_H_
#define REDWALL_GATEWAY_PROXY_CLUSTER_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "resp/command.h"

namespace redwall::proxy {

// Of CLIENT TRACKING: which CLIENT CACHING it goes with.
enum class TrackingMode : std::uint8_t { kOff, kPlain, kOptIn, kOptOut };

class ClusterSession {
 public:
  static constexpr std::size_t kMaxBytes = 64 * 1024;  // of one command that is to be kept

  // What is said first on each connection, in this order.
  enum Item : std::uint8_t {
    kAuth,
    kHello,
    kName,
    kLibraryName,
    kLibraryVersion,
    kNoEvict,
    kNoTouch,
    kReadonly,
    kTracking,
    kItems
  };

  // What one command changes, should it be granted.
  struct Change {
    std::array<std::optional<std::string>, kItems> items;  // encoded; empty: undone
    std::optional<std::int64_t> protocol;
    std::optional<bool> readonly;
    std::optional<TrackingMode> tracking;
    bool broadcast = false;  // CLIENT TRACKING ... BCAST: every master has to know of it
    bool redirects = false;  // CLIENT TRACKING ... REDIRECT: to a connection of one node
    bool adds = false;       // CLIENT TRACKING ON, once more: with the prefixes of the earlier one

    ~Change();
    Change() = default;
    Change(Change&&) = default;
    Change& operator=(Change&&) = default;
  };

  // `login`: AUTH as the route's configuration has it, encoded; may be empty. Borrowed, outlives
  // this.
  explicit ClusterSession(std::string_view login) : login_(login) {}
  ~ClusterSession();
  ClusterSession(const ClusterSession&) = delete;
  ClusterSession& operator=(const ClusterSession&) = delete;

  // `name`: as in the command table. Precondition: a whole command whose arity holds.
  static Change Read(std::string_view name, const resp::Command& command);
  void Apply(Change change);
  void Reset();

  // Appends what a new connection is to be told; returns how many replies that brings.
  std::size_t WritePreamble(std::string& out) const;

  // Whether the preamble begins with the route's login.
  bool logs_in() const { return !login_.empty(); }
  std::int64_t protocol() const { return protocol_; }
  bool readonly() const { return readonly_; }
  TrackingMode tracking() const { return tracking_; }
  bool broadcast() const { return broadcast_; }
  // Whether one more CLIENT TRACKING can be kept.
  bool HasRoom(const Change& change) const;

 private:
  const std::string_view login_;
  std::array<std::string, kItems> items_;
  std::size_t trackings_ = 0;  // commands in items_[kTracking]
  std::int64_t protocol_ = 2;
  bool readonly_ = false;
  TrackingMode tracking_ = TrackingMode::kOff;
  bool broadcast_ = false;
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_CLUSTER_SESSION_H_
