// The reply half of Conversation: Redis -> reply queue -> client.
#include <algorithm>
#include <utility>

#include "gateway/proxy/conversation.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

using resp::Verb;
using Result = audit::CommandEnd::Result;

constexpr std::string_view kExecAbort =
    "EXECABORT Transaction discarded because of previous errors.";
constexpr std::string_view kUnasked = "Redis sent a reply that nobody asked for";
constexpr std::size_t kMaxWithheld =
    64 * 1024;  // a status line or an error; Redis's are far shorter

// "1339518083.107412 [0 127.0.0.1:60866] "keys" "*"": what MONITOR prints.
bool IsMonitorLine(std::string_view text) {
  const auto digits = [&text] {
    const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end > 0;
  };
  const auto literal = [&text](std::string_view expected) {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
  };
  return digits() && literal(".") && digits() && literal(" [");
}

// Whether Redis answers it.
bool IsRedis(const Slot& slot) { return slot.kind != Slot::Kind::kLocal && !slot.silent; }

// Where Redis's answer may not be the one that the client gets.
bool MayBeReplaced(const Slot& slot) {
  return slot.kind == Slot::Kind::kAborted || slot.kind == Slot::Kind::kSwallowed;
}

bool IsErrorType(char type) { return type == '-' || type == '!'; }

}  // namespace

void Conversation::OnReply(std::string_view bytes, const Now& now) {
  std::size_t done = 0;
  while (!finished_ && done < bytes.size()) {
    if (raw_) {
      outlet_.ToClient(bytes.substr(done));
      break;
    }
    const std::string_view rest = bytes.substr(done);
    if (!in_frame_ && !BeginFrame(rest.front(), now)) continue;  // raw, or over
    std::size_t used = 0;
    const resp::ScanStatus status = scanner_.Scan(rest, used);
    if (status == resp::ScanStatus::kError) {
      FlushReplies();
      return Fail("what came from Redis isn't the Redis protocol");
    }
    const std::string_view piece = rest.substr(0, used);
    frame_bytes_ += used;
    done += used;
    if (!withhold_) {
      replies_ =
          replies_.empty() ? piece : std::string_view(replies_.data(), replies_.size() + used);
    } else if (withheld_.size() + used <= kMaxWithheld) {
      withheld_.append(piece);
    } else {
      return Fail("Redis's answer to a command of the gateway's own is too long");
    }
    if (status == resp::ScanStatus::kFrame) EndFrame();
  }
  FlushReplies();
  const bool resumes = paused_ && queue_.size() <= environment_.limits->max_pending / 2;
  const bool lets_go = held_back_ && awaited_ == answered_ && !in_frame_;
  if (finished_ || !(resumes || lets_go)) return Charge();
  if (resumes) paused_ = false;
  if (lets_go) held_back_ = false;
  OnRequest({}, now);
}

// The first byte of a frame. False: the connection has become raw, and the byte belongs to the raw
// stream.
bool Conversation::BeginFrame(char first, const Now& now) {
  // Silenced, Redis says nothing but pushes, and in RESP2 what subscriptions bring.
  const bool may_be_pubsub =
      first == '*' && protocol_ == 2 && (pubsub_.subscribed() || answered_ < loose_until_);
  const bool proves = first != '-' && first != '>' && !may_be_pubsub;
  while (proves && !finished_ && !queue_.empty() && queue_.front().unproven) ReplyModeGranted();
  if (finished_) return false;
  in_frame_ = true;
  frame_bytes_ = 0;
  frame_started_us_ = now.mono_us;
  withhold_ = false;
  if (queue_.empty()) {
    if (MayComeUnasked(first)) return true;
    FlushReplies();
    Fail(kUnasked);
    return false;
  }
  const Slot& slot = queue_.front();
  // While subscribed in RESP2, EXEC isn't allowed, and an array is a message.
  if (slot.verb == Verb::kExec && slot.commands == 0 && !(protocol_ == 2 && pubsub_.subscribed()))
    scanner_.TakeHeaderAlone();
  const bool answers = first != '>' && first != '*';  // not a push, nor a message in RESP2
  withhold_ = answers && (slot.unproven || MayBeReplaced(slot));
  if (withhold_) FlushReplies();
  // SYNC and PSYNC are refused with an error like any command; anything else opens the replication
  // stream.
  if ((slot.verb == Verb::kSync || slot.verb == Verb::kPsync) && first != '-') {
    in_frame_ = false;
    raw_ = true;
    FlushReplies();
    while (!queue_.empty()) {
      if (queue_.front().kind == Slot::Kind::kLocal)
        Fail("a command was refused on a replication connection");
      FinishSlot(Result::kNone, {});
    }
    return false;
  }
  return true;
}

