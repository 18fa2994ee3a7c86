// The request half of Conversation: client -> checkpoint -> Redis.
#include <utility>

#include "gateway/audit/redaction.h"
#include "gateway/proxy/conversation.h"
#include "gateway/proxy/fold.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

using resp::Verb;

constexpr std::string_view kEmptyRequest = "*0\r\n";  // Redis skips it without an answer
constexpr std::string_view kDiscard = "*1\r\n$7\r\nDISCARD\r\n";
constexpr std::string_view kAuditBroken =
    "ERR redwall: the audit log can't be written, so nothing is served until it can";
constexpr std::size_t kMaxSilenced = 1024;  // slots that wait for a CLIENT REPLY to be proven

// A request that Redis refuses with the same error; empty where there is none. `amid`: Redis has
// the first arguments of a command already.
std::string Misspelt(std::string_view error, bool amid) {
  constexpr std::string_view kExpected = "ERR Protocol error: expected '$', got '";
  const std::string head = amid ? "" : "*1\r\n";
  if (error == "ERR Protocol error: invalid bulk length") return head + "$x\r\n";
  if (error.starts_with(kExpected) && error.size() == kExpected.size() + 2) {
    const char got = error[kExpected.size()];
    if (got == '\0') return {};
    return head + (got == '\r' || got == '\n' ? ' ' : got) + "\r\n";  // as an error shows them
  }
  if (amid) return {};
  if (error == "ERR Protocol error: invalid multibulk length") return "*x\r\n";
  if (error == "ERR Protocol error: unbalanced quotes in request") return "\"\r\n";
  return {};
}

// A web page that makes a browser talk to Redis: Redis ends such a connection, and so do we.
bool IsCrossProtocol(const resp::Command& command) {
  return EqualsFolded(command.name(), "post") || EqualsFolded(command.name(), "host:");
}

}  // namespace

void Conversation::OnRequest(std::string_view bytes, const Now& now) {
  if (intake_ == Intake::kClosed) {
    std::string().swap(held_);
    return Charge();
  }
  if (held_.empty()) {
    held_.append(bytes.substr(TakeRequests(bytes, now)));
  } else {
    held_.append(bytes);
    held_.erase(0, TakeRequests(held_, now));
    if (held_.empty()) std::string().swap(held_);
  }
  GiveMemoryBack();
  Charge();
}

// What waits for its turn is forwarded as it would have been sent: nothing comes that could be out
// of step for long.
void Conversation::OnRequestEnd(const Now& now) {
  request_end_ = true;
  if (!std::exchange(held_back_, false)) return;
  if (quitting_) intake_ = Intake::kClosed;
  OnRequest({}, now);
}

std::size_t Conversation::TakeRequests(std::string_view input, const Now& now) {
  std::size_t done = 0;
  bool wait = false;
  while (!wait && takes_requests() && intake_ != Intake::kClosed && done < input.size()) {
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
        wait = held_back_ || rest.size() <= environment_.limits->request.max_inspected;
        used = 0;
        break;
      case resp::ParseStatus::kCommand:
        wait = !TakeCommand(rest.substr(0, used), now);
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
    const bool full = queue_.size() >= environment_.limits->max_pending;
    if (full || silenced_ > kMaxSilenced) AssumeReplyModeGranted();
    if (full) {
      FlushLocals();  // no reply will come for these
      paused_ = queue_.size() >= environment_.limits->max_pending;
    }
  }
  FlushForward();
  FlushLocals();
  return intake_ == Intake::kClosed ? input.size() : done;
}

// False: it stays where it is, until the replies before it have come.
bool Conversation::TakeCommand(std::string_view raw, const Now& now) {
  const resp::Command& command = parser_.command();
  if (command.argc() == 0) {
    ++number_;
    skip_next_ = false;
    Forward(command.canonical() ? raw : kEmptyRequest);
    return true;
  }
  if (IsCrossProtocol(command)) {
    Fail("a web browser's request, not a Redis client's");
    return true;
  }
  const resp::CommandInfo* info = environment_.gate->rules->table().Find(command);
  if (HasToWait(command, info ? info->verb : Verb::kOther) || (!info && IsAsking(command))) {
    held_back_ = true;
    return false;
  }
  ++number_;
  const resp::KeyStatus keys =
      info ? resp::ExtractKeys(*info, command, keys_) : resp::KeyStatus::kUnknown;
  if (!info) keys_.clear();
  const policy::Sender sender = SenderNow(now);
  const policy::Request request{command, info, keys_, keys, sender};
  // An EXEC with arguments ends a transaction, too (rejectCommand).
  const bool is_exec = info && info->verb == Verb::kExec;
  const bool is_meant = is_exec || (info && resp::ArityHolds(*info, command.argc()));
  const std::size_t slots = queue_.size();
  if (!Examine(request, raw.size(), now)) {
    if (is_exec && transaction_.open && intake_ == Intake::kCommands) {
      DropTransaction(queue_.size() > slots);
    } else {
      Forward(kEmptyRequest);
    }
    return true;
  }

  const Verb verb = is_meant ? info->verb : Verb::kOther;
  if (verb == Verb::kExec && transaction_.open && transaction_.dirty) {
    Forward(kDiscard);
  } else if (command.canonical()) {
    Forward(raw);
  } else {
    WriteAnew(command);
    Forward(scratch_);
  }
  Admit(command, info, verb, raw.size(), now);
  return true;
}

