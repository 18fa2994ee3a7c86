// RawPassage: a connection of a plain TCP route. Nobody looks into it: either side may speak first
// and end its half first. It is counted, for the audit's record of the connection.
#ifndef REDWALL_GATEWAY_PROXY_RAW_PASSAGE_H_
#define REDWALL_GATEWAY_PROXY_RAW_PASSAGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/audit/recorder.h"
#include "gateway/proxy/passage.h"

namespace redwall::proxy {

class RawPassage final : public Passage {
 public:
  // `recorder` and `outlet` outlive it. While the audit can't be written nothing passes: the
  // connection ends.
  RawPassage(const audit::Recorder& recorder, Outlet& outlet)
      : recorder_(recorder), outlet_(outlet) {}

  void OnRequest(std::string_view bytes, const Now& now) override;
  void OnRequestEnd(const Now&) override {}
  void OnReply(std::string_view bytes, const Now& now) override;
  void OnClosed() override { finished_ = true; }
  void OnPolicyChanged(const Now&) override {}
  void OnCommandsKnown(const Now&) override {}

  bool finished() const override { return finished_; }
  std::string_view failure() const override { return failure_; }
  bool takes_requests() const override { return true; }
  bool listens() const override { return true; }
  bool leaving() const override { return false; }
  bool idle() const override { return false; }  // only its ends know
  bool outlives_server() const override { return true; }

  std::uint64_t bytes_in() const { return bytes_in_; }    // from the client
  std::uint64_t bytes_out() const { return bytes_out_; }  // to the client

 private:
  bool MayPass();

  const audit::Recorder& recorder_;
  Outlet& outlet_;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  bool finished_ = false;
  std::string_view failure_;  // a literal
};

}  // namespace redwall::proxy

#endif  // REDWALL_GATEWAY_PROXY_RAW_PASSAGE_H_