// With no request unanswered: whether a frame that begins so may come. What isn't RESP is left to
// the scanner.
bool Conversation::MayComeUnasked(char first) const {
  if (reply_mode_used_) return true;
  if (first == '+') return monitor_;
  if (first == '*') return protocol_ == 2 && pubsub_.subscribed();
  return std::string_view(":$_%~#,(=").find(first) == std::string_view::npos;
}

void Conversation::EndFrame() {
  in_frame_ = false;
  const resp::ReplyScanner::Frame& frame = scanner_.frame();
  const Verb confirmed = frame.type == '>' || (frame.type == '*' && protocol_ == 2)
                             ? ConfirmedVerb(frame.text)
                             : Verb::kOther;
  // Silent ones that were unproven when the frame began are still there.
  if (!queue_.empty() && queue_.front().silent &&
      (!IsOutOfBand(frame, confirmed) || ConfirmsBehindSilence(confirmed)))
    EndUnproven();
  if (finished_) return;
  const bool has_slot = !queue_.empty();
  if (has_slot && queue_.front().commands > 0) {
    EndExecReply(frame, confirmed);
  } else if (has_slot && confirmed != Verb::kOther && queue_.front().kind == Slot::Kind::kPubsub &&
             queue_.front().verb == confirmed) {
    EndConfirmation(confirmed, frame);
  } else if (IsOutOfBand(frame, confirmed)) {
    pubsub_.Confirm(confirmed, frame.last_integer);
    if (withhold_) outlet_.ToClient(withheld_);
  } else if (has_slot) {
    EndReply(frame);
  } else if (!IsErrorType(frame.type) && !reply_mode_used_) {
    // An error may come unasked (maxclients, protected mode); anything else can't be Redis.
    replies_.remove_suffix(std::min<std::size_t>(frame_bytes_, replies_.size()));
    return Fail(kUnasked);
  }
  withheld_.clear();
  withhold_ = false;
  FlushLocals();
}

// The first reply behind a CLIENT REPLY tells whether that was granted.
void Conversation::EndUnproven() {
  while (!finished_ && !queue_.empty() && queue_.front().unproven) {
    if (withhold_ && RefusesReplyMode()) {
      ReplyModeRefused();
    } else {
      ReplyModeGranted();
    }
  }
  FlushLocals();
  if (finished_ || (!queue_.empty() && MayBeReplaced(queue_.front()))) return;
  outlet_.ToClient(withheld_);
  withheld_.clear();
}

// Whether a confirmation is the answer to the first command that isn't silenced.
bool Conversation::ConfirmsBehindSilence(Verb confirmed) {
  if (confirmed == Verb::kOther) return false;
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    Slot& slot = queue_.at(i);
    const bool confirms = slot.kind == Slot::Kind::kPubsub && slot.verb == confirmed;
    if (!slot.silent) return confirms;
    if (!confirms) continue;
    // The silenced command's own; its last one leaves the next to another.
    if (slot.confirmations > 0 && --slot.confirmations == 0) slot.kind = Slot::Kind::kForwarded;
    return false;
  }
  return false;
}

// Pushes, and what in RESP2 comes between replies: messages of subscriptions, MONITOR's lines.
bool Conversation::IsOutOfBand(const resp::ReplyScanner::Frame& frame, Verb confirmed) const {
  if (frame.type == '>') return true;
  if (frame.type == '+') return monitor_ && IsMonitorLine(frame.text);
  if (frame.type != '*' || protocol_ != 2) return false;
  if (confirmed != Verb::kOther && answered_ < loose_until_) return true;
  if (!pubsub_.subscribed()) return false;  // an ordinary array may look alike
  return IsPubsubMessage(frame.text) || confirmed == Verb::kSunsubscribe;
}

void Conversation::EndConfirmation(Verb verb, const resp::ReplyScanner::Frame& frame) {
  Slot& slot = queue_.front();
  if (slot.first_byte_us < 0) slot.first_byte_us = frame_started_us_;
  slot.bytes_out += frame_bytes_;
  if (slot.confirmations == 0) slot.confirmations = pubsub_.ConfirmationsOfAll(verb);
  pubsub_.Confirm(verb, frame.last_integer);
  if (--slot.confirmations == 0) FinishSlot(Result::kOk, {});
}

