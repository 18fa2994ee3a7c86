// What commands and their replies do to the state of a Redis connection: transactions, CLIENT
// REPLY, and what a later command is judged and recorded by (user, database, name).
#include <algorithm>
#include <charconv>
#include <utility>

#include "gateway/proxy/conversation.h"
#include "gateway/proxy/fold.h"

namespace redwall::proxy {
namespace {

using resp::Verb;

constexpr std::size_t kMaxNoted = 128;  // bytes of a user's or client's name that are kept

bool ReadNumber(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// What Redis runs at once even inside MULTI; all else is queued (processCommand).
bool IsQueued(Verb verb) {
  return verb != Verb::kMulti && verb != Verb::kExec && verb != Verb::kDiscard &&
         verb != Verb::kWatch && verb != Verb::kQuit && verb != Verb::kReset;
}

// REPLCONF ACK and GETACK have no answer, wherever among its options they stand (replconfCommand).
bool IsUnansweredReplconf(const resp::Command& command) {
  if (command.argc() % 2 == 0) return false;  // a syntax error
  for (std::size_t i = 1; i + 1 < command.argc(); i += 2) {
    const std::string_view option = command.arg(i);
    if (EqualsFolded(option, "ack") || EqualsFolded(option, "getack")) return true;
    std::int64_t port = 0;
    const bool goes_on =
        EqualsFolded(option, "capa") || EqualsFolded(option, "ip-address") ||
        (EqualsFolded(option, "listening-port") && ReadNumber(command.arg(i + 1), port));
    if (!goes_on) return false;
  }
  return false;
}

}  // namespace

// Some versions of Redis answer AUTH out of step (a module or a thread decides): then nothing that
// came before may be without its reply. Nor is a command judged by its user or database while Redis
// hasn't said which that is. What Redis would queue isn't run before EXEC.
bool Conversation::HasToWait(const resp::Command& command, Verb verb) const {
  if (awaited_ == answered_ || transaction_.open || raw_ || request_end_) return false;
  if (verb == Verb::kAuth || (verb == Verb::kHello && command.argc() > 2)) return true;
  const auto asks = [this](auto question) {
    const Gate& gate = *environment_.gate;
    return (gate.rules.get()->*question)() || (gate.pushed && (gate.pushed.get()->*question)());
  };
  return (user_.pending() && asks(&policy::Rules::asks_for_users)) ||
         (db_.pending() && asks(&policy::Rules::asks_for_databases));
}

// What CLIENT REPLY asks for.
Conversation::ReplyMode Conversation::ReadReplyMode(const resp::Command& command) {
  if (command.argc() != 3) return ReplyMode::kUnchanged;
  const std::string_view mode = command.arg(2);
  if (EqualsFolded(mode, "on")) return ReplyMode::kOn;
  if (EqualsFolded(mode, "off")) return ReplyMode::kOff;
  return EqualsFolded(mode, "skip") ? ReplyMode::kSkip : ReplyMode::kUnchanged;
}

// What this command changes at once. ON in silence isn't executed while subscribed in RESP2, nor is
// its refusal heard.
Conversation::ReplyMode Conversation::ReplyModeOf(const resp::Command& command, Verb verb) const {
  if (verb != Verb::kClientReply || transaction_.open) return ReplyMode::kUnchanged;
  const bool deaf = reply_mode_ == ReplyMode::kOff && protocol_ == 2 && subscribing_ != 0;
  return deaf ? ReplyMode::kUnchanged : ReadReplyMode(command);
}

void Conversation::TakeReplyMode(const Effect& effect) {
  switch (static_cast<ReplyMode>(effect.number)) {
    case ReplyMode::kOn:
      reply_mode_ = ReplyMode::kOn;
      skip_next_ = false;
      break;
    case ReplyMode::kOff:
      reply_mode_ = ReplyMode::kOff;
      skip_next_ = false;
      break;
    case ReplyMode::kSkip:
      skip_next_ = reply_mode_ == ReplyMode::kOn;
      break;
    case ReplyMode::kUnchanged:
      break;
  }
}

// What is subscribed to by now if all that was sent is granted: a bit for channels, patterns, shard
// channels.
void Conversation::NoteSubscribing(Verb verb, std::size_t argc) {
  const auto note = [&](Verb more, Verb less, unsigned bit) {
    if (verb == more) subscribing_ |= bit;
    if (verb == less && argc == 1) subscribing_ &= ~bit;
  };
  note(Verb::kSubscribe, Verb::kUnsubscribe, 1);
  note(Verb::kPsubscribe, Verb::kPunsubscribe, 2);
  note(Verb::kSsubscribe, Verb::kSunsubscribe, 4);
}

// Follows clientReplyCommand() and resetClient(): what is said now may silence later replies.
bool Conversation::ExpectsReply(const resp::Command& command, Verb verb) {
  if (verb == Verb::kReset) {
    reply_mode_ = ReplyMode::kOn;
    subscribing_ = 0;
    return !std::exchange(skip_next_, false);  // RESET itself is skipped, too
  }
  NoteSubscribing(verb, command.argc());
  const ReplyMode mode = ReplyModeOf(command, verb);
  if (mode != ReplyMode::kUnchanged) {
    reply_mode_used_ = true;
    TakeReplyMode({verb, static_cast<std::int64_t>(mode), {}, {}});
    return mode == ReplyMode::kOn;
  }
  if (reply_mode_ == ReplyMode::kOff || std::exchange(skip_next_, false)) return false;
  return verb != Verb::kReplconf || transaction_.open || !IsUnansweredReplconf(command);
}

void Conversation::NoteEffects(const resp::Command& command, Verb verb, Slot& slot) {
  if (transaction_.open && IsQueued(verb)) return NoteQueued(command, verb, slot);
  switch (verb) {
    case Verb::kMulti:
      NoteMulti(slot);
      break;
    case Verb::kExec:
      NoteExec(slot);
      break;
    case Verb::kDiscard:
      EndTransaction();
      break;
    case Verb::kReset:
      EndTransaction();
      db_.Ask(0);
      if (first_user_.empty()) {
        user_.AskLoosely({});
      } else {
        user_.Ask(first_user_);
      }
      client_name_.Ask({});
      break;
    case Verb::kQuit:
      // What stands behind it is ignored, unless QUIT is refused (from 7.2 on ACLs may do so).
      if (slot.silent) break;
      if (request_end_) intake_ = Intake::kClosed;
      quitting_ = held_back_ = !request_end_;
      break;
    default:
      if (!IsPubsub(verb)) {
        ReadEffect(command, verb, slot);
        Ask(slot);
        break;
      }
      slot.kind = Slot::Kind::kPubsub;
      slot.confirmations = static_cast<std::uint32_t>(command.argc() - 1);
      break;
  }
}

// A nested one is an error, and the transaction stays; but then the first one may turn out to have
// been refused.
void Conversation::NoteMulti(Slot& slot) {
  if (!transaction_.open) {
    EndTransaction();
    const std::int64_t generation = transaction_.generation + 1;
    transaction_ = Transaction();
    transaction_.open = true;
    transaction_.generation = generation;
  }
  ++transaction_.unanswered;
  slot.number = transaction_.generation;
}

void Conversation::NoteExec(Slot& slot) {
  if (!transaction_.open) return;
  if (transaction_.dirty) {
    slot.kind = Slot::Kind::kAborted;
  } else if (transaction_.plan != nullptr) {
    // Before what is asked for now, which may yet make all sure.
    db_.EndPlan(transaction_.heard);
    user_.EndPlan(transaction_.heard);
    slot.exec = std::move(transaction_.plan);
    for (const ExecPlan::Item& item : slot.exec->items) {
      Ask(item.effect);
      if (item.effect.verb == Verb::kClientReply) TakeReplyMode(item.effect);
    }
  }
  EndTransaction();
}

void Conversation::EndTransaction() {
  transaction_.open = transaction_.dirty = false;
  db_.EndPlan(transaction_.heard);
  user_.EndPlan(transaction_.heard);
  if (transaction_.plan == nullptr) return;
  planned_ -= transaction_.plan->items.size();
  transaction_.plan.reset();
}

// Inside MULTI: Redis answers +QUEUED, and the command takes effect at EXEC. Where MULTI turns out
// to have been refused, some of them have taken effect at once.
void Conversation::NoteQueued(const resp::Command& command, Verb verb, Slot& slot) {
  slot.queued = true;
  ExecPlan::Item item{transaction_.commands++, {}, 0};
  item.effect.verb = verb;
  switch (verb) {
    case Verb::kHello:
    case Verb::kSelect:
    case Verb::kAuth:
    case Verb::kClientSetname:
      ReadEffect(command, verb, slot);
      item.effect = slot;
      if (verb == Verb::kSelect) db_.Plan(slot.number);
      if (verb == Verb::kAuth) user_.Plan(slot.text);
      if (slot.logins > 0) user_.PlanLoosely();
      break;
    case Verb::kMonitor:
      break;
    case Verb::kClientReply:
      reply_mode_used_ = true;
      item.effect.number = static_cast<std::int64_t>(ReadReplyMode(command));
      slot.verb = Verb::kOther;
      break;
    default:
      if (IsPubsub(verb)) {
        slot.kind = Slot::Kind::kPubsub;
        slot.confirmations = item.confirmations = static_cast<std::uint32_t>(command.argc() - 1);
        break;
      }
      slot.verb = Verb::kOther;
      if (slot.topology == TopologyKind::kNone) return;
      item.effect.topology = slot.topology;
      break;
  }
  if (transaction_.plan == nullptr) transaction_.plan = std::make_unique<ExecPlan>();
  transaction_.plan->items.push_back(std::move(item));
  ++planned_;
}

void Conversation::ReadEffect(const resp::Command& command, Verb verb, Effect& effect) const {
  switch (verb) {
    case Verb::kSelect:
      if (!ReadNumber(command.arg(1), effect.number)) effect.number = db_.value();
      break;
    case Verb::kAuth:
      effect.text = command.argc() == 3 ? command.arg(1).substr(0, kMaxNoted) : "default";
      break;
    case Verb::kClientSetname:
      effect.text = command.arg(2).substr(0, kMaxNoted);
      break;
    case Verb::kHello:  // [protover [AUTH username password] [SETNAME clientname]]
      if (command.argc() < 2 || !ReadNumber(command.arg(1), effect.number)) effect.number = 0;
      effect.text = user_.value();
      effect.name = client_name_.value();
      for (std::size_t i = 2; i + 1 < command.argc(); ++i) {
        if (EqualsFolded(command.arg(i), "auth") && i + 2 < command.argc()) {
          effect.text = command.arg(i + 1).substr(0, kMaxNoted);
          effect.logins = static_cast<std::uint8_t>(std::min(effect.logins + 1, 2));
          i += 2;
        } else if (EqualsFolded(command.arg(i), "setname")) {
          effect.name = command.arg(++i).substr(0, kMaxNoted);
        } else {
          break;  // a syntax error to Redis
        }
      }
      break;
    default:
      break;
  }
}

void Conversation::Ask(const Effect& effect) {
  switch (effect.verb) {
    case Verb::kSelect:
      return db_.Ask(effect.number);
    case Verb::kAuth:
      return user_.Ask(effect.text);
    case Verb::kClientSetname:
      return client_name_.Ask(effect.text);
    case Verb::kHello:
      if (effect.logins > 0) {
        user_.AskLoosely(effect.text);
      } else {
        user_.Ask(effect.text);
      }
      client_name_.Ask(effect.name);
      return;
    default:
      return;
  }
}

// `asked`: there was an Ask for it. `heard`: there was a reply.
void Conversation::Answer(const Effect& effect, bool granted, bool asked, bool heard) {
  const auto answer = [=](auto& claim, const auto& value) {
    if (asked) {
      claim.Answer(value, granted, heard);
    } else if (granted) {
      claim.Grant(value);
    }
  };
  switch (effect.verb) {
    case Verb::kSelect:
      return answer(db_, effect.number);
    case Verb::kAuth:
      return answer(user_, effect.text);
    case Verb::kClientSetname:
      return answer(client_name_, effect.text);
    case Verb::kHello:
      if (granted && (effect.number == 2 || effect.number == 3)) protocol_ = effect.number;
      // Redis logs in while it reads the options, and may then refuse one (helloCommand).
      if (asked && effect.logins > 0 && !granted) {
        user_.AnswerVaguely();
      } else {
        answer(user_, effect.text);
      }
      answer(client_name_, effect.name);
      return;
    case Verb::kMonitor:
      monitor_ = monitor_ || granted;
      return;
    default:
      return;
  }
}

// helloCommand looks at the protocol first, and a login that fails changes nothing.
void Conversation::NoteRefusal(std::string_view error, Effect& effect) {
  if (error.starts_with("NOPROTO") || (effect.logins == 1 && error.starts_with("WRONGPASS")))
    effect.logins = 0;
}

// What a reply says about the connection's state; an error takes back what was assumed when the
// command went.
void Conversation::ApplyReply(const Slot& slot, bool granted) {
  switch (slot.verb) {
    case Verb::kMulti:
      return ApplyMulti(slot, granted);
    case Verb::kExec:
      if (slot.exec) SettleRest(*slot.exec, granted);
      return;
    case Verb::kQuit:
      quitting_ = false;
      if (granted) intake_ = Intake::kClosed;
      return;
    case Verb::kReset:
      db_.Answer(0, granted, !slot.silent);
      user_.Answer(first_user_, granted, !slot.silent, !first_user_.empty());
      client_name_.Answer({}, granted, !slot.silent);
      if (!granted) return;
      protocol_ = 2;
      monitor_ = false;
      pubsub_.Clear();
      return;
    default:
      return Answer(slot, granted, !slot.queued, !slot.silent);
  }
}

void Conversation::ApplyMulti(const Slot& slot, bool granted) {
  if (slot.number != transaction_.generation) return;  // of a transaction that is over
  --transaction_.unanswered;
  transaction_.granted = transaction_.granted || granted;
  transaction_.heard = transaction_.heard || (granted && !slot.silent);
  if (!transaction_.granted && transaction_.unanswered == 0) EndTransaction();
}

// What has no reply by now was granted or not as a whole.
void Conversation::SettleRest(ExecPlan& plan, bool granted) {
  for (; plan.done < plan.items.size(); ++plan.done)
    Answer(plan.items[plan.done].effect, granted, true, !granted);
}

// EXEC's array has begun. Its elements are looked at one by one: between them there may be pushes,
// messages and MONITOR's lines, and (un)subscribing puts a confirmation for each channel there,
// none of which the array's length counts (execCommand).
void Conversation::EndExecHeader(std::uint64_t commands) {
  Slot& slot = queue_.front();
  slot.commands = commands;
  slot.executed = 0;
  EndExecCommand();
}

void Conversation::EndExecReply(const resp::ReplyScanner::Frame& frame, Verb confirmed) {
  Slot& slot = queue_.front();
  slot.bytes_out += frame_bytes_;
  ExecPlan* const plan = slot.exec.get();
  ExecPlan::Item* const item = plan != nullptr && plan->done < plan->items.size() &&
                                       plan->items[plan->done].position == slot.executed
                                   ? &plan->items[plan->done]
                                   : nullptr;
  if (item != nullptr && confirmed != Verb::kOther && item->effect.verb == confirmed) {
    if (item->confirmations == 0) item->confirmations = pubsub_.ConfirmationsOfAll(confirmed);
    pubsub_.Confirm(confirmed, frame.last_integer);
    if (--item->confirmations > 0) return;
  } else if (IsOutOfBand(frame, confirmed)) {
    return pubsub_.Confirm(confirmed, frame.last_integer);
  } else if (item != nullptr) {
    const bool granted = frame.type != '-' && frame.type != '!';
    if (!granted) NoteRefusal(frame.text, item->effect);
    Answer(item->effect, granted, true, true);
  }
  if (item != nullptr) ++plan->done;
  ++slot.executed;
  EndExecCommand();
}

// A command of the transaction is answered. CLIENT REPLY may silence itself, or all that follows.
void Conversation::EndExecCommand() {
  Slot& slot = queue_.front();
  while (slot.executed < slot.commands && slot.exec != nullptr &&
         slot.exec->done < slot.exec->items.size()) {
    const ExecPlan::Item& item = slot.exec->items[slot.exec->done];
    const auto mode = static_cast<ReplyMode>(item.effect.number);
    const bool silent = item.effect.verb == Verb::kClientReply &&
                        (mode == ReplyMode::kOff || mode == ReplyMode::kSkip);
    if (item.position != slot.executed || !silent) break;
    ++slot.exec->done;
    slot.executed = mode == ReplyMode::kOff ? slot.commands : slot.executed + 1;
  }
  if (slot.executed < slot.commands) return;
  if (slot.exec != nullptr) SettleRest(*slot.exec, true);
  FinishSlot(audit::CommandEnd::Result::kOk, {});
}

// Whether the error that was withheld is the answer to a CLIENT REPLY, which is silent otherwise:
// NOAUTH, NOPERM, or not allowed while subscribed.
bool Conversation::RefusesReplyMode() const {
  if (withheld_.starts_with("-NOAUTH")) return true;
  return (withheld_.starts_with("-NOPERM") || withheld_.starts_with("-ERR Can't execute")) &&
         (withheld_.find("'client|reply'") != std::string::npos ||
          withheld_.find("'client' command or its sub") != std::string::npos);
}

// The CLIENT REPLY at the front was refused: what was sent behind it, up to the next one, is
// answered after all.
void Conversation::ReplyModeRefused() {
  const bool skip = queue_.front().number == static_cast<std::int64_t>(ReplyMode::kSkip);
  const std::size_t end = std::min<std::size_t>(queue_.size(), skip ? 2 : SIZE_MAX);
  bool superseded = false;
  for (std::size_t i = 0; i < end && !superseded; ++i) {
    Slot& slot = queue_.at(i);
    superseded = i > 0 && slot.verb == Verb::kClientReply && slot.number != 0;
    if (superseded || !slot.silent || slot.verb == Verb::kReplconf) continue;
    slot.silent = false;
    if (slot.kind != Slot::Kind::kLocal) ++awaited_;
  }
  queue_.front().unproven = false;
  if (--unproven_ == 0) silenced_ = 0;
  if (superseded) return;
  if (!skip) reply_mode_ = ReplyMode::kOn;
  if (queue_.size() == 1) skip_next_ = false;
}

// The CLIENT REPLY at the front was granted: it and what it silences are done.
void Conversation::ReplyModeGranted() {
  queue_.front().unproven = false;
  if (--unproven_ == 0) silenced_ = 0;
  FlushLocals();
}

// Where it can't be waited for any longer whether a CLIENT REPLY was refused. If one was, replies
// that have no slot pass all the same.
void Conversation::AssumeReplyModeGranted() {
  for (std::size_t i = 0; unproven_ > 0 && i < queue_.size(); ++i)
    if (std::exchange(queue_.at(i).unproven, false)) --unproven_;
  silenced_ = 0;
}

}  // namespace redwall::proxy