// In a form that can be read in one way only: an array, unless that would be too much for a client
// that hasn't logged in, for whom Redis limits arrays but not lines (authRequired in networking.c).
void Conversation::WriteAnew(const resp::Command& command) {
  constexpr std::size_t kMaxArguments = 10, kMaxBulk = 16384, kMaxLine = 64 * 1024 - 2;
  bool large = command.argc() > kMaxArguments;
  for (std::size_t i = 0; i < command.size(); ++i) large |= command.arg(i).size() > kMaxBulk;
  scratch_.clear();
  if (large && command.is_inline()) {
    resp::WriteInline(command, scratch_);
    if (scratch_.size() <= kMaxLine) return;
    scratch_.clear();
  }
  resp::WriteCommand(command, scratch_);
}

// A command whose long argument is still arriving. False: wait for more of it.
bool Conversation::TakeHead(std::string_view input, const Now& now, std::size_t& used) {
  const resp::Command& command = parser_.command();
  if (command.size() == 0) return false;
  const resp::CommandInfo* info = environment_.gate->rules->table().Find(command);
  if (info ? info->verb != Verb::kOther : command.size() < 2) return false;
  if (IsCrossProtocol(command)) {
    Fail("a web browser's request, not a Redis client's");
    return true;
  }
  const resp::KeyStatus keys =
      info ? resp::ExtractKeys(*info, command, keys_) : resp::KeyStatus::kUnknown;
  if (!info) keys_.clear();
  if (keys == resp::KeyStatus::kNeedMore) return false;
  const policy::Sender sender = SenderNow(now);
  const policy::Request request{command, info, keys_, keys, sender, parser_.arriving_bytes()};
  if (NeedsMore(request)) return false;
  if (HasToWait(command, Verb::kOther) || (!info && IsAsking(command))) {
    held_back_ = true;
    return false;
  }

  ++number_;
  const bool allowed = Examine(request, 0, now);
  const std::size_t slots = queue_.size();
  if (allowed) Admit(command, info, Verb::kOther, 0, now);
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

// Redis itself is brought to say the error, so that it comes behind all that Redis has to say
// before: replies, messages, invalidations. What Redis wouldn't mind (a limit of ours) is answered
// here.
void Conversation::TakeProtocolError(const Now& now) {
  static_cast<void>(records_.Begin());
  const bool amid = std::exchange(intake_, Intake::kClosed) == Intake::kStreaming;
  const bool has_slot = std::exchange(streams_slot_, false);
  failure_ = parser_.error();
  if (raw_) return Fail(failure_);
  const bool silent = reply_mode_ == ReplyMode::kOff || skip_next_;
  scratch_ = Misspelt(parser_.error(), amid);
  if (!scratch_.empty()) {
    Forward(scratch_);
    failure_ = {};
    if (has_slot || silent) return;  // the slot of the command under way gets the error
    queue_.Push().arrived_us = now.mono_us;
    ++awaited_;
    return;
  }
  if (has_slot) {
    // Redis has half of this command, and will never answer it.
    Slot& slot = queue_.back();
    slot.kind = Slot::Kind::kLocal;
    slot.closes = slot.own = true;
    resp::WriteError(parser_.error(), slot.answer);
    if (!slot.silent) --awaited_;
    return;
  }
  PushLocal(parser_.error(), {.closes = true, .silent = silent}, 0, now);
}

policy::Sender Conversation::SenderNow(const Now& now) const {
  return {user_.MayBe(), db_.MayBe(), subject_.client, ip_, now};
}

policy::Decision Conversation::Decide(const policy::Request& request) const {
  const Gate& gate = *environment_.gate;
  policy::Decision decision = gate.rules->Decide(request);
  const bool untold =
      request.info == nullptr && gate.rules->admits_unknown() && environment_.unknown != nullptr &&
      environment_.unknown->LookUp(request.command.name()) == UnknownCommands::Name::kUntold;
  if (untold) decision = gate.rules->RefuseUnknown();
  if (decision.action != policy::Action::kAllow || gate.pushed == nullptr) return decision;
  const policy::AuditSettings* const audit = decision.audit;
  const policy::Decision pushed = gate.pushed->Decide(request);
  if (pushed.action != policy::Action::kAllow) decision = pushed;
  decision.audit = audit;  // what is recorded here is this agent's own business
  return decision;
}

// Another name for a command that the policy denies must not pass as an unknown one.
bool Conversation::IsAsking(const resp::Command& command) const {
  return environment_.unknown != nullptr && environment_.gate->rules->admits_unknown() &&
         environment_.unknown->LookUp(command.name()) == UnknownCommands::Name::kAsking;
}

bool Conversation::NeedsMore(const policy::Request& head) const {
  const Gate& gate = *environment_.gate;
  return gate.rules->NeedsMore(head) || (gate.pushed && gate.pushed->NeedsMore(head));
}

// Policy and audit. False: the command was refused and answered.
bool Conversation::Examine(const policy::Request& request, std::size_t bytes, const Now& now) {
  audit::Recorder& recorder = *environment_.recorder;
  policy::Decision decision = Decide(request);
  const bool unrecordable = decision.action == policy::Action::kAllow && !recorder.healthy();
  if (unrecordable) {
    decision.action = decision.would = policy::Action::kDeny;
    decision.rule = "audit";
  }
  static_cast<void>(records_.Begin());
  if (recorder.enabled() && recorder.Wants(*decision.audit, request, decision)) {
    recorder.BeginCommand(*decision.audit,
                          {subject_, number_, user_.granted(), db_.value(), client_name_.value(),
                           request, decision, now.wall_us, &audit_text_},
                          records_.Begin());
  }
  if (decision.action == policy::Action::kAllow) return true;
  if (request.info == nullptr && environment_.unknown != nullptr)
    environment_.unknown->OnUnknownCommand(request.command.name());
  const std::string_view name =
      request.info ? request.info->name : audit::TellableName(request.command.name());
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
    PushLocal(text, {.closes = true}, bytes, now);
    intake_ = Intake::kClosed;
    return;
  }
  const bool silent = reply_mode_ == ReplyMode::kOff || std::exchange(skip_next_, false);
  if (silent) FinishUnanswered(bytes);
  if (!silent || unproven_ > 0) PushLocal(text, {.silent = silent}, bytes, now);
}