void Conversation::EndReply(const resp::ReplyScanner::Frame& frame) {
  Slot& slot = queue_.front();
  const bool is_error = IsErrorType(frame.type);
  slot.first_byte_us = frame_started_us_;
  slot.bytes_out += frame_bytes_;
  switch (slot.kind) {
    case Slot::Kind::kAborted:
      return AnswerAborted(frame);
    case Slot::Kind::kSwallowed:
      FinishSlot(Result::kNone, {});
      if (frame.type != '+') Fail("Redis refused the server agent's credentials after RESET");
      return;
    default:
      break;
  }
  const bool is_exec = slot.verb == Verb::kExec;
  if (is_error) NoteRefusal(frame.text, slot);
  if (is_exec && frame.type == '*' && frame.elements > 0) return EndExecHeader(frame.elements);
  // EXEC without an array has executed nothing (WATCH).
  ApplyReply(slot, !is_error && !is_exec && !(frame.type == '+' && frame.text == "QUEUED"));
  FinishSlot(is_error ? Result::kError : Result::kOk, frame.text);
}

// Redis has answered the DISCARD that went in place of EXEC.
void Conversation::AnswerAborted(const resp::ReplyScanner::Frame& frame) {
  Slot& slot = queue_.front();
  if (!slot.answer.empty()) {
    // EXEC itself was denied: the denial is the answer, whatever Redis says.
  } else if (frame.type == '+') {
    resp::WriteError(kExecAbort, slot.answer);
  } else if (frame.text.starts_with("ERR DISCARD without MULTI")) {
    resp::WriteError("ERR EXEC without MULTI", slot.answer);  // MULTI itself had been refused
  } else {
    slot.answer = withheld_;
  }
  outlet_.ToClient(slot.answer);
  slot.bytes_out = slot.answer.size();
  if (!slot.answer.starts_with('-')) return FinishSlot(Result::kOk, {});
  FinishSlot(Result::kError, std::string_view(slot.answer).substr(1));
}

// A second MONITOR has no answer (monitorCommand).
bool Conversation::WaitsForRedis(const Slot& slot) const {
  const bool refused = protocol_ == 2 && pubsub_.subscribed();
  const bool ignored = slot.verb == Verb::kMonitor && monitor_ && !slot.queued && !refused;
  return (IsRedis(slot) && !ignored) || slot.unproven;
}

// Answers made here, and what has none, whose turn has come. Never in the middle of a frame of
// Redis's.
void Conversation::FlushLocals() {
  while (!finished_ && !in_frame_ && !queue_.empty() && !WaitsForRedis(queue_.front())) {
    FlushReplies();
    Slot& slot = queue_.front();
    const bool closes = slot.closes;
    if (slot.kind != Slot::Kind::kLocal) ApplyReply(slot, true);
    if (slot.silent || slot.kind != Slot::Kind::kLocal) {
      FinishSlot(Result::kNone, {});
    } else {
      outlet_.ToClient(slot.answer);
      slot.bytes_out = slot.answer.size();
      FinishSlot(Result::kError, std::string_view(slot.answer).substr(1));
    }
    if (closes) finished_ = true;
  }
}

void Conversation::FlushReplies() {
  if (replies_.empty()) return;
  outlet_.ToClient(std::exchange(replies_, {}));
}

// The front slot is done: its line goes to the audit. `text` is the error, of which the first word
// is recorded.
void Conversation::FinishSlot(Result result, std::string_view text) {
  const Slot& slot = queue_.front();
  if (!slot.record.empty()) {
    const std::string_view word =
        text.substr(0, std::min(text.find_first_of(" \r\n"), text.size()));
    environment_.recorder->FinishCommand(
        slot.record,
        {result, result == Result::kError ? word : std::string_view(), slot.bytes_in,
         slot.bytes_out, slot.first_byte_us < 0 ? -1 : slot.first_byte_us - slot.arrived_us});
  }
  if (IsRedis(slot)) ++answered_;
  if (slot.exec != nullptr) {
    ApplyReply(slot, false);  // what isn't settled by now wasn't granted
    planned_ -= slot.exec->items.size();
  }
  queue_.Pop();
  if (queue_.empty()) streams_slot_ = false;
}

}  // namespace redwall::proxy
