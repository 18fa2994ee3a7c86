#include "gateway/proxy/raw_passage.h"

namespace redwall::proxy {

bool RawPassage::MayPass() {
  if (!finished_ && !recorder_.healthy()) {
    finished_ = true;
    failure_ = "the audit can't be written, and nothing passes unrecorded";
  }
  return !finished_;
}

void RawPassage::OnRequest(std::string_view bytes, const Now&) {
  if (!MayPass()) return;
  bytes_in_ += bytes.size();
  outlet_.ToRedis(bytes);
}

void RawPassage::OnReply(std::string_view bytes, const Now&) {
  if (!MayPass()) return;
  bytes_out_ += bytes.size();
  outlet_.ToClient(bytes);
}

}  // namespace redwall::proxy