void Conversation::PushLocal(std::string_view text, LocalAnswer how, std::size_t bytes,
                             const Now& now) {
  // Nothing of Redis's need come before it, so it can't wait for a CLIENT REPLY to be proven.
  if (!how.silent || how.closes) AssumeReplyModeGranted();
  Slot& slot = queue_.Push();
  slot.kind = Slot::Kind::kLocal;
  slot.closes = how.closes;
  slot.silent = how.silent;
  if (unproven_ > 0) ++silenced_;
  slot.arrived_us = now.mono_us;
  slot.first_byte_us = now.mono_us;
  slot.bytes_in = bytes;
  resp::WriteError(text, slot.answer);
  slot.record_size = records_.Keep();
}

void Conversation::FinishUnanswered(std::size_t bytes) {
  if (records_.at_hand().empty()) return;
  environment_.recorder->FinishCommand(records_.at_hand(),
                                       {audit::CommandEnd::Result::kNone, {}, bytes, 0, -1});
  static_cast<void>(records_.Begin());
}

// An allowed command: its slot, and what it does to the connection's state.
void Conversation::Admit(const resp::Command& command, const resp::CommandInfo* info, Verb verb,
                         std::size_t bytes, const Now& now) {
  if (raw_) return FinishUnanswered(bytes);
  const TopologyKind topology = environment_.topology != nullptr && info != nullptr
                                    ? TopologyOf(*info, command)
                                    : TopologyKind::kNone;
  const ReplyMode mode = ReplyModeOf(command, verb);
  const bool silent = !ExpectsReply(command, verb);
  const bool unproven = silent && (mode == ReplyMode::kOff || mode == ReplyMode::kSkip);
  // What changes the meaning of replies waits for those that are still due; what stands behind a
  // CLIENT REPLY that may yet be refused waits for that.
  const bool in_turn = verb == Verb::kHello || verb == Verb::kReset || verb == Verb::kMonitor;
  if (silent && !unproven && unproven_ == 0 && !(in_turn && !queue_.empty())) {
    Slot unanswered;
    unanswered.verb = verb;
    unanswered.silent = true;
    unanswered.topology = topology;
    NoteEffects(command, verb, unanswered);
    if (unanswered.kind == Slot::Kind::kPubsub) loose_until_ = awaited_ + 1;
    ApplyReply(unanswered, true);
    if (unanswered.exec) planned_ -= unanswered.exec->items.size();
    FinishUnanswered(bytes);
  } else {
    if (silent) FinishUnanswered(bytes);
    Slot& slot = queue_.Push();
    slot.silent = silent;
    slot.unproven = unproven;
    if (unproven) ++unproven_;
    if (silent && unproven_ > 0) ++silenced_;
    if (!silent) ++awaited_;
    slot.verb = verb;
    slot.topology = topology;
    slot.arrived_us = now.mono_us;
    slot.bytes_in = bytes;
    slot.record_size = records_.Keep();
    NoteEffects(command, verb, slot);
    if (mode != ReplyMode::kUnchanged) slot.number = static_cast<std::int64_t>(mode);
    if (silent && slot.kind == Slot::Kind::kPubsub) loose_until_ = awaited_ + 1;
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
  EndTransaction();
  if (!answered) return;
  queue_.back().kind = Slot::Kind::kAborted;
  if (!queue_.back().silent) ++awaited_;
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
