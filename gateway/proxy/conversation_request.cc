// The request half of Conversation: client -> checkpoint -> Redis.
#include <algorithm>
#include <charconv>
#include <utility>

#include "gateway/proxy/conversation.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

using resp::Verb;

constexpr std::string_view kEmptyRequest = "*0\r\n";  // Redis skips it without an answer
constexpr std::string_view kDiscard = "*1\r\n$7\r\nDISCARD\r\n";
constexpr std::string_view kAuditBroken =
    "ERR redwall: the audit log can't be written, so nothing is served until it can";
constexpr std::size_t kMaxNoted =
    128;  // bytes of a user or client name that are kept for the audit

// As Redis's strcasecmp: what follows a NUL doesn't count.
bool EqualsFolded(std::string_view text, std::string_view lower) {
  text = text.substr(0, text.find('\0'));
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

bool ReadNumber(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// What Redis runs at once even inside MULTI; all else is queued (processCommand).
bool IsQueued(Verb verb) {
  return verb != Verb::kMulti && verb != Verb::kExec && verb != Verb::kDiscard &&
         verb != Verb::kWatch && verb != Verb::kQuit && verb != Verb::kReset;
}

// A web page that makes a browser talk to Redis: Redis ends such a connection, and so do we.
bool IsCrossProtocol(const resp::Command& command) {
  return EqualsFolded(command.name(), "post") || EqualsFolded(command.name(), "host:");
}

}  // namespace

void Conversation::OnRequest(std::string_view bytes, const Now& now) {
  if (intake_ == Intake::kClosed) return;
  if (held_.empty()) {
    held_.append(bytes.substr(TakeRequests(bytes, now)));
  } else {
    held_.append(bytes);
    held_.erase(0, TakeRequests(held_, now));
    if (held_.empty()) std::string().swap(held_);
  }
  Charge();
}

std::size_t Conversation::TakeRequests(std::string_view input, const Now& now) {
  std::size_t done = 0;
  bool wait = false;
  while (!wait && !paused_ && intake_ != Intake::kClosed && done < input.size()) {
    const std::string_view rest = input.substr(done);
    const resp::ParseStatus status = parser_.Parse(rest);
    std::size_t used = parser_.consumed();
    switch (status) {
      case resp::ParseStatus::kNeedMore:
        wait = true;
        break;
      case resp::ParseStatus::kHead:
        // Where more is here than may be looked at, the next Parse says so.
        if (TakeHead(rest, now, used)) break;
        wait = rest.size() <= environment_.limits->request.max_inspected;
        used = 0;
        break;
      case resp::ParseStatus::kCommand:
        TakeCommand(rest.substr(0, used), now);
        break;
      case resp::ParseStatus::kBody:
        TakeBody(parser_.body(), false);
        wait = used == 0;
        break;
      case resp::ParseStatus::kBodyEnd:
        TakeBody(parser_.body(), true);
        break;
      case resp::ParseStatus::kError:
        TakeProtocolError(now);
        break;
    }
    if (!wait) done += used;
    if (queue_.size() >= environment_.limits->max_pending) {
      FlushLocals();  // no reply will come for these
      paused_ = queue_.size() >= environment_.limits->max_pending;
    }
  }
  FlushForward();
  FlushLocals();
  return intake_ == Intake::kClosed ? input.size() : done;
}

void Conversation::TakeCommand(std::string_view raw, const Now& now) {
  const resp::Command& command = parser_.command();
  ++number_;
  if (command.argc() == 0) {
    skip_next_ = false;
    Forward(command.canonical() ? raw : kEmptyRequest);
    return;
  }
  if (IsCrossProtocol(command)) return Fail("a web browser's request, not a Redis client's");
  const resp::CommandInfo* info = environment_.table->Find(command);
  const resp::KeyStatus keys =
      info ? resp::ExtractKeys(*info, command, keys_) : resp::KeyStatus::kUnknown;
  if (!info) keys_.clear();
  const policy::Request request{command, info, keys_, keys};
  // An EXEC with arguments ends a transaction, too (rejectCommand).
  const bool is_exec = info && info->verb == Verb::kExec;
  const bool is_meant = is_exec || (info && resp::ArityHolds(*info, command.argc()));
  const std::size_t slots = queue_.size();
  if (!Examine(request, raw.size(), now)) {
    if (is_exec && transaction_.open && intake_ == Intake::kCommands)
      return DropTransaction(queue_.size() > slots);
    return Forward(kEmptyRequest);
  }

  const Verb verb = is_meant ? info->verb : Verb::kOther;
  if (verb == Verb::kExec && transaction_.open && transaction_.dirty) {
    Forward(kDiscard);
  } else if (command.canonical()) {
    Forward(raw);
  } else {
    scratch_.clear();
    resp::WriteCommand(command, scratch_);
    Forward(scratch_);
  }
  Admit(command, verb, raw.size(), now);
}

// A command whose long argument is still arriving. False: wait for more of it.
bool Conversation::TakeHead(std::string_view input, const Now& now, std::size_t& used) {
  const resp::Command& command = parser_.command();
  if (command.size() == 0) return false;
  const resp::CommandInfo* info = environment_.table->Find(command);
  if (info ? info->verb != Verb::kOther : command.size() < 2) return false;
  if (IsCrossProtocol(command)) {
    Fail("a web browser's request, not a Redis client's");
    return true;
  }
  const resp::KeyStatus keys =
      info ? resp::ExtractKeys(*info, command, keys_) : resp::KeyStatus::kUnknown;
  if (!info) keys_.clear();
  if (keys == resp::KeyStatus::kNeedMore) return false;

  ++number_;
  const policy::Request request{command, info, keys_, keys};
  const bool allowed = Examine(request, 0, now);
  const std::size_t slots = queue_.size();
  if (allowed) Admit(command, Verb::kOther, 0, now);
  streams_slot_ = queue_.size() > slots;
  parser_.StreamRest();
  used = parser_.consumed();
  if (intake_ == Intake::kCommands) intake_ = allowed ? Intake::kStreaming : Intake::kDiscarding;
  if (!allowed) {
    Forward(kEmptyRequest);
    return true;
  }
  if (command.canonical()) {
    TakeBody(input.substr(0, used), false);
  } else {
    scratch_.clear();
    parser_.WriteHead(scratch_);
    TakeBody(scratch_, false);
  }
  return true;
}

void Conversation::TakeBody(std::string_view piece, bool end) {
  if (intake_ == Intake::kStreaming) {
    Forward(piece);
    FlushForward();  // a rewritten piece is the parser's, and lives only until its next call
    if (streams_slot_) queue_.back().bytes_in += piece.size();
  }
  if (!end || intake_ == Intake::kClosed) return;
  intake_ = Intake::kCommands;
  streams_slot_ = false;
}

void Conversation::TakeProtocolError(const Now& now) {
  failure_ = parser_.error();
  record_.clear();
  intake_ = Intake::kClosed;
  if (raw_) return Fail(failure_);
  if (streams_slot_) {
    // Redis has half of this command, and will never answer it.
    Slot& slot = queue_.back();
    slot.kind = Slot::Kind::kLocal;
    slot.closes = true;
    resp::WriteError(parser_.error(), slot.text);
    streams_slot_ = false;
    --awaited_;
    return;
  }
  PushLocal(parser_.error(), true, 0, now);
  if (reply_mode_ == ReplyMode::kOff || skip_next_) queue_.back().text.clear();
}

// Policy and audit. False: the command was refused and answered.
bool Conversation::Examine(const policy::Request& request, std::size_t bytes, const Now& now) {
  const policy::Rules& rules = *environment_.gate->rules;
  audit::Recorder& recorder = *environment_.recorder;
  policy::Decision decision = rules.Decide(request);
  const bool unrecordable = decision.action == policy::Action::kAllow && !recorder.healthy();
  if (unrecordable) {
    decision.action = decision.would = policy::Action::kDeny;
    decision.rule = "audit";
  }
  record_.clear();
  if (recorder.enabled() && recorder.Wants(rules.audit(), request, decision)) {
    recorder.BeginCommand(rules.audit(),
                          {subject_, number_, user_.value(), db_.value(), client_name_.value(),
                           request, decision, now.wall_us},
                          record_);
  }
  if (decision.action == policy::Action::kAllow) return true;
  const std::string_view name = request.info ? request.info->name : request.command.name();
  Refuse(unrecordable ? std::string(kAuditBroken) : policy::DenialText(decision, name),
         decision.action == policy::Action::kDisconnect, bytes, now);
  return false;
}

void Conversation::Refuse(std::string_view text, bool disconnect, std::size_t bytes,
                          const Now& now) {
  if (raw_) return Fail("a command was refused on a replication connection");
  if (transaction_.open) transaction_.dirty = true;
  if (disconnect) {
    failure_ = "the policy disconnects clients that send this command";
    PushLocal(text, true, bytes, now);
    intake_ = Intake::kClosed;
  } else if (reply_mode_ == ReplyMode::kOn && !std::exchange(skip_next_, false)) {
    PushLocal(text, false, bytes, now);
  } else {
    FinishUnanswered(bytes);
  }
}

void Conversation::PushLocal(std::string_view text, bool closes, std::size_t bytes,
                             const Now& now) {
  Slot& slot = queue_.Push();
  slot.kind = Slot::Kind::kLocal;
  slot.closes = closes;
  slot.arrived_us = now.mono_us;
  slot.first_byte_us = now.mono_us;
  slot.bytes_in = bytes;
  resp::WriteError(text, slot.text);
  slot.record.swap(record_);
}

void Conversation::FinishUnanswered(std::size_t bytes) {
  if (record_.empty()) return;
  environment_.recorder->FinishCommand(record_,
                                       {audit::CommandEnd::Result::kNone, {}, bytes, 0, -1});
}

// An allowed command: its slot, and what it does to the connection's state.
void Conversation::Admit(const resp::Command& command, Verb verb, std::size_t bytes,
                         const Now& now) {
  if (raw_) return FinishUnanswered(bytes);
  const bool silent = !ExpectsReply(command, verb);
  // What changes the meaning of replies waits for those that are still due.
  const bool in_turn = verb == Verb::kHello || verb == Verb::kReset || verb == Verb::kMonitor;
  if (silent && !(in_turn && !queue_.empty())) {
    Slot unanswered;
    unanswered.verb = verb;
    NoteEffects(command, verb, unanswered);
    if (unanswered.kind == Slot::Kind::kPubsub) loose_until_ = awaited_ + 1;
    ApplyReply(unanswered, true);
    FinishUnanswered(bytes);
  } else {
    Slot& slot = queue_.Push();
    if (silent) {
      slot.kind = Slot::Kind::kSilent;
    } else {
      ++awaited_;
    }
    slot.verb = verb;
    slot.arrived_us = now.mono_us;
    slot.bytes_in = bytes;
    slot.record.swap(record_);
    NoteEffects(command, verb, slot);
  }
  if (verb == Verb::kReset && !environment_.login.empty()) {
    Forward(environment_.login);
    queue_.Push().kind = Slot::Kind::kSwallowed;
    ++awaited_;
  }
}

// EXEC was refused here: nothing of the transaction is executed, and it is over, as where Redis's
// own ACL refuses EXEC.
void Conversation::DropTransaction(bool answered) {
  Forward(kDiscard);
  transaction_.open = transaction_.dirty = false;
  if (!answered) return;
  queue_.back().kind = Slot::Kind::kAborted;
  ++awaited_;
}

// Follows clientReplyCommand() and resetClient(): what is said now may silence later replies.
bool Conversation::ExpectsReply(const resp::Command& command, Verb verb) {
  if (verb == Verb::kReset) {
    reply_mode_ = ReplyMode::kOn;
    return !std::exchange(skip_next_, false);  // RESET itself is skipped, too
  }
  // Not allowed in this context. Where replies are still due, it may be over by then.
  const bool refused = queue_.empty() && protocol_ == 2 && pubsub_.subscribed();
  if (verb == Verb::kClientReply && !transaction_.open && !refused && command.argc() == 3) {
    reply_mode_used_ = true;
    const std::string_view mode = command.arg(2);
    if (EqualsFolded(mode, "on")) {
      reply_mode_ = ReplyMode::kOn;
      skip_next_ = false;
      return true;
    }
    if (EqualsFolded(mode, "off")) {
      reply_mode_ = ReplyMode::kOff;
      skip_next_ = false;
      return false;
    }
    if (EqualsFolded(mode, "skip")) {
      skip_next_ = reply_mode_ == ReplyMode::kOn;
      return false;
    }
  }
  if (reply_mode_ == ReplyMode::kOff || std::exchange(skip_next_, false)) return false;
  return !(verb == Verb::kReplconf && !transaction_.open && command.argc() >= 2 &&
           (EqualsFolded(command.arg(1), "ack") || EqualsFolded(command.arg(1), "getack")));
}

void Conversation::NoteEffects(const resp::Command& command, Verb verb, Slot& slot) {
  if (transaction_.open && IsQueued(verb)) return NoteQueued(command, verb, slot);
  switch (verb) {
    case Verb::kMulti:
      // A nested one is an error, and the transaction stays; but then the first one may turn out to
      // have been refused.
      if (!transaction_.open) {
        const std::uint32_t generation = transaction_.generation + 1;
        transaction_ = Transaction();
        transaction_.open = true;
        transaction_.generation = generation;
      }
      ++transaction_.unanswered;
      slot.generation = transaction_.generation;
      break;
    case Verb::kExec:
      if (!transaction_.open) break;
      if (transaction_.dirty) slot.kind = Slot::Kind::kAborted;
      slot.number = transaction_.hello;
      slot.confirmations = transaction_.extra;
      if (transaction_.subscribes) slot.pubsub = transaction_.pubsub;
      transaction_.open = transaction_.dirty = false;
      break;
    case Verb::kDiscard:
      transaction_.open = transaction_.dirty = false;
      break;
    case Verb::kReset:
      transaction_.open = transaction_.dirty = false;
      db_.Ask(0);
      user_.Ask(first_user_);
      client_name_.Ask({});
      break;
    case Verb::kQuit:
      intake_ = Intake::kClosed;
      break;
    case Verb::kHello:
      NoteHello(command, slot);
      break;
    case Verb::kSelect:
      if (!ReadNumber(command.arg(1), slot.number)) slot.number = db_.value();
      db_.Ask(slot.number);
      break;
    case Verb::kAuth:
      slot.text = command.argc() == 3 ? command.arg(1).substr(0, kMaxNoted) : "default";
      user_.Ask(slot.text);
      break;
    case Verb::kClientSetname:
      slot.text = command.arg(2).substr(0, kMaxNoted);
      client_name_.Ask(slot.text);
      break;
    default:
      if (!IsPubsub(verb)) break;
      slot.kind = Slot::Kind::kPubsub;
      slot.confirmations = static_cast<std::uint32_t>(command.argc() - 1);
      break;
  }
}

// HELLO [protover [AUTH username password] [SETNAME clientname]]
void Conversation::NoteHello(const resp::Command& command, Slot& slot) {
  if (command.argc() < 2 || !ReadNumber(command.arg(1), slot.number)) slot.number = 0;
  slot.text = user_.value();
  slot.name = client_name_.value();
  for (std::size_t i = 2; i + 1 < command.argc(); ++i) {
    if (EqualsFolded(command.arg(i), "auth") && i + 2 < command.argc()) {
      slot.text = command.arg(i + 1).substr(0, kMaxNoted);
      i += 2;
    } else if (EqualsFolded(command.arg(i), "setname")) {
      slot.name = command.arg(++i).substr(0, kMaxNoted);
    } else {
      break;  // a syntax error to Redis
    }
  }
  user_.Ask(slot.text);
  client_name_.Ask(slot.name);
}

// Inside MULTI: Redis answers +QUEUED, and the command takes effect at EXEC. Where MULTI turns out
// to have been refused, some of them have taken effect at once.
void Conversation::NoteQueued(const resp::Command& command, Verb verb, Slot& slot) {
  if (verb == Verb::kClientReply) reply_mode_used_ = true;
  if (verb == Verb::kHello) {
    NoteHello(command, slot);
    transaction_.hello = slot.number;
  } else if (IsPubsub(verb)) {
    slot.kind = Slot::Kind::kPubsub;
    slot.confirmations = static_cast<std::uint32_t>(command.argc() - 1);
    if (!std::exchange(transaction_.subscribes, true)) transaction_.pubsub = pubsub_;
    transaction_.extra += transaction_.pubsub.Assume(verb, slot.confirmations) - 1;
  } else if (verb != Verb::kMonitor) {
    slot.verb = Verb::kOther;
  }
}

void Conversation::Forward(std::string_view bytes) {
  if (!forward_.empty() && forward_.data() + forward_.size() == bytes.data()) {
    forward_ = {forward_.data(), forward_.size() + bytes.size()};
    return;
  }
  FlushForward();
  forward_ = bytes;
  // What doesn't stand in the input won't outlive this call.
  if (bytes.data() == scratch_.data()) FlushForward();
}

void Conversation::FlushForward() {
  if (forward_.empty()) return;
  outlet_.ToRedis(std::exchange(forward_, {}));
}

}  // namespace redwall::proxy
