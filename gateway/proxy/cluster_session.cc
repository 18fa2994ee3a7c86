#include "gateway/proxy/cluster_session.h"

#include <cstring>
#include <utility>

#include "gateway/proxy/fold.h"
#include "resp/writer.h"

namespace redwall::proxy {
namespace {

void Wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

std::string Encode(const resp::Command& command) {
  std::string bytes;
  resp::WriteCommand(command, bytes);
  return bytes;
}

std::string Encode(std::initializer_list<std::string_view> arguments) {
  std::string bytes;
  resp::WriteCommand(arguments, bytes);
  return bytes;
}

// HELLO [version [AUTH user password] [SETNAME name]]
void ReadHello(const resp::Command& command, ClusterSession::Change& change) {
  if (command.argc() < 2) return;
  const bool third = command.arg(1) == "3";
  change.protocol = third ? 3 : 2;
  change.items[ClusterSession::kHello] = third ? Encode({"HELLO", "3"}) : std::string();
  for (std::size_t i = 2; i + 1 < command.argc();) {
    if (EqualsFolded(command.arg(i), "auth") && i + 2 < command.argc()) {
      change.items[ClusterSession::kAuth] =
          Encode({"AUTH", command.arg(i + 1), command.arg(i + 2)});
      i += 3;
    } else {
      if (EqualsFolded(command.arg(i), "setname"))
        change.items[ClusterSession::kName] = Encode({"CLIENT", "SETNAME", command.arg(i + 1)});
      i += 2;
    }
  }
}

void ReadTracking(const resp::Command& command, ClusterSession::Change& change) {
  const bool on = EqualsFolded(command.arg(2), "on");
  change.tracking = on ? TrackingMode::kPlain : TrackingMode::kOff;
  change.adds = on;
  change.items[ClusterSession::kTracking] = on ? Encode(command) : std::string();
  for (std::size_t i = 3; on && i < command.argc(); ++i) {
    const std::string_view option = command.arg(i);
    if (EqualsFolded(option, "optin")) change.tracking = TrackingMode::kOptIn;
    if (EqualsFolded(option, "optout")) change.tracking = TrackingMode::kOptOut;
    if (EqualsFolded(option, "bcast")) change.broadcast = true;
    if (EqualsFolded(option, "redirect")) change.redirects = true;
    if (EqualsFolded(option, "redirect") || EqualsFolded(option, "prefix")) ++i;
  }
}

}  // namespace

ClusterSession::Change::~Change() {
  if (items[kAuth]) Wipe(*items[kAuth]);
}

ClusterSession::~ClusterSession() { Wipe(items_[kAuth]); }

ClusterSession::Change ClusterSession::Read(std::string_view name, const resp::Command& command) {
  Change change;
  const auto keep = [&](Item item) { change.items[item] = Encode(command); };
  if (name == "auth") keep(kAuth);
  if (name == "hello") ReadHello(command, change);
  if (name == "client|setname") keep(kName);
  if (name == "client|setinfo")
    keep(EqualsFolded(command.arg(2), "lib-name") ? kLibraryName : kLibraryVersion);
  if (name == "client|no-evict") keep(kNoEvict);
  if (name == "client|no-touch") keep(kNoTouch);
  if (name == "client|tracking") ReadTracking(command, change);
  if (name == "readonly" || name == "readwrite") {
    change.readonly = name == "readonly";
    change.items[kReadonly] = *change.readonly ? Encode(command) : std::string();
  }
  return change;
}

bool ClusterSession::HasRoom(const Change& change) const {
  for (std::size_t i = 0; i < kItems; ++i) {
    const std::size_t before = change.adds && i == kTracking ? items_[i].size() : 0;
    if (change.items[i] && before + change.items[i]->size() > kMaxBytes) return false;
  }
  return true;
}

void ClusterSession::Apply(Change change) {
  for (std::size_t i = 0; i < kItems; ++i) {
    if (!change.items[i]) continue;
    if (i == kTracking) {
      if (!change.adds) items_[i].clear();
      trackings_ = change.adds ? trackings_ + 1 : 0;
      items_[i] += *change.items[i];
    } else {
      Wipe(items_[i]);
      items_[i] = *change.items[i];
    }
  }
  if (change.protocol) protocol_ = *change.protocol;
  if (change.readonly) readonly_ = *change.readonly;
  if (change.tracking) {
    tracking_ = *change.tracking;
    broadcast_ = tracking_ != TrackingMode::kOff && (broadcast_ || change.broadcast);
  }
}

void ClusterSession::Reset() {
  for (std::string& item : items_) Wipe(item);
  trackings_ = 0;
  protocol_ = 2;
  readonly_ = false;
  tracking_ = TrackingMode::kOff;
  broadcast_ = false;
}

std::size_t ClusterSession::WritePreamble(std::string& out) const {
  out += login_;
  std::size_t replies = login_.empty() ? 0 : 1;
  for (std::size_t i = 0; i < kItems; ++i) {
    out += items_[i];
    if (!items_[i].empty()) replies += i == kTracking ? trackings_ : 1;
  }
  return replies;
}

}  // namespace redwall::proxy
