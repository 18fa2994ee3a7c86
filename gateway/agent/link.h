// Link: one client connection at one of the two sites: the local end, a stream of the tunnel, and
// the Passage between them, which for Redis is a Conversation. What differs between the sites is in
// ClientLink and ServerLink.
//
//     client agent:  socket (a Redis client) ─ requests ─▶ Passage ─▶ stream
//     server agent:  stream ─ requests ─▶ Passage ─▶ Backend (Redis)
//
// Back-pressure: the local end isn't read while the stream's backlog is high; the stream's credit
// isn't given back before the local end has taken the bytes.
#ifndef REDWALL_GATEWAY_AGENT_LINK_H_
#define REDWALL_GATEWAY_AGENT_LINK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/agent/core.h"
#include "gateway/net/tunnel_connection.h"
#include "gateway/proxy/conversation.h"
#include "gateway/proxy/raw_passage.h"
#include "gateway/tunnel/session.h"

namespace redwall::agent {

class Link : public Retirable, public tunnel::StreamHandler, public proxy::Outlet {
 public:
  // The tunnel is gone, or the agent stops: ends what can be ended. The owner forgets the link by
  // then or by OnLinkDone.
  virtual void OnTunnelGone() = 0;
  // For a drain: ends the connection if nothing is under way on it.
  virtual void CloseIfIdle() = 0;
  // The gate's rules are other ones, by another policy or for what more is known of commands.
  virtual void OnRulesChanged(bool policy_is_new);

 protected:
  // Bytes that a refused request may pile up in answers, before no more requests are taken from
  // that client.
  static constexpr std::size_t kMaxAnswers = 1024 * 1024;

  explicit Link(Core& core) : core_(core) {}

  tunnel::Session* session() { return connection_ == nullptr ? nullptr : connection_->session(); }
  void StartConversation(const proxy::Environment& environment, audit::Subject subject,
                         std::string user);
  // Of a plain TCP route: not looked into. It is recorded now, and what passed when the link ends.
  void StartRawPassage(const std::string& route, audit::Subject subject);
  // The passage is over.
  void ClosePassage();
  void SendToStream(std::string_view bytes);
  // Ends the stream with RST, or its use by us, where there is one.
  void CloseStream(tunnel::ResetCode code);
  void LeaveStream();
  // Gives back the credit of stream bytes that are done with.
  void ReturnCredit();
  void Wake();
  // After anything happened: whether to go on reading, and whether it is over.
  virtual void Update() = 0;

  Core& core_;
  net::TunnelConnection* connection_ = nullptr;  // null: no stream
  tunnel::StreamId stream_ = 0;
  std::size_t credit_held_ = 0;
  std::unique_ptr<proxy::Passage> passage_;

 private:
  // What is kept for the records of a raw passage.
  struct RawRecord {
    std::string route;
    audit::Subject subject;
    std::int64_t since_us;
    const proxy::RawPassage* passage;  // passage_
  };
  void RecordRaw(std::string_view event, const RawRecord& record, Core::Numbers counts);

  std::optional<RawRecord> raw_;
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_LINK_H_
