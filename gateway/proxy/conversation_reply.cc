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
constexpr std::string_view kTooLong =
    "ERR redwall: this reply names nodes, and is longer than what may be kept of it to rewrite it "
    "(max_topology_reply)";
constexpr std::size_t kMaxWithheld =
    64 * 1024;  // a status line, an error, a Sentinel's message; Redis's are far shorter

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
    if (!Withhold(piece)) {
      replies_ =
          replies_.empty() ? piece : std::string_view(replies_.data(), replies_.size() + used);
    }
    if (finished_) return Charge();
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
  if (queue_.empty() && !MayComeUnasked(first)) {
    FlushReplies();
    Fail(kUnasked);
    return false;
  }
  DecideWithholding(first);
  if (queue_.empty()) return true;
  const Slot& slot = queue_.front();
  // While subscribed in RESP2, EXEC isn't allowed, and an array is a message.
  if (slot.verb == Verb::kExec && slot.commands == 0 && !(protocol_ == 2 && pubsub_.subscribed()))
    scanner_.TakeHeaderAlone();
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

// Whether the frame that begins is withheld, and how much of it.
void Conversation::DecideWithholding(char first) {
  const bool answers = first != '>' && first != '*';  // not a push, nor a message in RESP2
  withholding_ = Withholding::kNothing;
  max_withheld_ = kMaxWithheld;
  replaced_ = false;
  if (answers && !queue_.empty() && (queue_.front().unproven || MayBeReplaced(queue_.front()))) {
    withholding_ = Withholding::kAll;
  } else if (environment_.topology == nullptr) {
    return;
  } else if (first != '>' && !IsErrorType(first) && DueTopology() != TopologyKind::kNone) {
    withholding_ = Withholding::kAll;
    max_withheld_ = environment_.limits->max_topology_reply;
  } else if (IsErrorType(first) || first == '>' || first == '|' ||
             (first == '*' && protocol_ == 2 && pubsub_.subscribed())) {
    withholding_ = Withholding::kShort;
  }
  if (withholding_ != Withholding::kNothing) FlushReplies();
}

// Of the command that the next reply answers: the first that isn't silenced, and within EXEC's
// array the one whose turn it is.
TopologyKind Conversation::DueTopology() {
  std::size_t i = 0;
  while (i < queue_.size() && queue_.at(i).silent) ++i;
  if (i == queue_.size()) return TopologyKind::kNone;
  const Slot& slot = queue_.at(i);
  if (slot.commands == 0) return slot.topology;
  const ExecPlan* const plan = slot.exec.get();
  if (plan == nullptr || plan->done == plan->items.size()) return TopologyKind::kNone;
  const ExecPlan::Item& item = plan->items[plan->done];
  return item.position == slot.executed ? item.effect.topology : TopologyKind::kNone;
}

// A piece of the frame under way. False: it is the client's.
bool Conversation::Withhold(std::string_view piece) {
  if (withholding_ == Withholding::kNothing) return false;
  if (piece.size() <= max_withheld_ - withheld_.size()) {
    withheld_.append(piece);
    return true;
  }
  if (withholding_ == Withholding::kAll) {
    RefuseLongReply();
    return true;
  }
  withholding_ = Withholding::kNothing;
  outlet_.ToClient(withheld_);
  std::string().swap(withheld_);
  return false;
}

void Conversation::RefuseLongReply() {
  std::string().swap(withheld_);
  if (DueTopology() == TopologyKind::kNone)
    return Fail("Redis's answer to a command of the gateway's own is too long");
  Slot& slot = queue_.front();
  if (!slot.silent) {
    resp::WriteError(kTooLong, slot.answer);
    outlet_.ToClient(slot.answer);
    slot.bytes_out += slot.answer.size();
    slot.own = true;
    FinishSlot(Result::kError, "ERR");
  }
  Fail("a reply that names nodes is longer than what may be kept of it (max_topology_reply)");
}

// A frame that was withheld is whole: the client gets it, rewritten where it names nodes.
void Conversation::GiveWithheld(bool message) {
  if (environment_.topology != nullptr) {
    const TopologyRewriter& topology = *environment_.topology;
    std::string anew;
    const Rewrite outcome = message ? topology.Message(withheld_, anew)
                                    : topology.Reply(DueTopology(), withheld_, anew);
    replaced_ = outcome != Rewrite::kDone;
    // There is no error that could take a message's place.
    if (replaced_ && message) return Fail("a message names a node that has no local address");
    if (replaced_) {
      anew.clear();
      resp::WriteError(Describe(outcome), anew);
    }
    withheld_.swap(anew);
  }
  outlet_.ToClient(withheld_);
  frame_bytes_ = withheld_.size();
  std::string().swap(withheld_);
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
  const bool out_of_band = IsOutOfBand(frame, confirmed);
  if (!has_slot && !out_of_band && !IsErrorType(frame.type) && !reply_mode_used_) {
    // An error may come unasked (maxclients, protected mode); anything else can't be Redis.
    replies_.remove_suffix(std::min<std::size_t>(frame_bytes_, replies_.size()));
    return Fail(kUnasked);
  }
  if (withholding_ != Withholding::kNothing &&
      (out_of_band || !has_slot || !MayBeReplaced(queue_.front())))
    GiveWithheld(out_of_band);
  if (finished_) return;
  if (has_slot && queue_.front().commands > 0) {
    EndExecReply(frame, confirmed);
  } else if (has_slot && confirmed != Verb::kOther && queue_.front().kind == Slot::Kind::kPubsub &&
             queue_.front().verb == confirmed) {
    EndConfirmation(confirmed, frame);
  } else if (out_of_band) {
    pubsub_.Confirm(confirmed, frame.last_integer);
  } else if (has_slot) {
    EndReply(frame);
  }
  withheld_.clear();
  withholding_ = Withholding::kNothing;
  FlushLocals();
}

// The first reply behind a CLIENT REPLY tells whether that was granted.
void Conversation::EndUnproven() {
  while (!finished_ && !queue_.empty() && queue_.front().unproven) {
    if (withholding_ != Withholding::kNothing && RefusesReplyMode()) {
      ReplyModeRefused();
    } else {
      ReplyModeGranted();
    }
  }
  FlushLocals();
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
  slot.own = replaced_;
  if (replaced_) return FinishSlot(Result::kError, "ERR");
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
  if (slot.record_size > 0) {
    const std::string_view word =
        text.substr(0, std::min(text.find_first_of(" \r\n"), text.size()));
    environment_.recorder->FinishCommand(
        records_.front(slot.record_size),
        {result, result == Result::kError ? word : std::string_view(), slot.bytes_in,
         slot.bytes_out, slot.first_byte_us < 0 ? -1 : slot.first_byte_us - slot.arrived_us,
         slot.own});
    records_.Pop(slot.record_size);
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
