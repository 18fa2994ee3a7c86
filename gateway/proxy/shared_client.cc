#include "gateway/proxy/shared_client.h"

#include "gateway/proxy/shared_commands.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

// On another connection than the writes it would know nothing of them, and so say at once that they
// have reached the replicas.
constexpr std::string_view kWaitTooLate =
    "-ERR redwall: WAIT knows the writes of its own connection only, and this client's went over "
    "shared ones; send SELECT 0 before the first write\r\n";

constexpr std::size_t kKeepMemory = 16 * 1024;  // bytes, of an empty buffer

}  // namespace

SharedClient::SharedClient(const SharedLimits& limits, SharedOutlet& outlet,
                           std::shared_ptr<const resp::CommandTable> table)
    : limits_(limits), outlet_(outlet), table_(std::move(table)), parser_(limits.request) {}

void SharedClient::OnRequest(std::string_view bytes) {
  if (state_ == State::kOver) return;
  if (!held_.empty()) {
    held_.append(bytes);
    return TakeHeld();
  }
  const std::size_t done = TakeRequests(bytes);
  held_.append(bytes.substr(done));
}

void SharedClient::OnRequestEnd() {
  request_end_ = true;
  TakeHeld();
}

void SharedClient::OnRoom() { TakeHeld(); }

void SharedClient::TakeHeld() {
  if (held_.empty() || state_ != State::kSharing) return;
  held_.erase(0, TakeRequests(held_));
  GiveMemoryBack();
}

bool SharedClient::MayTake() {
  return state_ == State::kSharing && replies_.size() - taken_ < limits_.much_kept &&
         outlet_.HasRoom();
}

// Returns how much of the input is done with.
std::size_t SharedClient::TakeRequests(std::string_view input) {
  std::size_t done = 0;
  bool wait = false;
  while (!wait && done < input.size() && MayTake()) {
    const std::string_view rest = input.substr(done);
    switch (parser_.Parse(rest)) {
      case resp::ParseStatus::kNeedMore:
        wait = true;
        if (rest.size() > limits_.max_command) state_ = State::kLeaving;
        break;
      case resp::ParseStatus::kCommand: {
        const std::size_t used = parser_.consumed();
        wait = !TakeCommand(rest.substr(0, used));
        if (!wait) done += used;
        break;
      }
      case resp::ParseStatus::kHead:
      case resp::ParseStatus::kBody:
      case resp::ParseStatus::kBodyEnd:
      case resp::ParseStatus::kError:  // as Redis answers it
        state_ = State::kLeaving;
        break;
    }
  }
  Flush();
  return state_ == State::kOver ? input.size() : done;
}

// False: it stays where it is, for its own connection or until all before it is answered.
bool SharedClient::TakeCommand(std::string_view raw) {
  const resp::Command& command = parser_.command();
  if (command.argc() == 0) return true;
  const resp::CommandInfo* const info = table_->Find(command);
  if (info != nullptr && info->verb == resp::Verb::kQuit) {
    if (!AnswerHere("+OK\r\n")) return false;
    state_ = State::kOver;
    return true;
  }
  if (has_written_ && AsksForOwnWrites(info)) return AnswerHere(kWaitTooLate);
  const bool leaves = !MayShare(info, command) || raw.size() > limits_.max_command ||
                      outstanding_ >= limits_.max_outstanding || had_large_reply_;
  if (leaves) {
    state_ = State::kLeaving;
    return false;
  }
  ++outstanding_;
  has_written_ = has_written_ || MayReplicate(*info);
  if (command.canonical()) {
    Send(raw);
    return true;
  }
  std::string rewritten;
  resp::WriteCommand(command, rewritten);
  Flush();
  Send(rewritten);
  Flush();  // it doesn't outlive this call
  return true;
}

bool SharedClient::AnswerHere(std::string_view answer) {
  if (outstanding_ > 0) return false;
  replies_.append(answer);
  outlet_.OnReplies();
  return true;
}

void SharedClient::Send(std::string_view commands) {
  if (run_.data() + run_.size() != commands.data()) Flush();
  run_ = {run_.empty() ? commands.data() : run_.data(), run_.size() + commands.size()};
  ++commands_;
}

void SharedClient::Flush() {
  if (commands_ > 0)
    outlet_.ToShared(std::exchange(run_, {}), std::exchange(commands_, std::size_t{0}));
}

void SharedClient::OnReply(std::string_view piece, bool ends) {
  reply_bytes_ += piece.size();
  had_large_reply_ = had_large_reply_ || reply_bytes_ > limits_.large_reply;
  if (ends) {
    reply_bytes_ = 0;
    --outstanding_;
  }
  if (state_ == State::kOver) return;
  if (replies_.size() - taken_ + piece.size() > limits_.max_kept) {
    failure_ = "it doesn't take its replies, which others that share its connection can't wait for";
    state_ = State::kOver;
    std::string().swap(replies_);
    taken_ = 0;
  } else {
    replies_.append(piece);
  }
  outlet_.OnReplies();
}

void SharedClient::OnSharedLost() {
  if (outstanding_ > 0) state_ = State::kOver;
}

void SharedClient::Leave() {
  if (state_ == State::kSharing) state_ = State::kLeaving;
}

std::string SharedClient::OnOwnOpen() {
  state_ = State::kOwn;
  return std::exchange(held_, {});
}

std::string SharedClient::TakeReplies(std::size_t most) {
  std::string some;
  if (taken_ == 0 && replies_.size() <= most) {
    some.swap(replies_);
  } else {
    some = replies_.substr(taken_, most);
    taken_ += some.size();
    // Moving the rest costs no more than what has gone since the last time.
    if (taken_ >= replies_.size() - taken_) {
      replies_.erase(0, taken_);
      taken_ = 0;
    }
  }
  GiveMemoryBack();
  return some;
}

void SharedClient::GiveMemoryBack() {
  for (std::string* const buffer : {&held_, &replies_})
    if (buffer->empty() && buffer->capacity() > kKeepMemory) std::string().swap(*buffer);
}

bool SharedClient::takes_requests() const {
  if (state_ != State::kSharing) return state_ != State::kLeaving;
  return held_.size() <= limits_.max_command && replies_.size() - taken_ < limits_.much_kept;
}

bool SharedClient::finished() const {
  if (has_replies()) return false;
  if (state_ == State::kOver) return true;
  return request_end_ && state_ == State::kSharing && outstanding_ == 0 &&
         (held_.empty() || !parser_.between_commands());
}

}  // namespace redwall::proxy
