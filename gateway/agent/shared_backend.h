// SharedBackend: one client's way to a Redis whose connections clients share: a SharedClient, a
// pipeline of the pool, and a connection of its own once it needs one. docs/operations.md, "Shared
// connections".
//
// The handler is called from the end of the turn alone, until there is a connection of its own:
// from then on it is called as that connection calls.
#ifndef REDWALL_GATEWAY_AGENT_SHARED_BACKEND_H_
#define REDWALL_GATEWAY_AGENT_SHARED_BACKEND_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "gateway/agent/backend.h"
#include "gateway/agent/redis_connection.h"
#include "gateway/agent/shared_pool.h"
#include "gateway/net/loop.h"
#include "gateway/proxy/conversation.h"
#include "gateway/proxy/shared_client.h"

namespace redwall::agent {

class SharedBackend final : public Backend,
                            private proxy::SharedOutlet,
                            private PipelineUser,
                            private BackendHandler,
                            private net::TurnTask {
 public:
  // What it is made with. All that is referred to outlives it.
  struct Setting {
    std::shared_ptr<SharedPool> pool;
    std::shared_ptr<const resp::CommandTable> table;
    resp::RequestLimits request;
    proxy::Budget& budget;
    std::function<void(std::string_view why)> on_client_lost;  // for the log
  };
  SharedBackend(Setting setting, BackendHandler& handler);
  ~SharedBackend() override;

  void Write(std::string_view bytes) override;
  std::size_t queued() const override;
  void StartReading() override;
  void StopReading() override;
  void Shutdown() override;
  void ResetOnClose() override;
  void OnTable(const std::shared_ptr<const resp::CommandTable>& table) override {
    client_.OnTable(table);
  }

 private:
  // As the client's outlet.
  bool HasRoom() override;
  void ToShared(std::string_view commands, std::size_t count) override;
  void OnReplies() override { RequestTurnEnd(); }
  // As the pipeline's user.
  void OnReply(std::string_view piece, bool ends) override { client_.OnReply(piece, ends); }
  void OnRoom() override { RequestTurnEnd(); }
  void OnLost(const BackendFailure* failure) override;
  void OnLoginWanted() override;
  // As the handler of its own connection.
  void OnConnected() override;
  void OnReady() override;
  void OnFailed(const BackendFailure& failure) override { handler_.OnFailed(failure); }
  void OnRead(std::string_view bytes) override { handler_.OnRead(bytes); }
  void OnReadEnd() override { handler_.OnReadEnd(); }
  void OnError() override { handler_.OnError(); }
  void OnDrained() override { handler_.OnDrained(); }

  void OnTurnEnd() override;
  bool Announce();
  bool GiveReplies();
  void Attach();
  void Detach();
  void OpenOwn();
  bool Charge();
  bool has_own() const { return client_.state() == proxy::SharedClient::State::kOwn; }

  const Setting setting_;
  const proxy::SharedLimits limits_;
  BackendHandler& handler_;
  proxy::SharedClient client_;
  SharedPipeline* pipeline_ = nullptr;  // null: none is needed at present
  SharedPipeline::Seat seat_ = 0;
  std::optional<BackendFailure> failure_;  // of the pipeline that it waited for
  std::unique_ptr<RedisConnection> own_;
  std::size_t charged_ = 0;  // to the budget
  bool announced_ = false;   // the handler knows that it is READY
  bool reading_ = true, shutdown_ = false, reset_ = false;
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace redwall::agent

#endif  // REDWALL_GATEWAY_AGENT_SHARED_BACKEND_H_
